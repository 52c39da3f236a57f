"""Block-wise reading of arrays that exceed memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError

__all__ = [
    "MEMORY",
    "block_mean",
    "cache_pixel_budget",
    "check_memory",
    "downsampled_shape",
    "is_lazy",
    "iter_chunks",
    "pyramid_levels",
    "read_chunk_bytes",
    "result_pixel_budget",
]

PROBES = 4  # pixels read along each axis of a cell: more make its mean hardly better
Window = tuple[slice, ...]
MEMORY = 256.0  # megabytes
LEAST = 16.0
MEGABYTE = 2**20
KEPT, RASTER, READ = 1 / 4, 1 / 4, 1 / 16  # of it
RASTER_BYTES = 32  # of a pixel of the results: masks and probabilities of a few classes
MOST_RASTER = {2: 1024**2}  # of an image: outlines are exact whatever the raster


def is_lazy(data: Any) -> bool:
    """Whether an array's values are elsewhere until they are asked for."""
    if isinstance(data, np.ndarray):
        return isinstance(data, np.memmap)
    return hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__getitem__")


def pyramid_levels(data: Any) -> list[Any]:
    """Levels of an image, the finest first; one where it is no pyramid.

    Parameters
    ----------
    data : array or sequence of arrays
        A pyramid is a sequence of arrays with the same axes and type, each smaller than the one
        before.

    Raises
    ------
    InputError
        If a sequence of arrays that shrink is no pyramid.
    """
    if not isinstance(data, Sequence) or isinstance(data, str | bytes) or len(data) == 0:
        return [data]
    levels = list(data)
    if not all(hasattr(x, "shape") and hasattr(x, "dtype") for x in levels):
        return [data]
    sizes = [math.prod(x.shape) for x in levels]
    if len(levels) > 1 and not all(a > b for a, b in pairwise(sizes)):
        return [data]  # frames of one size, for example
    first = levels[0]
    for level in levels[1:]:
        wider = any(a < b for a, b in zip(first.shape, level.shape, strict=False))
        if len(level.shape) != len(first.shape) or wider or level.dtype != first.dtype:
            raise InputError(
                f"the levels of the pyramid do not fit together ({first.dtype} {first.shape} and "
                f"{level.dtype} {level.shape}): give one image at falling resolutions"
            )
    return levels


def iter_chunks(array: Any, most: int) -> Iterator[Window]:
    """Windows that tile an array and are read at once, along the borders of its chunks.

    Parameters
    ----------
    array : array
        Of numpy, dask, zarr, h5py ...
    most : int
        Bytes of a window, about; a larger chunk is read in parts.
    """
    edges = _edges(array)
    sides = [max((b - a for a, b in pairwise(e)), default=0) for e in edges]
    item = array.dtype.itemsize
    for axis in reversed(range(len(edges))):
        # As many chunks at once as fit, the last axis first.
        available = max(1, most // max(1, item * math.prod(sides)))
        edges[axis] = [*edges[axis][:-1:available], edges[axis][-1]]
        sides[axis] = max((b - a for a, b in pairwise(edges[axis])), default=0)
    for axis, side in enumerate(sides):
        over = item * math.prod(sides) / most
        if over > 1:
            sides[axis] = max(1, int(side / over))
            edges[axis] = [
                *(x for a, b in pairwise(edges[axis]) for x in range(a, b, sides[axis])),
                edges[axis][-1],
            ]
    for parts in product(*(list(pairwise(e)) for e in edges)):
        yield tuple(slice(a, b) for a, b in parts)


def _edges(array: Any) -> list[list[int]]:
    """Return the chunk boundaries along each axis, or rows without chunks."""
    shape = tuple(array.shape)
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)
    if chunks is None:
        chunks = (1, *shape[1:])
    found = []
    for size, chunk in zip(shape, chunks, strict=True):
        if isinstance(chunk, Sequence):  # dask tells every one
            found.append([0, *np.cumsum(chunk).tolist()])
        else:
            found.append([*range(0, size, max(1, int(chunk))), size])
    return found


