"""What a segmentation gives back: objects with masks, contours, logits and certificates."""

from __future__ import annotations

import copy
import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from napari_isr.certificates import Certificate, certify
from napari_isr.conflicts import Conflict
from napari_isr.connectivity import Connections, PathBetween, connections_of, repair_mask
from napari_isr.errors import InputError
from napari_isr.frame import Frame
from napari_isr.guidance import NextStroke, next_stroke, uncertainty
from napari_isr.lifted_certificate import lifted_certificate
from napari_isr.lifting import LiftedFrame
from napari_isr.moving_masks import frames_on_grid
from napari_isr.planes import check_plane, grid_contours, logit_contours
from napari_isr.rendering import ShapeLogit, mask_on_grid
from napari_isr.shapes.base import Shape
from napari_isr.shapes.moving import Moving
from napari_isr.surfaces import Surface, surface_of
from napari_isr.timeline import Timeline

__all__ = ["ObjectResult", "Result", "iou", "versions"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
PACKAGES = ("napari-isr", "torch", "numpy", "scipy", "scikit-image")


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks; 1 if both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def versions() -> dict[str, str]:
    """Versions of Python, this package and what its results depend on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


@dataclass
class ObjectResult:
    """One fitted object.

    Parameters
    ----------
    label : int
        Its label in the strokes.
    shape_name : str
        The shape as the user would write it, for example ``"convex:pieces=24"``.
    shape : Shape or None
        The fitted module; None if no shape was asked for. It is a copy, later fits leave it.
    frame : Frame
        The image's frame.
    probability : (n1, ..., nd) float32 array
        Foreground probability of the predictor, or the unaries that were given.
    objective : float or None
        Weighted squared error of the sigmoid (eq. 1), 0 to 1; None without a shape.
    seconds : dict
        Wall time of each stage: ``features, predictor, projection, render``.
    conflict : Conflict or None
        Strokes that no object of this shape can honour.
    drawn : (m, d) array of int or None
        Pixels with strokes.
    image_frame : Frame or None
        The image's frame, where ``frame`` is that of a coarser raster.
    """

    label: int
    shape_name: str
    shape: Shape | None
    frame: Frame
    probability: npt.NDArray[np.float32]
    objective: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    conflict: Conflict | None = None
    drawn: npt.NDArray[np.int64] | None = None
    image_frame: Frame | None = None

    @cached_property
    def _logit(self) -> Callable[[Points], Points]:
        if self.shape is None:
            return self._interpolated
        return ShapeLogit(self.shape, self.frame)

    def _interpolated(self, points: Points) -> Points:
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
            Pixel coordinates (row, column), depth or time first where there is one.

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
        """The object's pixels (n1, ..., nd), bool."""
        *_, mask = self.rendering()
        assert mask is not None
        return mask

    def rendering(self) -> Iterator[Mask | None]:
        """Make :attr:`mask` in steps of a few milliseconds; yields None, at last the mask."""
        if "mask" not in self.__dict__:
            if self.shape is None:
                self.__dict__["mask"] = self.probability > 0.5
            else:
                for mask in self._mask_on(self.frame.axis_positions()):
                    if mask is None:
                        yield None
                    else:
                        self.__dict__["mask"] = mask
        yield self.__dict__["mask"]

    def _mask_on(self, axes: Sequence[Points]) -> Iterator[Mask | None]:
        if isinstance(self.shape, Moving) and isinstance(self.frame, Timeline):
            yield from frames_on_grid(self.shape, self.frame, axes)
            return
        slopes = self._logit.slopes() if isinstance(self._logit, ShapeLogit) else None
        for mask in mask_on_grid(self._logit, axes, slopes):
            ways = self._connections if mask is not None else None
            yield mask if mask is None or ways is None else repair_mask(mask, axes, *ways)

    @cached_property
    def _connections(self) -> tuple[PathBetween, Points] | None:
        """What keeps the pixels of a connected set together; None for other shapes."""
        exact = copy.deepcopy(self.shape)
        if exact is None or not isinstance(exact, Connections):
            return None
        return connections_of(exact.double(), self.frame)

    def render(
        self,
        scale: float | Sequence[float] = 1,
        *,
        shape: Sequence[int] | None = None,
        window: Sequence[tuple[float, float]] | None = None,
    ) -> Mask:
        """Mask at any resolution, evaluated afresh, not enlarged.

        Parameters
        ----------
        scale : float or sequence of float, optional
            Output pixels per input pixel, one number or one per axis.
        shape : sequence of int, optional
            Size of the output in pixels, instead of ``scale``.
        window : sequence of (start, stop), optional
            Part of the image, in input pixels as slices count. Default: all of it.

        Returns
        -------
        bool array

        Raises
        ------
        InputError
            If a number does not fit.
        """
        if shape is not None:
            extent = [(0, n) for n in self.frame.shape] if window is None else window
            if len(shape) != self.frame.ndim or min(shape) < 1:
                raise InputError(f"shape must hold {self.frame.ndim} positive sizes, not {shape}")
            scale = [n / (b - a) for n, (a, b) in zip(shape, extent, strict=True)]
        *_, mask = self.render_steps(scale, window=window)
        assert mask is not None
        return mask

    def render_steps(
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
        return self._mask_on(self.frame.axis_positions(scale, window))

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
        return logit_contours(self._logit, self.frame, check_plane(plane, self.frame), cells)

    def predictor_contours(self, plane: Sequence[float | None] | None = None) -> list[Points]:
        """Outline of the predictor's foreground, as :meth:`contours` gives it."""
        where = check_plane(plane, self.frame)
        return grid_contours(self.probability - 0.5, self.frame.axis_positions(), self.frame, where)

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
        return surface_of(self._logit, self.frame, self.mask)

    @property
    def parameters(self) -> dict[str, Any]:
        """Centre, axis, order or lattice of the shape, in pixels of the image."""
        return self._readable(self.image_frame or self.frame)

    def _readable(self, frame: Frame) -> dict[str, Any]:
        return self.shape.readable(frame) if self.shape is not None else {}

    @cached_property
    def certificate(self) -> Certificate:
        """What was proved and what was checked on :attr:`mask`."""
        family = self.shape.name if self.shape is not None else "none"
        promise = self.shape.promise if self.shape is not None else None
        if isinstance(self._logit, ShapeLogit) and isinstance(self.frame, LiftedFrame):
            known = self._readable(self.frame)
            return lifted_certificate(self._logit, self.frame, self.mask, known)
        over_time = self.shape.over_time if isinstance(self.shape, Moving) else None
        known = self._readable(self.frame)
        return certify(family, promise, self.mask, self._logit, known, over_time)

    @property
    def frames_empty(self) -> list[int]:
        """Of a sequence the numbers of the frames without the object; else none."""
        if not isinstance(self.frame, Timeline):
            return []
        return np.flatnonzero(~self.mask.reshape(len(self.mask), -1).any(axis=1)).tolist()

    def super_resolve(self, times: int) -> Mask:
        """Mask of a sequence with so many frames for each, evaluated in between, not blended.

        Raises
        ------
        InputError
            If this is no sequence, or the number is not positive.
        """
        if not isinstance(self.frame, Timeline):
            raise InputError(
                "there is no time to super-resolve: say axes='tyx', with the time first"
            )
        return self.render((times, *[1] * (self.frame.ndim - 1)))

    @cached_property
    def iou_predictor(self) -> float:
        """Intersection over union of :attr:`mask` and the predictor's own mask."""
        return iou(self.mask, self.probability > 0.5)

    @property
    def uncertainty(self) -> npt.NDArray[np.float32]:
        """Binary entropy of :attr:`probability` in bits, from 0 to 1."""
        return uncertainty(self.probability)

    @cached_property
    def next_stroke(self) -> NextStroke | None:
        """Where one more stroke would tell most; None where all is clear."""
        return next_stroke(self.label, self.probability, self.mask, self.drawn)

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
        """Area or volume of the mask in units of the spacing."""
        return float(np.count_nonzero(self.mask) * np.prod(self.frame.spacing))

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
            **({"frames_empty": self.frames_empty} if isinstance(self.frame, Timeline) else {}),
            "next_stroke": self.next_stroke.to_dict() if self.next_stroke is not None else None,
        }

    @classmethod
    def freeze(cls, shape: Shape | None, **fields: Any) -> ObjectResult:
        """Make a result with a copy of the shape, which a fit may go on changing."""
        return cls(shape=copy.deepcopy(shape).cpu() if shape is not None else None, **fields)


@dataclass(frozen=True)
class Result:
    """All objects of one image.

    With a single object, its attributes (``mask``, ``probability``, ``certificate``, ``shape``,
    ``contours()``, ``render()``, ``logit()``, ...) can be asked of the result itself.

    Parameters
    ----------
    objects : mapping of int to ObjectResult
        By label.
    device : str
        Where it was computed.
    seed : int
        Of the predictor.
    sources : mapping of str to str
        What the features come from, by their names.
    image_shape : tuple of int
        Size of the image, which may have more pixels than the results; empty: they are the same.
    """

    objects: Mapping[int, ObjectResult]
    device: str = "cpu"
    seed: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    image_shape: tuple[int, ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Attributes of the only object."""
        if name.startswith("_") or (not hasattr(ObjectResult, name) and name not in _FIELDS):
            raise AttributeError(f"a result has no '{name}'")
        if len(self.objects) != 1:
            raise AttributeError(
                f"there are {len(self.objects)} objects: ask one of them, "
                f"for example result.objects[{min(self.objects, default=2)}].{name}"
            )
        return getattr(next(iter(self.objects.values())), name)

    @property
    def uncertainty(self) -> npt.NDArray[np.float32]:
        """Largest :attr:`ObjectResult.uncertainty` of all objects, from 0 to 1."""
        maps = [item.uncertainty for item in self.objects.values()]
        found: npt.NDArray[np.float32] = np.maximum.reduce(maps)
        return found

    @property
    def next_stroke(self) -> NextStroke | None:
        """Where one more stroke would tell most, of all objects; None where all is clear.

        In pixels of the image.
        """
        found = [item.next_stroke for item in self.objects.values()]
        places = [place for place in found if place is not None]
        best = max(places, key=lambda place: place.score, default=None)
        if best is None or not self.image_shape:
            return best
        frame = self.objects[best.label].frame
        sizes = zip(best.point, frame.shape, self.image_shape, strict=True)
        point = tuple((x + 0.5) * image / n - 0.5 for x, n, image in sizes)
        return replace(best, point=point)

    def labels(
        self, scale: float | Sequence[float] = 1, *, shape: Sequence[int] | None = None
    ) -> npt.NDArray[np.uint16]:
        """One label image of all objects; where they overlap, the higher label is on top.

        Parameters
        ----------
        scale : float or sequence of float, optional
            Output pixels per input pixel.
        shape : sequence of int, optional
            Size of the output in pixels, instead of ``scale``.

        Returns
        -------
        (n1, ..., nd) uint8 or uint16 array
            0 and the objects' labels.
        """

        def drawn(item: ObjectResult) -> Mask:
            size = item.frame.shape if shape is None else tuple(shape)
            if size == item.frame.shape and np.all(np.asarray(scale) == 1):
                return item.mask
            return item.render(scale, shape=shape)

        layers = {label: drawn(item) for label, item in sorted(self.objects.items())}
        dtype = np.uint8 if max(layers) < 256 else np.uint16
        image = np.zeros(next(iter(layers.values())).shape, dtype=dtype)
        for label, mask in layers.items():
            image[mask] = label
        return image

    def report(self) -> dict[str, Any]:
        """Plain values, as ``report.json`` holds them."""
        return {
            "objects": {str(label): item.to_dict() for label, item in self.objects.items()},
            "features": dict(self.sources),
            "versions": versions(),
            "device": self.device,
            "seed": self.seed,
        }


_FIELDS = frozenset(ObjectResult.__dataclass_fields__)
