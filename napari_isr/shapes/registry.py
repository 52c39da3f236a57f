"""Shapes by name: ``"convex"``, ``"convex:pieces=24"``, ``"star+rotational:order=5"``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from napari_isr.errors import InputError, suggest_name
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes.base import Shape, ShapeOptions
from napari_isr.shapes.connected import Connected, ConnectedOptions
from napari_isr.shapes.convex import Convex
from napari_isr.shapes.mirror import Mirror
from napari_isr.shapes.option_schema import OptionSchema, describe_options
from napari_isr.shapes.periodic import Periodic
from napari_isr.shapes.rotational import Rotational
from napari_isr.shapes.star import Star
from napari_isr.shapes.symmetric_convex import ConvexMirror, ConvexRotational
from napari_isr.shapes.symmetric_star import StarMirror, StarRotational
from napari_isr.shapes.time_varying import OverTime, TimeVaryingShape
from napari_isr.shapes.tube import Tube, TubeCrossSection

__all__ = ["NONE", "ShapeSpec", "shape_names", "shape_options"]

NONE = "none"
_FAMILIES: dict[str, type[Shape]] = {
    cls.name: cls
    for cls in (
        Convex,
        Star,
        Mirror,
        Rotational,
        Periodic,
        Connected,
        ConvexMirror,
        ConvexRotational,
        StarMirror,
        StarRotational,
    )
}


def shape_names() -> list[str]:
    """Names that :meth:`ShapeSpec.parse` knows, ``none`` first."""
    return [NONE, *_FAMILIES]


def shape_options(name: str) -> tuple[OptionSchema, ...]:
    """Options of a shape: names, kinds, limits and what each is for."""
    return () if name == NONE else describe_options(_FAMILIES[name].Options)


@dataclass(frozen=True)
class ShapeSpec:
    """Which shape, with which options.

    Parameters
    ----------
    name : str
        A family's name, or ``"none"`` for the predictor's mask as it is.
    options : ShapeOptionsWidget
        Checked options of the family.
    over_time : {"smooth", "frames"}, optional
        Of sequences: whether the shape follows the time smoothly, or each frame has one of its
        own. Written as an option: ``"convex:over_time=frames"``.
    """

    name: str
    options: ShapeOptions = field(default_factory=ShapeOptions)
    over_time: OverTime = "smooth"

    @classmethod
    def parse(cls, text: str | ShapeSpec) -> ShapeSpec:
        """Read ``name`` or ``name:option=value,option=value``.

        Names may be joined by ``+`` in any order.

        Parameters
        ----------
        text : str or ShapeSpec
            What the user asked for; a ShapeSpec is returned as it is.

        Returns
        -------
        ShapeSpec

        Raises
        ------
        InputError
            If the name or an option is unknown, or a value does not fit; the message names the
            nearest known one.

        Examples
        --------
        >>> ShapeSpec.parse("convex:pieces=24").options.pieces
        24
        """
        if isinstance(text, ShapeSpec):
            return text
        if not isinstance(text, str):
            raise InputError(f"a shape is given by its name, not by {text!r}")
        name, _, tail = text.strip().partition(":")
        name, (tail, over_time) = _canonical(name), _over_time(tail)
        if name == NONE:
            if tail:
                raise InputError("shape 'none' takes no options: leave out everything after it")
            return cls(NONE, over_time=over_time)
        return cls(name, _parse_options(name, tail), over_time)

    def build(self, ndim: int, frame: ImageGeometry | None = None) -> Shape | None:
        """Make the module for ``ndim`` coordinates; None for ``none``.

        ``frame`` is needed if the options give places in pixels.
        """
        if self.name == NONE:
            return None
        if isinstance(frame, TimeSeriesGeometry):
            return self._moving(frame)
        shape = _FAMILIES[self.name](ndim, self.options)
        if frame is not None:
            shape.apply_fixed_pose(frame)
        return shape

    def _moving(self, frame: TimeSeriesGeometry) -> Shape:
        """A shape of every frame of a sequence."""
        ndim = frame.ndim - 1
        if ndim < 2:
            raise InputError("a sequence has at least 3 axes: time, row and column")
        if self.name == Connected.name and self.over_time == "smooth":
            assert isinstance(self.options, ConnectedOptions)
            moving: TimeVaryingShape = Tube(
                TubeCrossSection.for_geometry(frame.frame_geometry, self.options), frame
            )
        else:
            inner = _FAMILIES[self.name](ndim, self.options)
            moving = TimeVaryingShape(inner, frame, self.over_time)
        moving.apply_fixed_pose(frame)
        return moving

    def __str__(self) -> str:
        """The text that :meth:`parse` reads, with the options that differ from the defaults."""
        changed = self.options.model_dump(exclude_defaults=True)
        if self.over_time != "smooth":
            changed["over_time"] = self.over_time
        tail = ",".join(f"{key}={value}" for key, value in changed.items())
        return f"{self.name}:{tail}" if tail else self.name


def _canonical(name: str) -> str:
    known = {frozenset(key.split("+")): key for key in shape_names()}
    key = known.get(frozenset(part.strip().lower() for part in name.split("+")))
    if key is None:
        raise InputError(f"unknown shape '{name}': {suggest_name(name, shape_names())}")
    return key


def _over_time(tail: str) -> tuple[str, OverTime]:
    """What is left of the options without ``over_time``, and what it says."""
    items, found = [], "smooth"
    for item in filter(None, tail.split(",")):
        key, _, value = (part.strip() for part in item.partition("="))
        if key == "over_time":
            found = value
        else:
            items.append(item)
    rest = ",".join(items)
    if found == "smooth":
        return rest, "smooth"
    if found == "frames":
        return rest, "frames"
    raise InputError(f"over_time must be smooth or frames, not '{found}'")


def _parse_options(name: str, tail: str) -> ShapeOptions:
    family = _FAMILIES[name].Options
    values: dict[str, Any] = {}
    for item in filter(None, tail.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        key = family.aliases.get(key, key)
        if key not in family.model_fields:
            raise InputError(
                f"shape '{name}' has no option '{key}': {suggest_name(key, family.model_fields)}"
            )
        if not equals:
            raise InputError(f"option '{key}' of shape '{name}' has no value: write {key}=VALUE")
        values[key] = value
    try:
        return family(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"option '{key}' of shape '{name}' cannot be '{first['input']}': {first['msg']}"
        ) from None
