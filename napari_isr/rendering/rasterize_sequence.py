"""Masks of moving shapes at any resolution in space and time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.connectivity import PathConnected, path_query_for, repair_mask
from napari_isr.rendering.rasterize import ShapeLogit, rasterize_blocks
from napari_isr.rendering.tracing import rasterize_connected
from napari_isr.shapes.base import Shape
from napari_isr.shapes.time_varying import TimeVaryingShape
from napari_isr.shapes.tube import Tube

__all__ = ["rasterize_sequence"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


def rasterize_sequence(
    shape: TimeVaryingShape, frame: TimeSeriesGeometry, axes: Sequence[Points]
) -> Iterator[Mask | None]:
    """Rasterize a moving shape on the product of axes, in steps of a few milliseconds.

    Parameters
    ----------
    shape : TimeVaryingShape
    frame : TimeSeriesGeometry
        The sequence.
    axes : sequence of (ni,) arrays
        Pixel coordinates along each axis, rising; times may be fractions.

    Yields
    ------
    None or (n1, ..., nd) bool array
        None after each step but the last; then the mask. Of a tube each frame is one piece
        without holes, and all are joined.
    """
    single, exact = copy.deepcopy(shape), copy.deepcopy(shape).cpu().double()
    times = frame.times(axes[0]).tolist()
    mask = np.zeros([len(axis) for axis in axes], dtype=bool)
    for number, time in enumerate(times):
        if not single.is_present(time):
            continue
        inner = single.shape_at(time)
        logit = ShapeLogit(inner, frame.frame_geometry, keep=False)
        pixels = (
            rasterize_connected(logit, axes[1:])
            if isinstance(inner, PathConnected)
            else rasterize_blocks(logit, axes[1:], logit.block_bound())
        )
        for part in pixels:
            if part is None:
                yield None
            else:
                mask[number] = _mended(part, exact.shape_at(time), frame, axes[1:])
    if isinstance(exact, Tube) and run_cancellable(lambda: int(ndimage.label(mask)[1])) != 1:
        joined = repair_mask(mask, axes, *path_query_for(exact, frame))
        for number, time in enumerate(times):
            check_cancelled()
            if (joined[number] != mask[number]).any():
                joined[number] = _mended(joined[number], exact.shape_at(time), frame, axes[1:])
        mask = joined
    yield mask


def _is_whole(mask: Mask) -> bool:
    """Whether a frame is one piece without holes."""
    rows = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1))
    part = np.pad(mask[rows[0] : rows[-1] + 1], 1)
    if ndimage.label(part)[1] != 1:
        return False
    return int(ndimage.label(~part, np.ones((3,) * part.ndim))[1]) == 1


def _mended(mask: Mask, inner: Shape, frame: TimeSeriesGeometry, axes: Sequence[Points]) -> Mask:
    """Repair the pixels of the shape of a frame if it must be connected."""
    if not isinstance(inner, PathConnected) or (mask.any() and _is_whole(mask)):
        return mask
    return repair_mask(mask, axes, *path_query_for(inner, frame.frame_geometry))
