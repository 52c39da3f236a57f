"""Centers and axes that the user gives, in pixels."""

from __future__ import annotations

import copy
import math
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import torch
from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ShapeOptions

__all__ = [
    "AxisOptions",
    "CenterOptions",
    "OrderOptions",
    "Place",
    "axis_from_pixels",
    "describe_axis",
    "describe_extra_coordinates",
    "describe_normal",
    "describe_point",
    "describe_spacing",
    "double_copy",
    "lattice_from_pixels",
    "point_from_pixels",
]


SHORTEST = 2.0  # pixels: what repeats faster cannot be seen
PARALLEL = 0.05  # sine of the angle between two steps of a lattice

LEAST_ORDER, MOST_ORDER = 2, 64
S = TypeVar("S", bound=torch.nn.Module)


def _read_place(value: Any) -> Any:
    """Read ``120.5/88``: no comma, for commas part the options of a shape."""
    if not isinstance(value, str):
        return value
    try:
        numbers = tuple(float(part) for part in value.split("/"))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError("write numbers with a slash between them, for example 120.5/88")
    return numbers


Place = Annotated[
    tuple[float, ...],
    BeforeValidator(_read_place),
    PlainSerializer(lambda place: "/".join(f"{x:g}" for x in place) if place else None),
]
"""Numbers that the user writes with slashes, for example ``center=120.5/88``."""


class CenterOptions(ShapeOptions):
    """Options of shapes with a center."""

    aliases: ClassVar[dict[str, str]] = {"centre": "center"}

    center: Place | None = Field(
        None, description="row/column (t or z first) of the center in pixels, to hold it fixed"
    )


class OrderOptions(CenterOptions):
    """Options of shapes with a rotational symmetry."""

    order: int | Literal["auto"] = Field(
        "auto",
        description="how often it repeats in a full turn; auto chooses from 2 to 8",
        json_schema_extra={"minimum": LEAST_ORDER, "maximum": MOST_ORDER},
    )

    @field_validator("order")
    @classmethod
    def _in_range(cls, order: int | str) -> int | str:
        if isinstance(order, int) and not LEAST_ORDER <= order <= MOST_ORDER:
            raise ValueError(f"write auto or a number from {LEAST_ORDER} to {MOST_ORDER}")
        return order


class AxisOptions(ShapeOptions):
    """Options of shapes with a mirror axis."""

    axis: Place | None = Field(
        None,
        description="row/column/degrees of a point on the axis and its direction, to hold it "
        "fixed; 0 degrees is along a row, 90 along a column",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.axis is not None and getattr(self, "center", None) is not None:
            raise ValueError("give either the center or the axis")
        return self


def point_from_pixels(place: tuple[float, ...], frame: ImageGeometry, option: str) -> torch.Tensor:
    """Shape coordinates (d,) of a place in pixels.

    Raises
    ------
    InputError
        If it has not one number for each axis of the image.
    """
    if len(place) != frame.ndim:
        raise InputError(
            f"{option} has {len(place)} numbers, but the image has {frame.ndim} axes: "
            "write one for each, with a slash between them"
        )
    return frame.to_normalized(torch.tensor([place], dtype=torch.float64))[0]


def axis_from_pixels(axis: tuple[float, ...], frame: ImageGeometry) -> tuple[torch.Tensor, float]:
    """Shape coordinates (2,) of a point on an axis given in pixels, and the axis' angle.

    Raises
    ------
    InputError
        If there are not three numbers, or the image is not 2-dimensional.
    """
    if frame.ndim != 2 or len(axis) != 3:
        raise InputError(
            "axis takes row/column/degrees, three numbers, and an image with 2 axes; "
            f"here {len(axis)} numbers and {frame.ndim} axes were given"
        )
    point = point_from_pixels(axis[:2], frame, "axis")
    turn = math.radians(axis[2])
    step = torch.tensor([[math.sin(turn), math.cos(turn)]], dtype=torch.float64)
    row, column = frame.vectors_to_shape(step)[0].tolist()
    return point, math.atan2(row, column)


def lattice_from_pixels(lattice: tuple[float, ...], frame: ImageGeometry) -> torch.Tensor:
    """Lattice vectors (2, 2), one a row, of a lattice given in pixels, along the last two axes.

    Raises
    ------
    InputError
        If there are not four numbers, a step is shorter than 2 pixels, or both have nearly the
        same direction.
    """
    if len(lattice) != 4:
        raise InputError(
            "lattice takes row/column/row/column, both steps after which the pattern repeats; "
            f"here {len(lattice)} numbers were given"
        )
    steps = torch.tensor(lattice, dtype=torch.float64).view(2, 2)
    if float(steps.norm(dim=1).min()) < SHORTEST:
        raise InputError(f"each step of a lattice must be at least {SHORTEST:g} pixels long")
    lead = torch.zeros(2, frame.ndim - 2, dtype=torch.float64)
    vectors = frame.vectors_to_shape(torch.cat([lead, steps], dim=1))[:, -2:]
    sine = torch.linalg.det(torch.nn.functional.normalize(vectors, dim=1)).abs()
    if float(sine) < PARALLEL:
        raise InputError("both steps of the lattice have nearly the same direction: turn one")
    return vectors


def double_copy(shape: S) -> S:
    """A copy in double precision, for parameters that are read must be those that are drawn."""
    return copy.deepcopy(shape).cpu().double().requires_grad_(False)


def describe_point(point: torch.Tensor, frame: ImageGeometry) -> list[float]:
    """Pixel coordinates of a point."""
    place: list[float] = frame.to_pixels(point.detach()[None].cpu().double())[0].tolist()
    return place


def describe_extra_coordinates(point: torch.Tensor, frame: ImageGeometry) -> dict[str, Any]:
    """Further coordinates of a point, in the units of their maps, if there are any."""
    found = frame.extra_coordinates_of(point.detach().cpu().double())
    return {"further": found} if found else {}


def describe_axis(point: torch.Tensor, angle: float, frame: ImageGeometry) -> dict[str, Any]:
    """Point on an axis and direction, in pixels, as :func:`axis_from_pixels` takes them."""
    step = torch.tensor([[math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    row, column = frame.vectors_to_pixels(step)[0].tolist()
    degrees = math.degrees(math.atan2(row, column)) % 180
    return {"axis_point": describe_point(point, frame), "axis_degrees": degrees}


def describe_normal(normal: torch.Tensor) -> list[float]:
    """Unit normal of a plane, along the axes of the image in units of the spacing."""
    unit: list[float] = torch.nn.functional.normalize(normal.detach().double(), dim=0).tolist()
    return unit


def describe_spacing(frame: ImageGeometry) -> dict[str, Any]:
    """The spacing, where pixels are stretched: mirror and rotation mean nothing without it."""
    return {} if len(set(frame.spacing)) == 1 else {"spacing": list(frame.spacing)}
