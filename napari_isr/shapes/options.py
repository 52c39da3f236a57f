"""Options of shapes: poses in pixels, symmetry orders, and schemas for controls."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import torch
from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from torch import Tensor

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ShapeOptions

__all__ = [
    "AxisOptions",
    "CenterOptions",
    "OptionSchema",
    "OrderOptions",
    "Place",
    "axis_from_pixels",
    "describe_axis",
    "describe_extra_coordinates",
    "describe_normal",
    "describe_options",
    "describe_point",
    "describe_spacing",
    "double_copy",
    "lattice_from_pixels",
    "point_from_pixels",
]

# Pixels. A shorter period cannot be resolved.
MIN_LATTICE_STEP = 2.0
# Sine of the smallest angle between the two steps of a lattice.
MIN_LATTICE_SINE = 0.05
MIN_ORDER, MAX_ORDER = 2, 64

M = TypeVar("M", bound=torch.nn.Module)
OptionKind = Literal["int", "float", "bool", "choice", "place", "text"]
_KINDS: dict[str, OptionKind] = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "place",
    "string": "text",
}


@dataclass(frozen=True)
class OptionSchema:
    """Facts about one option that a control needs.

    Parameters
    ----------
    name : str
        Name as written, ``order`` in ``order=5``.
    kind : {"int", "float", "bool", "choice", "place", "text"}
        Kind of the value. A place consists of numbers that are separated by slashes.
    default : object
        Value of an omitted option. The fit determines None and ``"auto"``.
    auto : bool
        Whether the fit can determine the value.
    minimum, maximum : float or None
        Limits of a number.
    choices : tuple of str
        Valid words.
    description : str
        One phrase.
    """

    name: str
    kind: OptionKind
    default: Any = None
    auto: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    description: str = ""


def describe_options(model: type[ShapeOptions]) -> tuple[OptionSchema, ...]:
    """Describe the options of a model, in their order."""
    fields = model.model_json_schema().get("properties", {})
    return tuple(_option_schema(name, schema) for name, schema in fields.items())


def _option_schema(name: str, schema: dict[str, Any]) -> OptionSchema:
    branches = schema.get("anyOf", [schema])
    typed = [b for b in branches if b.get("type") != "null" and b.get("const") != "auto"]
    main = typed[0] if typed else {}
    choices = tuple(main.get("enum", ()))
    # Pydantic puts the limits of a union beside its branches.
    number = {**schema, **main}
    return OptionSchema(
        name,
        "choice" if choices else _KINDS.get(main.get("type", "string"), "text"),
        schema.get("default"),
        auto=len(typed) < len(branches),
        minimum=number.get("minimum", number.get("exclusiveMinimum")),
        maximum=number.get("maximum", number.get("exclusiveMaximum")),
        choices=choices,
        description=schema.get("description", ""),
    )


def _parse_place(value: Any) -> Any:
    """Parse ``120.5/88``. Commas separate the options of a shape."""
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
    BeforeValidator(_parse_place),
    PlainSerializer(lambda place: "/".join(f"{x:g}" for x in place) if place else None),
]
"""Numbers that users write with slashes, for example ``center=120.5/88``."""


class CenterOptions(ShapeOptions):
    """Options of shapes with a center."""

    aliases: ClassVar[dict[str, str]] = {"centre": "center"}
    center: Place | None = Field(
        None, description="row/column (t or z first) of the center in pixels, to hold it fixed"
    )

    @property
    def centre(self) -> tuple[float, ...] | None:
        """The center under its name in version 0.1.0."""
        return self.center


class OrderOptions(CenterOptions):
    """Options of shapes with a rotational symmetry."""

    order: int | Literal["auto"] = Field(
        "auto",
        description="how often it repeats in a full turn; auto chooses from 2 to 8",
        json_schema_extra={"minimum": MIN_ORDER, "maximum": MAX_ORDER},
    )

    @field_validator("order")
    @classmethod
    def _in_range(cls, order: int | str) -> int | str:
        if isinstance(order, int) and not MIN_ORDER <= order <= MAX_ORDER:
            raise ValueError(f"write auto or a number from {MIN_ORDER} to {MAX_ORDER}")
        return order


class AxisOptions(ShapeOptions):
    """Options of shapes with a mirror axis."""

    axis: Place | None = Field(
        None,
        description="row/column/degrees of a point on the axis and its direction, to hold it "
        "fixed; 0 degrees is along a row, 90 along a column",
    )

    @model_validator(mode="after")
    def _one_pose(self) -> Self:
        if self.axis is not None and getattr(self, "center", None) is not None:
            raise ValueError("give either the center or the axis")
        return self


def point_from_pixels(place: tuple[float, ...], frame: ImageGeometry, option: str) -> Tensor:
    """Return the shape coordinates (d,) of a point in pixels.

    Raises
    ------
    InputError
        If the point does not have one number for each axis of the image.
    """
    if len(place) != frame.ndim:
        raise InputError(
            f"{option} has {len(place)} numbers, but the image has {frame.ndim} axes: "
            "write one for each, with a slash between them"
        )
    return frame.to_normalized(torch.tensor([place], dtype=torch.float64))[0]


def axis_from_pixels(axis: tuple[float, ...], frame: ImageGeometry) -> tuple[Tensor, float]:
    """Return a point (2,) on an axis in shape coordinates, and the angle of the axis.

    Parameters
    ----------
    axis : (row, column, degrees)
        A point on the axis in pixels and the direction, 0 degrees along a row.

    Raises
    ------
    InputError
        If there are not three numbers, or the image does not have two axes.
    """
    if frame.ndim != 2 or len(axis) != 3:
        raise InputError(
            "axis takes row/column/degrees, three numbers, and an image with 2 axes; "
            f"here {len(axis)} numbers and {frame.ndim} axes were given"
        )
    point = point_from_pixels(axis[:2], frame, "axis")
    angle = math.radians(axis[2])
    step = torch.tensor([[math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    row, column = frame.vectors_to_shape(step)[0].tolist()
    return point, math.atan2(row, column)


def lattice_from_pixels(lattice: tuple[float, ...], frame: ImageGeometry) -> Tensor:
    """Return the lattice vectors (2, 2), one per row, along the last two axes.

    Raises
    ------
    InputError
        If there are not four numbers, a step is shorter than 2 pixels, or both steps have nearly
        the same direction.
    """
    if len(lattice) != 4:
        raise InputError(
            "lattice takes row/column/row/column, both steps after which the pattern repeats; "
            f"here {len(lattice)} numbers were given"
        )
    steps = torch.tensor(lattice, dtype=torch.float64).view(2, 2)
    if float(steps.norm(dim=1).min()) < MIN_LATTICE_STEP:
        raise InputError(
            f"each step of a lattice must be at least {MIN_LATTICE_STEP:g} pixels long"
        )
    lead = torch.zeros(2, frame.ndim - 2, dtype=torch.float64)
    vectors = frame.vectors_to_shape(torch.cat([lead, steps], dim=1))[:, -2:]
    sine = torch.linalg.det(torch.nn.functional.normalize(vectors, dim=1)).abs()
    if float(sine) < MIN_LATTICE_SINE:
        raise InputError("both steps of the lattice have nearly the same direction: turn one")
    return vectors


def double_copy(shape: M) -> M:
    """Return a copy in double precision, so that reported parameters equal those that are drawn."""
    return copy.deepcopy(shape).cpu().double().requires_grad_(False)


def describe_point(point: Tensor, frame: ImageGeometry) -> list[float]:
    """Return the pixel coordinates of a point."""
    pixel: list[float] = frame.to_pixels(point.detach()[None].cpu().double())[0].tolist()
    return pixel


def describe_extra_coordinates(point: Tensor, frame: ImageGeometry) -> dict[str, Any]:
    """Return the extra coordinates of a point in the units of their maps, if there are any."""
    found = frame.extra_coordinates_of(point.detach().cpu().double())
    return {"further": found} if found else {}


def describe_axis(point: Tensor, angle: float, frame: ImageGeometry) -> dict[str, Any]:
    """Return a point on an axis and its direction in pixels, as :func:`axis_from_pixels` takes."""
    step = torch.tensor([[math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    row, column = frame.vectors_to_pixels(step)[0].tolist()
    degrees = math.degrees(math.atan2(row, column)) % 180
    return {"axis_point": describe_point(point, frame), "axis_degrees": degrees}


def describe_normal(normal: Tensor) -> list[float]:
    """Return the unit normal of a plane along the axes of the image, in units of the spacing."""
    unit: list[float] = torch.nn.functional.normalize(normal.detach().double(), dim=0).tolist()
    return unit


def describe_spacing(frame: ImageGeometry) -> dict[str, Any]:
    """Return the spacing if it is not isotropic: mirror and rotation mean nothing without it."""
    return {} if len(set(frame.spacing)) == 1 else {"spacing": list(frame.spacing)}
