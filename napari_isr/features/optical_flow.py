"""Optical flow between the frames of a sequence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.registration import optical_flow_ilk, phase_cross_correlation

from napari_isr.cancellation import check_cancelled

__all__ = ["flow_correspondences", "optical_flow"]

RADIUS = 5  # cells around a cell that move alike
WARPS = 5  # of each scale of the flow
SHARED = 0.5  # of each side that two frames show at least
LEAST = 2 * RADIUS + 1  # cells along each axis: in fewer, nothing is looked for

Flow = npt.NDArray[np.float32]
Gray = npt.NDArray[np.float32]


def optical_flow(colors: npt.NDArray[np.floating]) -> Flow:
    """Optical flow from each frame to the next.

    First the way that most of the picture goes, found by phase correlation, so that a camera may
    be turned by more than an object's size; then that of every cell [1]_.

    Parameters
    ----------
    colours : (t, h, w, c) array
        Colours of the cells of the frames.

    Returns
    -------
    (t - 1, 2, h, w) array
        Rows and columns that each cell moves, in cells.

    References
    ----------
    .. [1] Le Besnerais & Champagnat, "Dense optical flow by iterative local window registration",
       ICIP 2005.
    """
    gray = np.asarray(colors, np.float32).mean(-1)
    flows = []
    for first, second in pairwise(gray):
        check_cancelled()
        flows.append(_flow(first, second))
    return np.stack(flows) if flows else np.zeros((0, 2, *gray.shape[1:]), np.float32)


def _flow(first: Gray, second: Gray) -> Flow:
    still = np.zeros((2, *first.shape), np.float32)
    if min(first.shape) < LEAST or min(np.ptp(first), np.ptp(second)) < 1e-6:
        return still
    shift = _shift(first, second)
    moved = ndimage.shift(second, shift, order=1, mode="nearest")
    own = optical_flow_ilk(first, moved, radius=RADIUS, num_warp=WARPS, dtype=np.float32)
    flow: Flow = np.asarray(own, np.float32) - np.array(shift, np.float32)[:, None, None]
    return np.where(np.isfinite(flow), flow, still)


def _shift(first: Gray, second: Gray) -> tuple[float, float]:
    """Estimate the shift of the second picture onto the first, zero if no shift is better."""
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in first.shape))
    faded = [(gray - gray.mean()) * window for gray in (first, second)]
    tried = [(0.0, 0.0)]
    for normalization in ("phase", None):
        found = phase_cross_correlation(*faded, normalization=normalization)[0]
        tried.append((float(found[0]), float(found[1])))
    return min(tried, key=lambda shift: _difference(first, second, shift))


def _difference(first: Gray, second: Gray, shift: tuple[float, float]) -> float:
    """Mean difference where both pictures are; infinite where that is little."""
    here, there = [], []
    for n, step in zip(first.shape, map(int, shift), strict=True):
        if abs(step) > n * (1 - SHARED):
            return float("inf")
        here.append(slice(max(0, step), n + min(0, step)))
        there.append(slice(max(0, -step), n + min(0, -step)))
    return float(np.abs(first[tuple(here)] - second[tuple(there)]).mean())


def flow_correspondences(flow: Flow) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cells of each frame and where they are in the next one, as indices into all cells.

    Parameters
    ----------
    flow : (t - 1, 2, h, w) array
        See :func:`optical_flow`. What leaves the picture is left out.
    """
    count, _, height, width = flow.shape
    index = np.arange((count + 1) * height * width).reshape(count + 1, height, width)
    rows, columns = np.indices((height, width))
    down = np.rint(rows + flow[:, 0]).astype(np.int64)
    right = np.rint(columns + flow[:, 1]).astype(np.int64)
    seen = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    ahead = np.arange(1, count + 1)[:, None, None]
    target = (ahead * height + down) * width + right
    return index[:-1][seen], target[seen]
