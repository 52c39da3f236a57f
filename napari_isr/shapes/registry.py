"""Shapes by name: ``"convex"``, ``"convex:pieces=24"``, ``"star+rotational:order=5"``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from napari_isr.errors import InputError, nearest
from napari_isr.frame import Frame
from napari_isr.shapes.base import Shape, ShapeOptions
from napari_isr.shapes.connected import Connected
from napari_isr.shapes.convex import Convex
from napari_isr.shapes.mirror import Mirror
from napari_isr.shapes.option_info import OptionInfo, options_of
from napari_isr.shapes.periodic import Periodic
from napari_isr.shapes.rotational import Rotational
from napari_isr.shapes.star import Star
from napari_isr.shapes.symmetric_convex import ConvexMirror, ConvexRotational
from napari_isr.shapes.symmetric_star import StarMirror, StarRotational

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


def shape_options(name: str) -> tuple[OptionInfo, ...]:
    """Options of a shape: names, kinds, limits and what each is for."""
    return () if name == NONE else options_of(_FAMILIES[name].Options)


@dataclass(frozen=True)
class ShapeSpec:
    """Which shape, with which options.

    Parameters
    ----------
    name : str
        A family's name, or ``"none"`` for the predictor's mask as it is.
    options : ShapeOptions
        Checked options of the family.
    """

    name: str
    options: ShapeOptions = field(default_factory=ShapeOptions)

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
        name = _canonical(name)
        if name == NONE:
            if tail:
                raise InputError("shape 'none' takes no options: leave out everything after it")
            return cls(NONE)
        return cls(name, _parse_options(name, tail))

    def build(self, ndim: int, frame: Frame | None = None) -> Shape | None:
        """Make the module for ``ndim`` coordinates; None for ``none``.

        ``frame`` is needed if the options give places in pixels.
        """
        if self.name == NONE:
            return None
        shape = _FAMILIES[self.name](ndim, self.options)
        if frame is not None:
            shape.place(frame)
        return shape

    def __str__(self) -> str:
        """The text that :meth:`parse` reads, with the options that differ from the defaults."""
        changed = self.options.model_dump(exclude_defaults=True)
        tail = ",".join(f"{key}={value}" for key, value in changed.items())
        return f"{self.name}:{tail}" if tail else self.name


def _canonical(name: str) -> str:
    known = {frozenset(key.split("+")): key for key in shape_names()}
    key = known.get(frozenset(part.strip().lower() for part in name.split("+")))
    if key is None:
        raise InputError(f"unknown shape '{name}': {nearest(name, shape_names())}")
    return key


def _parse_options(name: str, tail: str) -> ShapeOptions:
    family = _FAMILIES[name].Options
    values: dict[str, Any] = {}
    for item in filter(None, tail.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in family.model_fields:
            raise InputError(
                f"shape '{name}' has no option '{key}': {nearest(key, family.model_fields)}"
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
