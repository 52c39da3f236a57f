"""Masks, contours and surfaces of a fitted shape at any resolution."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.connectivity import (
    PathBetween,
    PathConnected,
    path_query_for,
    repair_mask,
)
from napari_isr.rendering.rasterize import ShapeLogit, rasterize_blocks
from napari_isr.rendering.rasterizers import WORTH_IT, rasterize_refined, rasterize_sequence
from napari_isr.rendering.slice_contours import slice_contours, slice_grid_contours, validate_slice
from napari_isr.rendering.surface_mesh import Surface, surface_mesh
from napari_isr.shapes.base import Shape
from napari_isr.shapes.time_varying import TimeVaryingShape

__all__ = ["RenderedShape"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


@dataclass
class RenderedShape:
    """Masks, contours and surfaces of one fitted object.

    Parameters
    ----------
    label : int
        Its label in the strokes.
    shape_name : str
        The shape as the user would write it, for example ``"convex:pieces=24"``.
    shape : Shape or None
        The fitted module; None if no shape was asked for. It is a copy, later fits leave it.
    frame : ImageGeometry
        The image's frame.
    probability : (n1, ..., nd) float32 array
        Foreground probability of the predictor, or the unaries that were given.
    """

    label: int
    shape_name: str
    shape: Shape | None
    frame: ImageGeometry
    probability: npt.NDArray[np.float32]

    @cached_property
    def _logit(self) -> Callable[[Points], Points]:
        if self.shape is None:
            return self._interpolated
        return ShapeLogit(self.shape, self._image)

    @property
    def _image(self) -> ImageGeometry:
        """The frame whose pixels users know; that of the masks may be coarser."""
        return self.frame

    @cached_property
    def _on_raster(self) -> Callable[[Points], Points]:
        """Logit at pixels of :attr:`mask`."""
        if self._image is self.frame:
            return self._logit
        if self.shape is not None:
            return ShapeLogit(self.shape, self.frame)
        factor = np.array(self._image.shape) / np.array(self.frame.shape)
        return lambda points: self._logit((points + 0.5) * factor - 0.5)

    def _raster_axes(self) -> list[Points]:
        """Return the positions of the pixels of :attr:`mask` in the image along each axis."""
        sizes = zip(self.frame.shape, self._image.shape, strict=True)
        return self._image.axis_positions([n / m for n, m in sizes])

    def _interpolated(self, points: Points) -> Points:
        if self._image is not self.frame:
            scale = np.array(self.frame.shape) / np.array(self._image.shape)
            points = (np.asarray(points) + 0.5) * scale - 0.5
        values = map_coordinates(
            self.probability, np.asarray(points).T, order=1, mode="nearest", output=np.float64
        )
        values = np.clip(values, 1e-6, 1 - 1e-6)
        logit: Points = np.log(values) - np.log1p(-values)
        return logit

    def logit(self, points: npt.ArrayLike) -> Points:
        """Logit of the shape (without one, of the predictor), positive inside.

        Parameters
        ----------
        points : (n, d) array
            Pixel coordinates of the image (row, column), depth or time first where there is one.

        Returns
        -------
        (n,) float64 array

        Raises
        ------
        InputError
            If ``points`` is not an (n, d) array.
        """
        array = np.asarray(points, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.frame.ndim:
            raise InputError(
                f"points must be an (n, {self.frame.ndim}) array of pixel coordinates, "
                f"not one of size {array.shape}"
            )
        return self._logit(array)

    @cached_property
    def mask(self) -> Mask:
        """The object's pixels (n1, ..., nd), bool; of a very large image on a coarser raster."""
        *_, mask = self.iter_render()
        assert mask is not None
        return mask

    def iter_render(self) -> Iterator[Mask | None]:
        """Make :attr:`mask` in steps of a few milliseconds; yields None, at last the mask."""
        if "mask" not in self.__dict__:
            if self.shape is None:
                self.__dict__["mask"] = self.probability > 0.5
            else:
                for mask in self._mask_on(self._raster_axes()):
                    if mask is None:
                        yield None
                    else:
                        self.__dict__["mask"] = mask
        yield self.__dict__["mask"]

    def _mask_on(self, axes: Sequence[Points]) -> Iterator[Mask | None]:
        if isinstance(self.shape, TimeVaryingShape) and isinstance(self._image, TimeSeriesGeometry):
            yield from rasterize_sequence(self.shape, self._image, axes)
            return
        reach = self._logit.block_bound() if isinstance(self._logit, ShapeLogit) else None
        steps = rasterize_blocks(self._logit, axes, reach)
        count = math.prod(len(axis) for axis in axes)
        if reach is None and "mask" in self.__dict__ and count > WORTH_IT:
            steps = rasterize_refined(self._logit, axes, self.mask, self._image.shape)
        for mask in steps:
            ways = self._connections if mask is not None else None
            yield mask if mask is None or ways is None else repair_mask(mask, axes, *ways)

    @cached_property
    def _connections(self) -> tuple[PathBetween, Points] | None:
        """Query of paths in a connected set, or None for other shapes."""
        exact = copy.deepcopy(self.shape)
        if exact is None or not isinstance(exact, PathConnected):
            return None
        return path_query_for(exact.double(), self._image)

    def render(
        self,
        scale: float | Sequence[float] = 1,
        *,
        shape: Sequence[int] | None = None,
        window: Sequence[tuple[float, float]] | None = None,
    ) -> Mask:
        """Evaluate the mask at any resolution.

        Parameters
        ----------
        scale : float or sequence of float, optional
            Output pixels per pixel of the image, one number or one per axis.
        shape : sequence of int, optional
            Size of the output in pixels, instead of ``scale``.
        window : sequence of (start, stop), optional
            Part of the image, in its pixels as slices count. Default: all of it.

        Returns
        -------
        bool array

        Raises
        ------
        InputError
            If a number does not fit.
        """
        if shape is not None:
            extent = [(0, n) for n in self._image.shape] if window is None else window
            if len(shape) != self.frame.ndim or min(shape) < 1:
                raise InputError(f"shape must hold {self.frame.ndim} positive sizes, not {shape}")
            scale = [n / (b - a) for n, (a, b) in zip(shape, extent, strict=True)]
        *_, mask = self.iter_render_at(scale, window=window)
        assert mask is not None
        return mask

    def iter_render_at(
        self,
        scale: float | Sequence[float] = 1,
        *,
        window: Sequence[tuple[float, float]] | None = None,
    ) -> Iterator[Mask | None]:
        """Do what :meth:`render` does in steps of a few milliseconds.

        Yields
        ------
        None or bool array
            None after each step, at last the mask.
        """
        return self._mask_on(self._image.axis_positions(scale, window))

    def contours(
        self, cells: int = 256, plane: Sequence[float | None] | None = None
    ) -> list[Points]:
        """Outline of the object, sub-pixel.

        Parameters
        ----------
        cells : int, optional
            How finely the outline is traced: cells across the object.
        plane : sequence of float or None, optional
            Of a stack the plane, ``(5, None, None)`` for slice 5: for each axis where the plane
            lies, None for the two that it extends along.

        Returns
        -------
        list of (n, 2) arrays
            Closed polygons, vertices (row, column); pixels along the two axes of the plane.

        Raises
        ------
        InputError
            If the image is not 2-dimensional and ``plane`` is no plane of it.
        """
        if self.shape is None:
            return self.predictor_contours(plane)
        return slice_contours(self._logit, self._image, validate_slice(plane, self._image), cells)

    def predictor_contours(self, plane: Sequence[float | None] | None = None) -> list[Points]:
        """Outline of the predictor's foreground, as :meth:`contours` gives it."""
        where = validate_slice(plane, self._image)
        return slice_grid_contours(self.probability - 0.5, self._raster_axes(), self._image, where)

    def surface(self) -> Surface:
        """Surface of an object with three axes, from the logit itself.

        Returns
        -------
        vertices : (v, 3) float32 array
            In pixels.
        faces : (f, 3) int array
            Triangles.

        Raises
        ------
        InputError
            If the image has not 3 axes.
        """
        if self.frame.ndim != 3:
            raise InputError(f"a surface needs 3 axes, but the image has {self.frame.ndim}")
        return surface_mesh(self._on_raster, self.frame, self.mask)
