"""Models of handles: center, axis and lattice in pixels of the image; no napari, no Qt.

Each kind knows its grips (the dots that are taken hold of), what becomes of it when one is
dragged, and the option of the shape that holds it where it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from napari_isr.gui.fitting.shape_spec_text import same_shape, split_spec
from napari_isr.gui.shape_catalog import shape_catalog

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult, Result

__all__ = [
    "AxisHandle",
    "CenterHandle",
    "Handle",
    "HandleGeometry",
    "LatticeHandle",
    "extract_handle_geometry",
    "make_handle",
]

Point = tuple[float, float]  # row, column
BEYOND = 1.15  # the ends of an axis lie so far out, in half lengths of the object
LEAST_REACH = 6.0  # pixels
SHORTEST, PARALLEL = 3.0, 0.15  # of lattice vectors: pixels, sine of the angle between them
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HandleGeometry:
    """Geometry of one fitted object for its handle, as plain values.

    Parameters
    ----------
    shape : str
        The shape that was fitted, with its options.
    parameters : mapping
        Centre, axis, lattice in pixels, as :meth:`Shape.describe` gives them.
    box : ((float, float), (float, float))
        First and last row and column of the mask.
    element : (float, float), optional
        Where one of the elements of a pattern is.
    """

    shape: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    box: tuple[Point, Point] = ((0.0, 0.0), (0.0, 0.0))
    element: Point | None = None

    @property
    def box_center(self) -> Point:
        """Middle of the box."""
        (top, left), (bottom, right) = self.box
        return (top + bottom) / 2, (left + right) / 2

    def half_length_along(self, degrees: float) -> float:
        """Half length of the object along a direction, about."""
        (top, left), (bottom, right) = self.box
        turn = math.radians(degrees)
        half = math.hypot((bottom - top) * math.sin(turn), (right - left) * math.cos(turn)) / 2
        return max(BEYOND * half, LEAST_REACH)


class Handle(Protocol):
    """One place of a shape that can be dragged."""

    @property
    def option(self) -> str:
        """The option that holds it fixed."""
        ...

    @property
    def control_points(self) -> dict[str, Point]:
        """Positions of the points that can be dragged, keyed by name."""
        ...

    @property
    def lines(self) -> Sequence[tuple[Point, Point]]:
        """Lines that are drawn."""
        ...

    @property
    def arrows(self) -> tuple[str, ...]:
        """Grips that are tips of the lines that lead to them."""
        ...

    def locks(self, grip: str) -> bool:
        """Return True if dragging a control point fixes the option."""
        ...

    def with_control_point(self, grip: str, to: Point) -> Self:
        """Return a copy with a control point at another position."""
        ...

    def to_option_text(self) -> str:
        """Return the value of the option as text."""
        ...


@dataclass(frozen=True)
class CenterHandle:
    """Centre of a star or of a rotation: one dot."""

    at: Point
    option: str = "center"
    lines: tuple[tuple[Point, Point], ...] = ()
    arrows: tuple[str, ...] = ()

    @property
    def control_points(self) -> dict[str, Point]:
        """The centre."""
        return {"center": self.at}

    def locks(self, grip: str) -> bool:
        """Return True."""
        return True

    def with_control_point(self, grip: str, to: Point) -> Self:
        """Move it."""
        return replace(self, at=to)

    def to_option_text(self) -> str:
        """``row/column``."""
        return _write(*self.at)


@dataclass(frozen=True)
class AxisHandle:
    """A mirror axis: its ends turn it about its middle, which moves it."""

    middle: Point
    degrees: float  # 0 along a row, 90 along a column
    reach: float
    option: str = "axis"
    arrows: tuple[str, ...] = ()

    @property
    def control_points(self) -> dict[str, Point]:
        """Middle and ends."""
        turn = math.radians(self.degrees)
        row, column = self.reach * math.sin(turn), self.reach * math.cos(turn)
        start, end = _minus(self.middle, (row, column)), _plus(self.middle, (row, column))
        return {"middle": self.middle, "start": start, "end": end}

    @property
    def lines(self) -> list[tuple[Point, Point]]:
        """From end to end."""
        return [(self.control_points["start"], self.control_points["end"])]

    def locks(self, grip: str) -> bool:
        """Return True."""
        return True

    def with_control_point(self, grip: str, to: Point) -> Self:
        """Move or turn it; an end stays under the mouse."""
        if grip == "middle":
            return replace(self, middle=to)
        row, column = _minus(to, self.middle)
        length = math.hypot(row, column)
        if length < 1:
            return self
        turn = math.degrees(math.atan2(row, column)) + (180 if grip == "start" else 0)
        return replace(self, degrees=turn, reach=max(length, LEAST_REACH))

    def to_option_text(self) -> str:
        """``row/column/degrees``."""
        return _write(*self.middle, self.degrees % 180)


@dataclass(frozen=True)
class LatticeHandle:
    """Both steps of a lattice, as arrows from one place of the pattern.

    The place is where they are shown, no more: a lattice has no origin. On a plane in perspective
    it has, and there it stays.
    """

    origin: Point
    first: Point
    second: Point
    movable: bool = True
    option: str = "lattice"
    arrows: tuple[str, ...] = ("first", "second")

    @property
    def control_points(self) -> dict[str, Point]:
        """The tips, and the place that they start from."""
        tips = {
            "first": _plus(self.origin, self.first),
            "second": _plus(self.origin, self.second),
        }
        return {"origin": self.origin, **tips} if self.movable else tips

    @property
    def lines(self) -> list[tuple[Point, Point]]:
        """From the place to both tips."""
        return [(self.origin, _plus(self.origin, step)) for step in (self.first, self.second)]

    def locks(self, grip: str) -> bool:
        """Return True for the lattice vectors."""
        return grip != "origin"

    def with_control_point(self, grip: str, to: Point) -> Self:
        """Move the arrows, or change one step; steps that span no cell are not taken."""
        if grip == "origin":
            return replace(self, origin=to)
        step = _minus(to, self.origin)
        other = self.second if grip == "first" else self.first
        long, wide = math.hypot(*step), math.hypot(*other)
        across = abs(step[0] * other[1] - step[1] * other[0])
        if long < SHORTEST or across < PARALLEL * long * wide:
            return self
        return replace(self, first=step) if grip == "first" else replace(self, second=step)

    def to_option_text(self) -> str:
        """``row/column/row/column``."""
        return _write(*self.first, *self.second)


def make_handle(found: HandleGeometry, text: str) -> tuple[Handle, bool] | None:
    """Make the handle of an object, and return whether it is fixed, or None without a handle.

    Parameters
    ----------
    found : HandleGeometry
        What the fit found.
    text : str
        The object's shape now, with its options; what they hold is where they say.
    """
    # The package of the certificates takes long to load, and the dock needs it only here.
    from napari_isr.certificates.certificate import CENTER_KEY

    name, options = split_spec(text)
    if not same_shape(name, split_spec(found.shape)[0]):
        return None  # not fitted yet
    told = found.parameters
    card = next((c for n, c in shape_catalog().items() if same_shape(n, name)), None)
    poses = card.pose_options if card is not None else ()
    if "lattice" in told and "lattice" in poses:
        return _lattice(found, _numbers(options.get("lattice"), 4))
    axis, center = _numbers(options.get("axis"), 3), _numbers(options.get("center"), 2)
    if "axis_degrees" in told and "axis" in poses and center is None:
        return _axis(found, axis)
    if CENTER_KEY in told and "center" in poses and len(told[CENTER_KEY]) == 2:
        row, column = center or told[CENTER_KEY]
        return CenterHandle((row, column)), center is not None
    return None


def _axis(found: HandleGeometry, given: tuple[float, ...] | None) -> tuple[Handle, bool]:
    """Return the axis handle. Its center is that of the star, or next to the box center."""
    # The package of the certificates takes long to load, and the dock needs it only here.
    from napari_isr.certificates.certificate import CENTER_KEY

    told = found.parameters
    if given is not None:
        row, column, degrees = given
        return AxisHandle((row, column), degrees, found.half_length_along(degrees)), True
    degrees = float(told["axis_degrees"])
    point = told.get(CENTER_KEY)
    if point is None:
        turn = math.radians(degrees)
        away = _minus(found.box_center, told["axis_point"])
        along = away[0] * math.sin(turn) + away[1] * math.cos(turn)
        point = _plus(told["axis_point"], (along * math.sin(turn), along * math.cos(turn)))
    return AxisHandle((point[0], point[1]), degrees, found.half_length_along(degrees)), False


def _lattice(found: HandleGeometry, given: tuple[float, ...] | None) -> tuple[Handle, bool]:
    told = found.parameters
    (a, b), (c, d) = (step[-2:] for step in told["lattice"])
    if given is not None:
        a, b, c, d = given
    plane = told.get("origin")
    row, column = (plane or found.element or found.box_center)[-2:]
    return LatticeHandle((row, column), (a, b), (c, d), movable=plane is None), given is not None


def _numbers(text: str | None, count: int) -> tuple[float, ...] | None:
    """So many numbers with slashes between them; None for anything else."""
    try:
        numbers = tuple(float(part) for part in (text or "").split("/"))
    except ValueError:
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _write(*numbers: float) -> str:
    return "/".join(f"{number:.6g}" for number in numbers)


def _plus(a: Point, b: Point) -> Point:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Any, b: Any) -> Point:
    return a[0] - b[0], a[1] - b[1]


def extract_handle_geometry(result: Result) -> dict[int, HandleGeometry]:
    """Places that the fit found, of every object with a shape in the plane."""
    return {
        label: _found(item)
        for label, item in result.objects.items()
        if item.shape is not None and item.frame.ndim == 2
    }


def _found(item: ObjectResult) -> HandleGeometry:
    parameters: dict[str, Any] = item.parameters
    element = None
    if "lattice" in parameters:
        element = _element(item.mask, float(np.abs(parameters["lattice"]).max()))
    return HandleGeometry(item.shape_name, parameters, _box(item.mask), element)


def _box(mask: Mask) -> tuple[Point, Point]:
    """First and last row and column; the whole image of an empty mask."""
    ends = []
    for axis in (1, 0):
        index = np.flatnonzero(mask.any(axis=axis))
        ends.append((index[0], index[-1]) if len(index) else (0, mask.shape[1 - axis] - 1))
    (top, bottom), (left, right) = ends
    return (float(top), float(left)), (float(bottom), float(right))


def _element(mask: Mask, step: float) -> Point | None:
    """Centre of the element of a pattern that is nearest to the middle of the image."""
    from scipy import ndimage  # in the worker: it takes long to load

    middle = [n / 2 for n in mask.shape]
    corner = [max(0, int(m - 1.5 * step)) for m in middle]
    ends = [int(m + 1.5 * step) + 2 for m in middle]
    window = mask[corner[0] : ends[0], corner[1] : ends[1]]
    pieces, count = ndimage.label(window)
    if not count:
        return None
    centres = np.array(ndimage.center_of_mass(window, pieces, range(1, count + 1))) + corner
    best = np.hypot(*(centres - middle).T).argmin()
    return float(centres[best, 0]), float(centres[best, 1])
