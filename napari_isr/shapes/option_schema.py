"""What a control needs to know of an option: plain values made from the family's pydantic model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from napari_isr.shapes.base import ShapeOptions

__all__ = ["OptionSchema", "describe_options"]

Kind = Literal["int", "float", "bool", "choice", "place", "text"]
_KINDS: dict[str, Kind] = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "place",
    "string": "text",
}


@dataclass(frozen=True)
class OptionSchema:
    """One option of a shape.

    Parameters
    ----------
    name : str
        As it is written, ``order`` in ``order=5``.
    kind : {"int", "float", "bool", "choice", "place", "text"}
        A place is numbers with slashes between them.
    default : object
        The value if nothing is written; None and ``"auto"`` are left to the fit.
    auto : bool
        Whether it may be left to the fit.
    minimum, maximum : float or None
        Of a number.
    choices : tuple of str
        Words to choose from.
    description : str
    """

    name: str
    kind: Kind
    default: Any = None
    auto: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    description: str = ""


def describe_options(model: type[ShapeOptions]) -> tuple[OptionSchema, ...]:
    """Describe the options of a model, in their order."""
    fields = model.model_json_schema().get("properties", {})
    return tuple(_info(name, schema) for name, schema in fields.items())


def _info(name: str, schema: dict[str, Any]) -> OptionSchema:
    branches = schema.get("anyOf", [schema])
    left = [b for b in branches if b.get("type") != "null" and b.get("const") != "auto"]
    main = left[0] if left else {}
    words = tuple(main.get("enum", ()))
    number = {**schema, **main}  # limits of a union stand beside it
    return OptionSchema(
        name,
        "choice" if words else _KINDS.get(main.get("type", "string"), "text"),
        schema.get("default"),
        auto=len(left) < len(branches),
        minimum=number.get("minimum", number.get("exclusiveMinimum")),
        maximum=number.get("maximum", number.get("exclusiveMaximum")),
        choices=words,
        description=schema.get("description", ""),
    )
