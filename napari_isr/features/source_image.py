"""Source image as floats, and its planes at working size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from napari_isr.errors import InputError
from napari_isr.features.color import to_rgb
from napari_isr.geometry.image import ImageGeometry
from napari_isr.lazy_arrays import (
    MEMORY,
    block_mean,
    cache_pixel_budget,
    downsampled_shape,
    is_lazy,
    pyramid_levels,
    read_chunk_bytes,
)

__all__ = ["PlaneReader", "SourceImage", "rescale_coordinates", "sample_bilinear"]

SAMPLE = 200_000  # pixels from which the range of values is estimated
PERCENTILES = (0.5, 99.5)
MOST_KEPT = 2**22  # pixels of a plane: several times what any feature looks at
Array = npt.NDArray[np.float32]
OVERSAMPLING = 2  # rows read per working row at least: a huge image is thinned out first


class SourceImage:
    """Pixels of an image with its channels last, read where they are needed.

    8-bit values are divided by 255. Other integers and floats outside [0, 1] are scaled per
    channel from their 0.5 to their 99.5 percentile, so that a 12-bit camera image in 16 bits, or
    a few hot pixels, do not leave everything black. Transparency of an RGBA image is dropped.
    ``span`` holds the values (c,), (c,) of the channels that become 0 and 1; it may be set to that
    of another image.

    Parameters
    ----------
    data : (..., ) array or sequence of arrays
        Grey (n1, ..., nd) or with channels (n1, ..., nd, c); bool, integer or float. What is not
        in memory (dask, zarr, a memory map), or a pyramid (levels, the finest first), is read
        block by block, once, from the coarsest level that shows enough, and kept as means over
        cells.
    ndim : int
        Number of axes that are not channels (that of the strokes).
    memory : float, optional
        Megabytes that the pixels of such an image may take.
    frames : bool, optional
        The first axis is time.

    Raises
    ------
    InputError
        If the number of axes does not fit, or values are not finite or not real numbers.
    """

    def __init__(
        self, data: Any, ndim: int, *, memory: float = MEMORY, frames: bool = False
    ) -> None:
        levels = pyramid_levels(data)
        data = levels[0]
        array = data if hasattr(data, "shape") and hasattr(data, "dtype") else np.asarray(data)
        if array.ndim not in (ndim, ndim + 1):
            raise InputError(
                f"the image has {array.ndim} axes, but the strokes have {ndim}: the image must "
                "have the same axes, or one more, last one for channels"
            )
        if array.dtype.kind not in "buif":
            raise InputError(f"the image holds {array.dtype} values: real numbers are needed")
        self.has_channels = array.ndim == ndim + 1
        self.shape: tuple[int, ...] = tuple(int(n) for n in array.shape[:ndim])
        self._levels: list[Any] = []  # of what is not in memory
        if (len(levels) > 1 or is_lazy(array)) and 0 not in array.shape:
            self._levels = levels
            array = _kept(levels, ndim, memory, frames)
        self.data = array[..., :3] if self.has_channels and array.shape[-1] == 4 else array
        self.channels = int(self.data.shape[-1]) if self.has_channels else 1
        if self.channels == 0 or 0 in self.shape:
            raise InputError(f"the image is empty (its size is {array.shape})")
        self._scale = np.array(self.data.shape[:ndim]) / np.array(self.shape)
        self.span = self._range()

    def _range(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        sample = self._sample()
        if not np.isfinite(sample).all():
            raise InputError(
                "the image holds NaN or infinite values: replace them, for example with "
                "numpy.nan_to_num"
            )
        zero, one = np.zeros(self.channels, np.float32), np.ones(self.channels, np.float32)
        if self.data.dtype.kind == "b":
            return zero, one
        if self.data.dtype == np.uint8:
            return zero, 255 * one
        if self.data.dtype.kind == "f" and sample.min() >= 0 and sample.max() <= 1:
            return zero, one
        low, high = np.percentile(sample, PERCENTILES, axis=0).astype(np.float32)
        flat = high <= low
        return np.where(flat, sample.min(0), low), np.where(flat, sample.max(0), high)

    def _sample(self) -> npt.NDArray[np.float32]:
        """Sample pixels (n, c) on a grid, or return all pixels if they are few or floats."""
        count = int(np.prod(self.shape))
        step = 1
        # Every float is looked at, for a single NaN would spoil the features.
        if self.data.dtype.kind != "f" or not isinstance(self.data, np.ndarray):
            step = max(1, int((count / SAMPLE) ** (1 / len(self.shape))))
        part = self.data[tuple(slice(None, None, step) for _ in self.shape)]
        return np.asarray(part).reshape(-1, self.channels).astype(np.float32)

    @property
    def is_lazy(self) -> bool:
        """Whether the image is not in memory as it is."""
        return bool(self._levels)

    @property
    def pixels(self) -> Any:
        """The image as it was given; of a pyramid the finest level."""
        return self._levels[0] if self._levels else self.data

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Scaled values (n, c) of the pixels nearest to pixel coordinates (n, d)."""
        if self._levels:
            points = (np.asarray(points, np.float64) + 0.5) * self._scale - 0.5
        last = np.array(self.data.shape[: len(self.shape)]) - 1
        index = np.clip(np.rint(points), 0, last).astype(np.int64)
        values = np.asarray(self.data[tuple(index.T)], dtype=np.float32)
        return self._scaled(values.reshape(len(index), self.channels))

    def plane(self, index: Sequence[int] = (), step: int = 1) -> npt.NDArray[np.float32]:
        """Scaled values (h, w, c) of one plane of the last two axes.

        Parameters
        ----------
        index : sequence of int, optional
            Position along the axes before the last two.
        step : int, optional
            Only every ``step``-th row and column is read, from the middle of the first step on.
        """
        data = self.data
        if self._levels:
            data, index, step = self._for_plane(index, step)
        every = slice(None, None, step), slice(None, None, step)
        if step > 1:
            every = slice((step - 1) // 2, None, step), slice((step - 1) // 2, None, step)
        where: tuple[int | slice, ...] = (*index, *every)
        values = np.asarray(data[where], dtype=np.float32)
        if self.has_channels:
            values = values[..., : self.channels]
        return self._scaled(values.reshape(*values.shape[:2], self.channels))

    def _for_plane(self, index: Sequence[int], step: int) -> tuple[Any, tuple[int, ...], int]:
        """Choose the array, position and step from which a plane is read."""
        if index:  # of a stack, whose kept planes are small: the coarsest level that is as fine
            for level in reversed(self._levels):
                rows = level.shape[len(index)]
                if level.shape[: len(index)] == self.shape[: len(index)] and (
                    rows * step >= self.shape[len(index)] or level is self._levels[0]
                ):
                    return level, tuple(index), max(1, step * rows // self.shape[len(index)])
        scale = float(self._scale[-2:].min())
        return self.data, (), max(1, int(step * scale + 1e-9))

    def _scaled(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        low, high = self.span
        scaled: npt.NDArray[np.float32] = values - low
        scaled /= np.maximum(high - low, 1e-12)
        return scaled


def _kept(levels: Sequence[Any], ndim: int, memory: float, frames: bool) -> npt.NDArray[Any]:
    """Return the pixels that are cached for a lazy image: means over cells."""
    first = levels[0]
    channels = int(first.shape[-1]) if len(first.shape) > ndim else 1
    most = cache_pixel_budget(memory, channels * first.dtype.itemsize)
    if ndim == 2:
        most = min(most, MOST_KEPT)
    sizes = downsampled_shape(first.shape[:ndim], most, frames=frames)
    fits = [x for x in levels if all(a >= b for a, b in zip(x.shape, sizes, strict=False))]
    return block_mean(fits[-1], sizes, read_chunk_bytes(memory))


class PlaneReader:
    """The planes of the last two axes of an image, resized to one working size.

    The working size has about ``side**2`` pixels whatever the image's size, so that the cost is
    bounded, and square pixels whatever the voxels' sides.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    side : int
        Side of the square that has as many pixels as a plane at working size.
    enlarge : float, optional
        Largest factor by which an image is enlarged.
    multiple : int, optional
        Both sides become multiples of this number.
    """

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        side: int,
        enlarge: float = 1,
        multiple: int = 1,
    ) -> None:
        self.image, self.frame = image, frame
        sides = [n * s for n, s in zip(frame.shape[-2:], frame.spacing[-2:], strict=True)]
        scale = min(side / math.sqrt(sides[0] * sides[1]), enlarge / min(frame.spacing[-2:]))
        # A line of pixels, or needles of voxels, must not make the other side endless.
        longest = 4 * side
        self.size = tuple(
            multiple * max(1, min(round(s * scale / multiple), longest // multiple)) for s in sides
        )

    @property
    def leading(self) -> tuple[int, ...]:
        """Sizes of the axes before the last two."""
        return self.frame.shape[:-2]

    def pixels(self, index: Sequence[int] = ()) -> Array:
        """Channels (h, w, c) of a plane at working size, smoothed where it is reduced."""
        rows, columns = self.frame.shape[-2:]
        step = max(1, min(rows // self.size[0], columns // self.size[1]) // OVERSAMPLING)
        tensor = torch.from_numpy(self.image.plane(index, step)).permute(2, 0, 1)[None]
        resized = F.interpolate(
            tensor, self.size, mode="bilinear", align_corners=False, antialias=True
        )
        return resized[0].permute(1, 2, 0).numpy()

    def rgb(self, index: Sequence[int] = ()) -> Array:
        """Red, green and blue (h, w, 3) in [0, 1] of a plane at working size; see `to_rgb`."""
        return to_rgb(self.pixels(index))

    def sample_planes(self, count: int) -> list[tuple[int, ...]]:
        """Return at most ``count`` evenly spaced planes."""
        total = math.prod(self.leading)
        chosen = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int))
        return [
            tuple(int(i) for i in np.unravel_index(c, self.leading or (1,)))[: len(self.leading)]
            for c in chosen
        ]

    def group_by_plane(
        self, points: npt.NDArray[np.floating]
    ) -> Iterator[tuple[tuple[int, ...], npt.NDArray[np.bool_] | slice, npt.NDArray[np.float64]]]:
        """Sort pixel coordinates (n, d) by the nearest plane.

        Yields
        ------
        plane : tuple of int
            Position along the axes before the last two.
        chosen : (n,) bool array or slice
            Which points lie there.
        where : (m, 2) array
            Their rows and columns at working size.
        """
        shape = np.array(self.frame.shape[-2:])
        local = rescale_coordinates(points[:, -2:], self.size / shape)
        if not self.leading:
            yield (), slice(None), local
            return
        last = np.array(self.leading) - 1
        nearest = np.clip(np.rint(points[:, :-2]), 0, last).astype(int)
        flat = np.ravel_multi_index(tuple(nearest.T), self.leading)
        for plane in np.unique(flat):
            chosen = flat == plane
            index = np.unravel_index(plane, self.leading)
            yield tuple(int(i) for i in index), chosen, local[chosen]


def sample_bilinear(values: Array, where: npt.NDArray[np.floating]) -> Array:
    """Interpolate values (n, c) of a map (h, w, c) bilinearly at rows and columns (n, 2).

    Outside the map the nearest cell counts.
    """
    rows, columns = values.shape[:2]
    limit = np.array([rows - 1, columns - 1], np.float64)
    inside = np.clip(where, 0, limit)
    first = np.minimum(inside.astype(np.int64), np.maximum(limit.astype(np.int64) - 1, 0))
    share = (inside - first).astype(np.float32)
    flat = values.reshape(rows * columns, -1)
    corner = first[:, 0] * columns + first[:, 1]
    down, right = (columns if rows > 1 else 0), (1 if columns > 1 else 0)
    y, x = share[:, :1], share[:, 1:]
    top = flat[corner] * (1 - x) + flat[corner + right] * x
    bottom = flat[corner + down] * (1 - x) + flat[corner + down + right] * x
    result: Array = top * (1 - y) + bottom * y
    return result


def rescale_coordinates(
    where: npt.NDArray[np.floating | np.integer], scale: float | npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Positions (n, 2) on a grid of ``scale`` times as many cells that covers the same area."""
    return (np.asarray(where, np.float64) + 0.5) * scale - 0.5
