"""Rasterizers: refined masks, masks of connected sets, and masks of sequences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.connectivity import PathConnected, path_query_for, repair_mask
from napari_isr.rendering.rasterize import (
    POINTS_PER_YIELD,
    Logit,
    ShapeLogit,
    grid_coordinates,
    rasterize_blocks,
)
from napari_isr.shapes.base import Shape
from napari_isr.shapes.time_varying import TimeVaryingShape
from napari_isr.shapes.tube import Tube

__all__ = ["WORTH_IT", "rasterize_connected", "rasterize_refined", "rasterize_sequence"]

WORTH_IT = 2**23  # pixels from which it is
RIM = 2  # cells to each side of the boundary
Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
SIDE = 8  # pixels of a block
STEEP = 1.5  # times the change between blocks that the logit may differ within one


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


def rasterize_connected(
    logit: Logit, axes: Sequence[npt.NDArray[np.float64]]
) -> Iterator[Mask | None]:
    """Rasterize the logit of a connected set, in steps of a few milliseconds.

    One pixel of each block is looked at, and every pixel of those blocks that the boundary may
    cross. From there the boundary is followed: wherever two neighbouring pixels differ, all of
    both their blocks is looked at. So nothing is missed that hangs together through pixels. What
    hangs on by less may be missed where it is smaller than a block.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) to values (n,).
    axes : sequence of (ni,) arrays
        Pixel coordinates along each axis, rising.

    Yields
    ------
    None or (n1, ..., nd) bool array
        None after each step but the last; then the mask.
    """
    sizes = np.array([len(axis) for axis in axes])
    counts = -(-sizes // SIDE)
    every = np.argwhere(np.ones(counts, bool))
    middles = np.minimum(every * SIDE + SIDE // 2, sizes - 1)
    found = []
    for start in range(0, len(every), POINTS_PER_YIELD):
        found.append(logit(grid_coordinates(axes, middles[start : start + POINTS_PER_YIELD])))
        yield None
    values = np.concatenate(found).reshape(counts)
    inside = values > 0
    for axis in range(len(sizes)):
        inside = inside.repeat(SIDE, axis=axis)
    known = np.zeros(counts, bool)
    wanted = _crossed(values)
    offsets = np.argwhere(np.ones((SIDE,) * len(sizes), bool))
    while wanted.any():
        blocks = np.argwhere(wanted)
        some = max(1, POINTS_PER_YIELD // len(offsets))
        for start in range(0, len(blocks), some):
            index = (blocks[start : start + some, None] * SIDE + offsets).reshape(-1, len(sizes))
            inside[tuple(index.T)] = logit(grid_coordinates(axes, np.minimum(index, sizes - 1))) > 0
            yield None
        known |= wanted
        check_cancelled()
        wanted = _differing(inside) & ~known
    yield inside[tuple(slice(n) for n in sizes)]


def _crossed(values: npt.NDArray[np.float64]) -> Mask:
    """Blocks that the zero level may cross, by how the logit changes from block to block."""
    change = np.zeros_like(values)
    for axis in range(values.ndim):
        step = np.abs(np.diff(values, axis=axis))
        for side in (slice(None, -1), slice(1, None)):
            part = tuple(side if a == axis else slice(None) for a in range(values.ndim))
            change[part] = np.maximum(change[part], step)
    crossed: Mask = np.abs(values) <= STEEP * change
    return crossed


def _differing(inside: Mask) -> Mask:
    """Blocks with a pixel that differs from its neighbour in the next block."""
    counts = np.array(inside.shape) // SIDE
    found = np.zeros(counts, bool)
    for axis in range(inside.ndim):
        rows = inside.swapaxes(0, axis)
        other = rows[SIDE - 1 : -1 : SIDE] != rows[SIDE::SIDE]
        split = [n for size in rows.shape[1:] for n in (size // SIDE, SIDE)]
        other = other.reshape(len(other), *split).any(axis=tuple(range(2, 1 + len(split), 2)))
        blocks = found.swapaxes(0, axis)
        blocks[:-1] |= other
        blocks[1:] |= other
    return found


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
