"""Data of an export: objects with masks and polygons at one resolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.config import DEFAULT_AXES_BY_NDIM
from napari_isr.errors import InputError
from napari_isr.io.export.polygons import Polygon, nest_rings, pixel_contours, snap_ring
from napari_isr.io.export.units import unit_symbol

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult, Result

__all__ = ["ExportData", "ExportObject"]

Mask = npt.NDArray[np.bool_]
Ring = npt.NDArray[np.float64]
Window = Sequence[tuple[int, int]]

MOST_PIXELS = 2**31  # of a picture that is made whole
STREAMED_EXPORT_PIXELS = (
    2**26
)  # pixels from which it is made in parts, where the format allows that
DIGITS = 1e-3  # output pixels that vertices are rounded to
CELLS = (256, 512, 1024)  # across an object, for a longest side of so many pixels:
SIDES = (1024, 4096)


@dataclass(frozen=True)
class ExportObject:
    """One object at the resolution of the output.

    Parameters
    ----------
    label : int
    name : str
    render : callable
        Gives the mask.
    trace : callable
        Gives rings (n, 2) in output pixels from the image's corner; None: along the mask's pixels.
    item : ObjectResult, optional
        Where it comes from.
    part : callable, optional
        Gives the mask of a window: for each axis where it starts and stops, in output pixels.
    size : tuple of int, optional
        Pixels of the output.
    """

    label: int
    name: str
    render: Callable[[], Mask]
    trace: Callable[[int], list[Ring]] | None = None
    item: ObjectResult | None = None
    part: Callable[[Window], Mask] | None = None
    size: tuple[int, ...] = ()

    @property
    def mask(self) -> Mask:
        """The object's pixels; of overlapping objects each one's whole."""
        return self.render()

    @property
    def shape_families(self) -> set[str]:
        """Names of the properties that it has."""
        shape = self.item.shape if self.item is not None else None
        return set(shape.description.certificate_checks) if shape is not None else set()

    @property
    def single_piece(self) -> bool:
        """True if the shape guarantees one component without holes."""
        shape = self.item.shape if self.item is not None else None
        return shape is not None and shape.description.single_piece

    @property
    def shape_name(self) -> str:
        """The shape as the user wrote it; empty if it has none."""
        return self.item.shape_name if self.item is not None else ""

    def polygons(self, step: float = DIGITS) -> list[Polygon]:
        """Outlines as polygons with holes, vertices on multiples of ``step`` pixels.

        One convex polygon for a convex shape; one without holes for one in a single piece.
        """
        tries = 0 if self.trace is None else 2 if self.single_piece else 1
        for attempt in range(tries):
            assert self.trace is not None
            rings = [r for r in self.trace(attempt) if len(r) > 3]
            convex = "convex" in self.shape_families and len(rings) == 1
            found = nest_rings([snap_ring(ring, step, convex=convex) for ring in rings])
            if not self.single_piece or not found or _single(found):
                return found
        # A neck is thinner than the cells: the pixels are held together there.
        if self.item is not None and math.prod(self.size) > STREAMED_EXPORT_PIXELS:
            factor = np.array(self.size) / self.item.frame.shape
            return nest_rings([ring * factor for ring in pixel_contours(self.item.mask)])
        return nest_rings(pixel_contours(self.mask))

    def at_result_resolution(self) -> ExportObject:
        """Return the object at the resolution of the result, which is bounded."""
        assert self.item is not None
        return _object(self.item, self.name, self.item.frame.shape)


@dataclass(frozen=True)
class ExportData:
    """All objects of an image at the resolution of the output.

    Parameters
    ----------
    image_size : tuple of int
        Pixels of the image along each axis.
    size : tuple of int
        Pixels of the output.
    objects : sequence of ExportObject
        Rising labels.
    spacing : tuple of float
        Distance of the centres of the image's pixels along each axis.
    unit : str, optional
        Unit of the spacing, a key of :data:`napari_isr.io.export.units.METERS`, or empty for
        pixels.
    axes : str, optional
        What the axes are, for example ``"zyx"``.
    image : str, optional
        Name of the image's file.
    result : Result, optional
        Where it comes from.
    strokes : integer array, optional
    """

    image_size: tuple[int, ...]
    size: tuple[int, ...]
    objects: Sequence[ExportObject]
    spacing: tuple[float, ...]
    unit: str = ""
    axes: str = ""
    image: str = ""
    result: Result | None = None
    strokes: npt.NDArray[np.integer[Any]] | None = field(default=None, repr=False)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.size)

    @property
    def is_volume(self) -> bool:
        """Whether there are 3 axes, and all of them are space."""
        if self.ndim != 3 or self.axes.startswith("t"):
            return False
        from napari_isr.geometry.time_series import TimeSeriesGeometry  # which loads torch

        items = [one.item for one in self.objects]
        return not any(
            item is not None and isinstance(item.frame, TimeSeriesGeometry) for item in items
        )

    @property
    def scale(self) -> tuple[float, ...]:
        """Output pixels per pixel of the image, along each axis."""
        return tuple(n / m for n, m in zip(self.size, self.image_size, strict=True))

    @property
    def pixel_size(self) -> tuple[float, ...]:
        """Distance of the centres of output pixels, in units of the spacing."""
        return tuple(s / k for s, k in zip(self.spacing, self.scale, strict=True))

    @property
    def is_large(self) -> bool:
        """Whether the label image is better never made whole."""
        return self.result is not None and math.prod(self.size) > STREAMED_EXPORT_PIXELS

    @cached_property
    def labels(self) -> npt.NDArray[np.integer[Any]]:
        """One label image; where objects overlap, the higher label is on top."""
        check_fits_in_memory(self.size)
        highest = max((one.label for one in self.objects), default=0)
        image = np.zeros(self.size, np.min_scalar_type(highest))
        for one in self.objects:
            image[one.mask] = one.label
        return image

    def select(self, label: int) -> ExportData:
        """Return the data of a single object."""
        return replace(self, objects=[one for one in self.objects if one.label == label])

    def scribble_image(self) -> ExportData:
        """Return the scribbles as a label image.

        Raises
        ------
        InputError
            If they are not known.
        """
        if self.strokes is None:
            raise InputError("there are no strokes to write: none are known of this result")
        return ExportData.from_labels(self.strokes, spacing=self.spacing, unit=self.unit)

    def require_2d(self, what: str) -> None:
        """Raise an InputError unless there are 2 axes."""
        if self.ndim != 2:
            raise InputError(
                f"{what} holds 2 axes, but the masks have {self.ndim}: write .tif, .npz or .npy"
            )

    @classmethod
    def from_result(
        cls,
        result: Result,
        scale: float | Sequence[float] = 1,
        *,
        names: Mapping[int, str] | None = None,
        spacing: Sequence[float] = (),
        unit: str = "",
        axes: str | None = None,
        image: str = "",
        strokes: npt.NDArray[np.integer[Any]] | None = None,
    ) -> ExportData:
        """Take the objects of a result, evaluated afresh at any scale.

        Parameters
        ----------
        result : Result
        scale : float or sequence of float, optional
            Output pixels per pixel of the image.
        names : mapping of int to str, optional
            Of the objects, by label.
        spacing : sequence of float, optional
            Of the image's pixels. Default: what it was fitted with.
        unit, axes, image, strokes : optional
            See the class.
        """
        if not result.objects:
            raise InputError("there is no object to write: fit one first")
        first = next(iter(result.objects.values()))
        frame = first.image_frame or first.frame
        image_size = tuple(result.image_shape) or frame.shape
        scales = frame.check_scale(scale)
        size = tuple(max(1, round(n * s)) for n, s in zip(image_size, scales, strict=True))
        objects = [
            _object(item, (names or {}).get(label) or f"object {label}", size)
            for label, item in sorted(result.objects.items())
        ]
        return cls(
            image_size,
            size,
            objects,
            tuple(spacing) or frame.spacing,
            unit_symbol(unit),
            axes or DEFAULT_AXES_BY_NDIM[len(size)],
            image,
            result,
            strokes,
        )

    @classmethod
    def from_labels(
        cls,
        labels: npt.NDArray[np.integer[Any]],
        *,
        names: Mapping[int, str] | None = None,
        spacing: Sequence[float] = (),
        unit: str = "",
        image: str = "",
    ) -> ExportData:
        """Take the objects of a label image as they are; outlines follow the pixels.

        Raises
        ------
        InputError
            If there are labels below 0.
        """
        array = np.asarray(labels)
        if array.min(initial=0) < 0:
            raise InputError("labels below 0 cannot be written: they are no objects")
        found = np.unique(array)
        objects = [
            ExportObject(
                label,
                (names or {}).get(label) or f"object {label}",
                lambda label=label: array == label,  # type: ignore[misc]
            )
            for label in found[found > 0].tolist()
        ]
        content = cls(
            array.shape,
            array.shape,
            objects,
            tuple(spacing) or (1.0,) * array.ndim,
            unit_symbol(unit),
            DEFAULT_AXES_BY_NDIM.get(array.ndim, ""),
            image,
        )
        content.__dict__["labels"] = array  # as it is, whatever its type
        return content


def _object(item: ObjectResult, name: str, size: tuple[int, ...]) -> ExportObject:
    @cache
    def render() -> Mask:
        check_fits_in_memory(size)
        return item.mask if size == item.frame.shape else item.render(shape=size)

    frame = item.image_frame or item.frame

    def trace(attempt: int) -> list[Ring]:
        factor = np.array(size) / frame.shape
        if item.shape is not None:
            rings = item.contours(CELLS[np.searchsorted(SIDES, max(size))] << attempt)
            return [(ring + 0.5) * factor for ring in rings]
        from napari_isr.geometry.image import meshgrid_points  # which loads torch
        from napari_isr.rendering.rasterize import grid_contours

        # Between the centres of the output's pixels, so that polygons say what the mask says.
        axes = frame.axis_positions(factor.tolist())
        values = item.logit(meshgrid_points(axes)).reshape(size)
        return [(r + 0.5) * factor for r in grid_contours(values, axes, frame)]

    def part(window: Window) -> Mask:
        factors = [n / m for n, m in zip(size, frame.shape, strict=True)]
        sides = [(a / f, b / f) for (a, b), f in zip(window, factors, strict=True)]
        return item.render(shape=[b - a for a, b in window], window=sides)

    trace_it = trace if len(size) == 2 else None
    return ExportObject(item.label, name, render, trace_it, item, part, size)


def check_fits_in_memory(size: Sequence[int]) -> None:
    """Raise an InputError if a picture has too many pixels to be made whole."""
    if math.prod(size) > MOST_PIXELS:
        raise InputError(
            f"at this scale the picture would have {' x '.join(map(str, size))} pixels: "
            "choose a smaller scale, or write .tif or .zarr, which are made in parts"
        )


def _single(polygons: list[Polygon]) -> bool:
    return len(polygons) == 1 and len(polygons[0]) == 1
