"""Masks refined at the boundary of a coarser mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["WORTH_IT", "rasterize_refined"]

WORTH_IT = 2**23  # pixels from which it is
RIM = 2  # cells to each side of the boundary
POINTS_PER_YIELD = 16_384  # points between two yields: a few milliseconds

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def rasterize_refined(
    logit: Callable[[Points], Points],
    axes: Sequence[Points],
    coarse: Mask,
    shape: Sequence[int],
) -> Iterator[Mask | None]:
    """Rasterize a logit near the boundary of a coarser mask, which is copied elsewhere.

    For shapes whose logit has no bound of its slope that could decide whole blocks. What is
    thinner than a pixel of the coarse mask, and far from all others, stays unseen.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) of the image to values (n,).
    axes : sequence of (ni,) arrays
        Pixel coordinates along each axis, rising.
    coarse : (m1, ..., md) bool array
        Mask of the whole image.
    shape : sequence of int
        Pixels of the image along each axis.

    Yields
    ------
    None or (n1, ..., nd) bool array
        None after each step but the last; then the mask.
    """
    places = [
        np.clip(((axis + 0.5) * (m / n)).astype(np.int64), 0, m - 1)
        for axis, m, n in zip(axes, coarse.shape, shape, strict=True)
    ]
    near = [slice(max(0, p[0] - RIM), p[-1] + RIM + 1) for p in places]
    part = coarse[tuple(near)]
    ball = ndimage.iterate_structure(ndimage.generate_binary_structure(part.ndim, part.ndim), RIM)
    grown = ndimage.binary_dilation(part, ball)
    rim = grown & ~ndimage.binary_erosion(part, ball, border_value=1)
    inner = np.ix_(*(p - s.start for p, s in zip(places, near, strict=True)))
    mask = part[inner]
    for first in range(len(mask)):
        # Row after row: the indices of all pixels at once would take many times the mask.
        row = rim[tuple(np.atleast_1d(i[first] if k == 0 else i) for k, i in enumerate(inner))][0]
        found = np.argwhere(row)
        values = np.empty(len(found), bool)
        for start in range(0, len(found), POINTS_PER_YIELD):
            index = found[start : start + POINTS_PER_YIELD]
            rest = [axis[i] for axis, i in zip(axes[1:], index.T, strict=True)]
            points = np.stack([np.full(len(index), axes[0][first]), *rest], axis=1)
            values[start : start + POINTS_PER_YIELD] = logit(points) > 0
            yield None
        mask[first][tuple(found.T)] = values
    yield mask
