"""Geometry of time series, whose first axis is time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry

__all__ = ["TimeSeriesGeometry", "make_geometry"]

PICKED = 12  # frames at most that a fit looks at, however long the sequence


class TimeSeriesGeometry(ImageGeometry):
    """The frame of a sequence (t, y, x) or (t, z, y, x).

    Time is no length. Shape coordinates of space are those of a single frame; the spacing of time
    says how long a frame counts, in units of the others. By default the whole sequence counts as
    long as the longest side of a frame, so that it lies in ``[-1, 1]**d`` too.
    """

    @property
    def frame_geometry(self) -> ImageGeometry:
        """The frame of a single picture."""
        return ImageGeometry(self.shape[1:], self.spacing[1:])

    @cached_property
    def physical_unit_length(self) -> float:
        """Physical length that has the value 1 in shape coordinates."""
        return self.frame_geometry.physical_unit_length

    @property
    def pixel(self) -> float:
        """Shortest side of a pixel in shape coordinates; time is no side."""
        return self.frame_geometry.pixel

    def downsampled(self, pixels: int | None) -> ImageGeometry:
        """Make a frame with all pictures, but at most about so many pixels; see `Frame.within`."""
        if pixels is None:
            return self
        space = self.frame_geometry.downsampled(max(1, pixels // self.shape[0]))
        shape, spacing = (self.shape[0], *space.shape), (self.spacing[0], *space.spacing)
        return self if shape == self.shape else type(self)(shape, spacing)

    @cached_property
    def key_frames(self) -> npt.NDArray[np.int64]:
        """Numbers of the frames that stand for the whole sequence, rising."""
        count = min(self.shape[0], PICKED)
        return np.unique(np.linspace(0, self.shape[0] - 1, count).round().astype(np.int64))

    def times(self, frames: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Shape coordinates of the time of frames, which may be fractions."""
        numbers = np.asarray(frames, dtype=np.float64)
        time: npt.NDArray[np.float64] = (numbers - self._centre[0]) * self._scale[0]
        return time


def make_geometry(
    shape: Sequence[int], spacing: Sequence[float | None] = (), axes: str | None = None
) -> ImageGeometry:
    """Make the frame of an image whose axes may begin with time.

    Parameters
    ----------
    shape : sequence of int
        Size along each axis.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis; of time, how long a frame counts, None for the
        default of :class:`TimeSeriesGeometry`.
    axes : str, optional
        ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.

    Raises
    ------
    InputError
        If ``spacing`` does not fit.
    """
    sizes, steps = tuple(shape), list(spacing)
    if axes is None or not axes.startswith("t"):
        if None in steps:
            raise InputError("only the spacing of time may be left open: give a number per axis")
        return ImageGeometry(sizes, tuple(s for s in steps if s is not None))
    if not steps:
        steps = [None, *[1.0] * (len(sizes) - 1)]
    if len(steps) != len(sizes) or None in steps[1:]:
        raise InputError(
            f"spacing must hold one number for each of the {len(sizes)} axes, "
            f"time first, not {tuple(spacing)}"
        )
    numbers = tuple(s for s in steps if s is not None)
    if steps[0] is not None:
        return TimeSeriesGeometry(sizes, numbers)
    longest = max(n * s for n, s in zip(sizes[1:], numbers, strict=True))
    return TimeSeriesGeometry(sizes, (longest / max(1, sizes[0]), *numbers))
