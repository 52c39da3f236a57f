"""Map between pixels and isotropic, centered coordinates.

Mirror images and rotations mean nothing in coordinates that are stretched per axis, so all axes
share one scale, the physical size of a voxel included. This is the one module that knows what a
pixel index means: the centre of pixel ``(i, j)`` lies at ``(i, j)``, and the pixel covers half a
step to each side, as in napari.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.errors import InputError

__all__ = ["ImageGeometry", "meshgrid_points"]

Array = TypeVar("Array", npt.NDArray[np.floating], torch.Tensor)


@dataclass(frozen=True)
class ImageGeometry:
    """The map between the pixels of one image and shape coordinates.

    The centre of the image is the origin, and half of its longest physical side has length 1, so
    the image lies in ``[-1, 1]**d``. Axes keep the order of the array: (row, column), with depth
    or time first.

    Parameters
    ----------
    shape : tuple of int
        Size of the image along each of its 2 to 4 axes, in pixels.
    spacing : tuple of float, optional
        Distance of neighbouring pixel centres along each axis, in any one unit. Default: 1 each.

    Raises
    ------
    InputError
        If the number of axes is not 2 to 4, an axis is empty, or a spacing is not a positive
        finite number.

    Examples
    --------
    >>> frame = Frame((101, 201))
    >>> frame.to_shape(np.array([[50.0, 100.0]])).tolist()
    [[0.0, 0.0]]
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check and complete the fields."""
        shape = tuple(int(n) for n in self.shape)
        if not 2 <= len(shape) <= 4:
            raise InputError(
                f"the image has {len(shape)} axes, but 2 to 4 are needed: pass a (row, column) "
                "array, with depth or time first where there is one"
            )
        if min(shape) < 1:
            raise InputError(f"the image is empty (its size is {shape}): pass at least one pixel")
        spacing = tuple(float(s) for s in self.spacing) or (1.0,) * len(shape)
        if len(spacing) != len(shape):
            raise InputError(
                f"spacing has {len(spacing)} numbers, but the image has {len(shape)} axes: "
                "pass one number per axis"
            )
        if not all(math.isfinite(s) and s > 0 for s in spacing):
            raise InputError(f"spacing must be positive and finite, not {spacing}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing", spacing)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def n_coordinates(self) -> int:
        """Number of shape coordinates; more than axes where further coordinates are used."""
        return self.ndim

    @property
    def contour_oversampling(self) -> int:
        """Times as finely as others outlines are looked for: a map has details of its own."""
        return 1 if self.n_coordinates == self.ndim else 3

    @property
    def has_extra_coordinates(self) -> bool:
        """Whether there are more shape coordinates than axes."""
        return self.n_coordinates > self.ndim

    def append_coordinates(self, coordinates: Array) -> Array:
        """Join further shape coordinates to those of the axes; here there are none."""
        return coordinates

    def extra_coordinates_of(self, point: torch.Tensor) -> dict[str, float]:
        """Return the extra coordinates of a point (dims,) in their own units, keyed by name."""
        return {}

    @cached_property
    def physical_unit_length(self) -> float:
        """Physical length that has the value 1 in shape coordinates."""
        return max(n * s for n, s in zip(self.shape, self.spacing, strict=True)) / 2

    @cached_property
    def radius(self) -> float:
        """Distance of the farthest corner of the image from its centre, in shape coordinates."""
        sides = [n * s / 2 for n, s in zip(self.shape, self.spacing, strict=True)]
        return math.hypot(*sides) / self.physical_unit_length

    @cached_property
    def _centre(self) -> tuple[float, ...]:
        return tuple((n - 1) / 2 for n in self.shape)

    @cached_property
    def _scale(self) -> tuple[float, ...]:
        return tuple(s / self.physical_unit_length for s in self.spacing)

    @property
    def pixel(self) -> float:
        """Shortest side of a pixel in shape coordinates."""
        return min(self._scale)

    def downsampled(self, pixels: int | None) -> ImageGeometry:
        """Make a frame of the same area with at most about so many pixels; itself if that fits.

        Shape coordinates mean the same in both.
        """
        total = math.prod(self.shape)
        if pixels is None or total <= pixels:
            return self
        step = (total / pixels) ** (1 / self.ndim)
        shape = tuple(max(1, round(n / step)) for n in self.shape)
        sizes = zip(self.shape, shape, self.spacing, strict=True)
        return replace(self, shape=shape, spacing=tuple(n * s / m for n, m, s in sizes))

    def to_normalized(self, pixels: Array) -> Array:
        """Map pixel coordinates to shape coordinates.

        Parameters
        ----------
        pixels : (n, d) array or tensor of floats
            Pixel coordinates; pixel centres lie at whole numbers.

        Returns
        -------
        (n, dims) array or tensor
            Shape coordinates, of the input's type, device and dtype.
        """
        centered: Array = pixels - _like(self._centre, pixels)
        return self.append_coordinates(centered * _like(self._scale, pixels))

    def to_pixels(self, coordinates: Array) -> Array:
        """Map shape coordinates to pixel coordinates; the inverse of :meth:`to_normalized`.

        Parameters
        ----------
        coordinates : (n, dims) array or tensor of floats
            Shape coordinates; only those of the axes are used.

        Returns
        -------
        (n, d) array or tensor
            Pixel coordinates, of the input's type, device and dtype.
        """
        coordinates = coordinates[:, : self.ndim]
        centered: Array = coordinates / _like(self._scale, coordinates)
        return centered + _like(self._centre, coordinates)

    def vectors_to_pixels(self, vectors: Array) -> Array:
        """Map displacements (axes, lattice vectors) from shape to pixel coordinates."""
        return vectors / _like(self._scale, vectors)

    def vectors_to_shape(self, vectors: Array) -> Array:
        """Map displacements (axes, lattice vectors) from pixel to shape coordinates."""
        return vectors * _like(self._scale, vectors)

    def axis_positions(
        self,
        scale: float | Sequence[float] = 1,
        window: Sequence[tuple[float, float]] | None = None,
    ) -> list[npt.NDArray[np.float64]]:
        """Return pixel coordinates of the centers of output pixels along each axis.

        Output pixels tile the window without gap or overlap, so that the picture at ``scale=4``
        shows the same scene as the one at ``scale=1``.

        Parameters
        ----------
        scale : float or sequence of float, optional
            Output pixels per input pixel, one number or one per axis.
        window : sequence of (start, stop), optional
            Part of the image in input pixels, one pair per axis, as slices count: ``(0, n)`` is
            the whole axis, whose first pixel begins at -0.5. Default: the whole image.

        Returns
        -------
        list of (m,) arrays
            Input pixel coordinates of the centres, one array per axis.

        Raises
        ------
        InputError
            If a scale is not positive or the window is empty.
        """
        scales = self.check_scale(scale)
        window = [(0.0, float(n)) for n in self.shape] if window is None else list(window)
        if len(window) != self.ndim or any(stop <= start for start, stop in window):
            raise InputError(
                f"window must hold one (start, stop) with start < stop for each of the "
                f"{self.ndim} axes, not {window}"
            )
        axes: list[npt.NDArray[np.float64]] = []
        for (start, stop), s in zip(window, scales, strict=True):
            count = max(1, round((stop - start) * s))
            step = (stop - start) / count
            axes.append(start - 0.5 + (np.arange(count, dtype=np.float64) + 0.5) * step)
        return axes

    def normalized_axes(self, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Shape coordinates of the pixel centres along each axis, on the tensor's device."""
        return tuple(
            (torch.arange(n, device=like.device, dtype=like.dtype) - centre) * scale
            for n, centre, scale in zip(self.shape, self._centre, self._scale, strict=True)
        )

    def check_scale(self, scale: float | Sequence[float]) -> tuple[float, ...]:
        """Return one positive scale per axis, or raise an InputError."""
        scales = tuple(np.atleast_1d(np.asarray(scale, dtype=float)).tolist())
        if len(scales) == 1:
            scales = scales * self.ndim
        if len(scales) != self.ndim or not all(math.isfinite(s) and s > 0 for s in scales):
            raise InputError(
                f"scale must be one positive number or one for each of the {self.ndim} axes, "
                f"not {scale}"
            )
        return scales


def meshgrid_points(axes: Sequence[npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
    """Return the points (n, d) of the product of ``axes``. The last axis runs fastest."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _like(values: tuple[float, ...], template: Array) -> Array:
    if isinstance(template, torch.Tensor):
        return template.new_tensor(values)
    return np.asarray(values, dtype=template.dtype)