def downsampled_shape(shape: Sequence[int], most: int, *, frames: bool = False) -> tuple[int, ...]:
    """Return the shape of a coarser image with at most about ``most`` pixels.

    The longest axes get shorter first, so that a stack of few planes keeps them.

    Parameters
    ----------
    shape : sequence of int
    most : int
    frames : bool, optional
        The first axis is time: its steps are never joined.
    """
    sizes, first = [int(n) for n in shape], int(frames)
    while math.prod(sizes) > most and max(sizes[first:]) > 1:
        longest = max(sizes[first:])
        for axis in range(first, len(sizes)):
            if 2 * sizes[axis] > longest + 1:  # halves, so that cells are whole pixels
                sizes[axis] = -(-sizes[axis] // 2)
    return tuple(sizes)


def block_mean(array: Any, sizes: Sequence[int], most: int) -> npt.NDArray[Any]:
    """Means over the cells of a coarser image of the same area; every chunk is read once.

    Parameters
    ----------
    array : (n1, ..., nd) or (n1, ..., nd, c) array
        Real numbers.
    sizes : sequence of d int
        Cells along each axis, not more than pixels.
    most : int
        Bytes that are read at once, about.

    Returns
    -------
    (m1, ..., md) or (m1, ..., md, c) array
        Of the array's type; bools become True where half of a cell is.
    """
    further = tuple(array.shape[len(sizes) :])
    if tuple(sizes) == tuple(array.shape[: len(sizes)]):
        return _copied(array, most)
    axes = [_Probes(n, m) for n, m in zip(array.shape, sizes, strict=False)]
    # Whole numbers are summed as such, which is quicker, where the sum fits.
    kind = np.dtype(array.dtype)
    exact = kind.kind in "bu" and kind.itemsize == 1
    sums = np.zeros((*sizes, *further), np.uint16 if exact else np.float32)
    for window in iter_chunks(array, most):
        check_cancelled()
        parts = [axis.within(side) for axis, side in zip(axes, window, strict=False)]
        if all(part.stop > part.start for part in parts):
            _add(sums, np.asarray(array[window]), axes, parts, window)
    means = sums / np.float32(math.prod(axis.count for axis in axes))
    if kind.kind == "b":
        return means >= 0.5
    return (np.rint(means) if kind.kind in "ui" else means).astype(kind)


def _copied(array: Any, most: int) -> npt.NDArray[Any]:
    """Copy the array into memory block by block."""
    found = np.empty(tuple(array.shape), array.dtype)
    for window in iter_chunks(array, most):
        check_cancelled()
        found[window] = array[window]
    return found


class _Probes:
    """Pixels that are read along an axis: as many for every cell."""

    def __init__(self, size: int, cells: int) -> None:
        self.count = min(PROBES, max(1, size // cells))
        total = cells * self.count
        self.places = ((np.arange(total) + 0.5) * size / total).astype(np.int64)

    def within(self, side: slice) -> range:
        """Numbers of those in a window."""
        return range(*np.searchsorted(self.places, [side.start, side.stop]).tolist())


def _add(
    sums: npt.NDArray[Any],
    block: npt.NDArray[Any],
    axes: Sequence[_Probes],
    parts: Sequence[range],
    window: Window,
) -> None:
    """Add what a window holds to the sums of its cells."""
    picked: list[Any] = []
    whole = True
    for axis, part, side in zip(axes, parts, window, strict=False):
        places = axis.places[part.start : part.stop] - side.start
        step = int(places[1] - places[0]) if len(places) > 1 else 1
        even = int(places[-1] - places[0]) == step * (len(places) - 1)
        even = even and bool((np.diff(places) == step).all())
        whole = whole and part.start % axis.count == part.stop % axis.count == 0
        picked.append(slice(int(places[0]), int(places[-1]) + 1, step) if even else places)
    for dim, chosen in enumerate(picked):
        if isinstance(chosen, slice):
            block = block[(*[slice(None)] * dim, chosen)]
        else:
            block = block.take(chosen, axis=dim)
    if whole:  # much quicker than below
        cells = tuple(
            slice(part.start // axis.count, part.stop // axis.count)
            for axis, part in zip(axes, parts, strict=True)
        )
        target = sums[(*cells, *window[len(axes) :])]
        for offsets in product(*(range(axis.count) for axis in axes)):
            target += block[
                tuple(slice(o, None, axis.count) for o, axis in zip(offsets, axes, strict=True))
            ]
        return
    where = []
    for dim, (axis, part) in enumerate(zip(axes, parts, strict=True)):
        cell = np.array(part) // axis.count
        block = np.add.reduceat(
            block, np.flatnonzero(np.diff(cell, prepend=-1)), axis=dim, dtype=sums.dtype
        )
        where.append(slice(int(cell[0]), int(cell[-1]) + 1))
    sums[(*where, *window[len(axes) :])] += block


def check_memory(memory: float) -> float:
    """Return the megabytes, or raise an InputError if they are too few for anything."""
    if not math.isfinite(memory) or memory < LEAST:
        raise InputError(f"memory must be {LEAST:g} megabytes or more, not {memory:g}")
    return float(memory)


def cache_pixel_budget(memory: float, size: int) -> int:
    """Return the number of pixels of a lazy image that may be cached."""
    # While means are made, their sums are there too.
    return max(1, int(KEPT * memory * MEGABYTE / (size + 4)))


def result_pixel_budget(memory: float, ndim: int) -> int:
    """Return the number of pixels that results may have."""
    most = int(RASTER * memory * MEGABYTE / RASTER_BYTES)
    return min(most, MOST_RASTER.get(ndim, most))


def read_chunk_bytes(memory: float) -> int:
    """Bytes that are read at once."""
    return int(READ * memory * MEGABYTE)
