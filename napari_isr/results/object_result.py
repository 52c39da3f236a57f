"""Result of one object: mask, measurements and certificate."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.certificates import Certificate, certify, certify_coordinates
from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import CoordinateGeometry
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.rasterize import ShapeLogit
from napari_isr.results.rendered_shape import Mask, RenderedShape
from napari_isr.scribble_conflicts import ScribbleConflict
from napari_isr.shapes.base import Shape
from napari_isr.shapes.time_varying import TimeVaryingShape
from napari_isr.stroke_suggestion import StrokeSuggestion, binary_entropy, suggest_stroke

__all__ = ["ObjectResult", "certify_in_coordinates", "iou"]


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks; 1 if both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


@dataclass
class ObjectResult(RenderedShape):
    """One fitted object.

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
    objective : float or None
        Weighted squared error of the sigmoid (eq. 1), 0 to 1; None without a shape.
    seconds : dict
        Wall time of each stage: ``features, predictor, projection, render``.
    conflict : ScribbleConflict or None
        Strokes that no object of this shape can honour.
    drawn : (m, d) array of int or None
        Pixels with strokes.
    image_frame : ImageGeometry or None
        The image's frame, where ``frame`` is that of a coarser raster.
    """

    objective: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    conflict: ScribbleConflict | None = None
    drawn: npt.NDArray[np.int64] | None = None
    image_frame: ImageGeometry | None = None

    @property
    def _image(self) -> ImageGeometry:
        return self.image_frame or self.frame

    @property
    def parameters(self) -> dict[str, Any]:
        """Centre, axis, order or lattice of the shape, in pixels of the image."""
        return self._readable(self._image)

    def _readable(self, frame: ImageGeometry) -> dict[str, Any]:
        return self.shape.describe(frame) if self.shape is not None else {}

    @cached_property
    def certificate(self) -> Certificate:
        """Certificate of the guarantee and of the checks on :attr:`mask`."""
        family = self.shape.name if self.shape is not None else "none"
        promise = self.shape.guarantee if self.shape is not None else None
        if isinstance(self._on_raster, ShapeLogit) and isinstance(self.frame, CoordinateGeometry):
            known = self._readable(self.frame)
            return certify_in_coordinates(self._on_raster, self.frame, self.mask, known)
        over_time = self.shape.over_time if isinstance(self.shape, TimeVaryingShape) else None
        known = self._readable(self.frame)
        checks = self.shape.description.certificate_checks if self.shape is not None else ()
        return certify(family, promise, self.mask, self._on_raster, known, over_time, checks)

    @property
    def empty_frames(self) -> list[int]:
        """Of a sequence the numbers of the frames without the object; else none."""
        if not isinstance(self.frame, TimeSeriesGeometry):
            return []
        return np.flatnonzero(~self.mask.reshape(len(self.mask), -1).any(axis=1)).tolist()

    frames_empty = empty_frames  # Name in version 0.1.0.

    def upsample_time(self, times: int) -> Mask:
        """Return the mask of a sequence, evaluated at intermediate times as well.

        Raises
        ------
        InputError
            If this is no sequence, or the number is not positive.
        """
        if not isinstance(self.frame, TimeSeriesGeometry):
            raise InputError(
                "there is no time to super-resolve: say axes='tyx', with the time first"
            )
        sizes = zip(self.frame.shape[1:], self._image.shape[1:], strict=True)
        return self.render((times, *(n / m for n, m in sizes)))

    super_resolve = upsample_time  # Name in version 0.1.0.

    @cached_property
    def iou_predictor(self) -> float:
        """Intersection over union of :attr:`mask` and the predictor's own mask."""
        return iou(self.mask, self.probability > 0.5)

    @property
    def uncertainty(self) -> npt.NDArray[np.float32]:
        """Binary entropy of :attr:`probability` in bits, from 0 to 1."""
        return binary_entropy(self.probability)

    @cached_property
    def next_stroke(self) -> StrokeSuggestion | None:
        """Suggestion of the most informative next stroke, or None if all pixels are certain."""
        return suggest_stroke(self.label, self.probability, self.mask, self.drawn)

    @property
    def volume(self) -> float:
        """Volume of the mask in cubed units of the spacing; of images with 3 axes only.

        Raises
        ------
        InputError
            If the image has another number of axes.
        """
        if self.frame.ndim != 3:
            raise InputError(f"a volume has 3 axes, but the image has {self.frame.ndim}")
        return self.area

    @property
    def area(self) -> float:
        """Area or volume of the mask in units of the spacing; of a sequence, that of all frames."""
        space = (
            self.frame.frame_geometry if isinstance(self.frame, TimeSeriesGeometry) else self.frame
        )
        return float(np.count_nonzero(self.mask) * np.prod(space.spacing))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``report.json``."""
        return {
            "shape": self.shape_name,
            "parameters": self.parameters,
            "area": self.area,
            "seconds": {name: round(value, 6) for name, value in self.seconds.items()},
            "objective": self.objective,
            "iou_predictor": self.iou_predictor,
            "certificate": self.certificate.to_dict(),
            "conflict": self.conflict.to_dict() if self.conflict is not None else None,
            **(
                {"frames_empty": self.empty_frames}
                if isinstance(self.frame, TimeSeriesGeometry)
                else {}
            ),
            "next_stroke": self.next_stroke.to_dict() if self.next_stroke is not None else None,
        }

    @classmethod
    def from_fit(cls, shape: Shape | None, **fields: Any) -> ObjectResult:
        """Make a result with a copy of the shape, which a fit may go on changing."""
        return cls(shape=copy.deepcopy(shape).cpu() if shape is not None else None, **fields)


def certify_in_coordinates(
    logit: ShapeLogit, frame: CoordinateGeometry, mask: Mask, known: Mapping[str, Any]
) -> Certificate:
    """Check a mask at the lifted centres of all its pixels.

    Parameters
    ----------
    logit : ShapeLogit
        Of the shape that the mask was made from.
    frame : CoordinateGeometry
        Of the mask.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    known : mapping
        Centre of a star as it is reported: ``centre`` in pixels, ``further`` in units of the maps.
    """
    pixels = meshgrid_points([np.arange(n, dtype=np.float64) for n in frame.shape])
    points = np.asarray(frame.to_normalized(pixels), dtype=np.float64)
    center = (
        frame.to_normalized_point(known[CENTER_KEY], known["further"])
        if CENTER_KEY in known
        else None
    )
    shape = logit.shape
    return certify_coordinates(
        shape.name,
        shape.guarantee,
        frame.space,
        mask,
        points,
        logit.at_normalized,
        center,
        shape.description.certificate_checks,
    )
