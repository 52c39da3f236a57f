"""Masks of connected sets, evaluated near their boundary only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.rendering.rasterize import POINTS_PER_YIELD, Logit, grid_coordinates

__all__ = ["rasterize_connected"]

SIDE = 8  # pixels of a block
STEEP = 1.5  # times the change between blocks that the logit may differ within one

Mask = npt.NDArray[np.bool_]


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
