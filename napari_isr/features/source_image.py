"""An image as floats: channels told from axes, values brought to about [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.lazy_arrays import block_mean, downsampled_shape, is_lazy, pyramid_levels
from napari_isr.memory_budget import MEMORY, cache_pixel_budget, read_chunk_bytes

__all__ = ["SourceImage"]

SAMPLE = 200_000  # pixels from which the range of values is estimated
PERCENTILES = (0.5, 99.5)
MOST_KEPT = 2**22  # pixels of a plane: several times what any feature looks at


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
        """Pixels on a regular grid (n, c); all of them where there are few, or floats."""
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
        """Where a plane is read best: array, position and step there."""
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
    """What is kept in memory of an image that is not: means over cells of the same area."""
    first = levels[0]
    channels = int(first.shape[-1]) if len(first.shape) > ndim else 1
    most = cache_pixel_budget(memory, channels * first.dtype.itemsize)
    if ndim == 2:
        most = min(most, MOST_KEPT)
    sizes = downsampled_shape(first.shape[:ndim], most, frames=frames)
    fits = [x for x in levels if all(a >= b for a, b in zip(x.shape, sizes, strict=False))]
    return block_mean(fits[-1], sizes, read_chunk_bytes(memory))
