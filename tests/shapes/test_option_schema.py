"""Options as plain values, from the pydantic models of the shapes."""

from typing import Literal

import pytest
from pydantic import Field

from napari_isr.shapes.base import ShapeOptions
from napari_isr.shapes.options import OptionSchema, describe_options
from napari_isr.shapes.registry import ShapeSpec, shape_names, shape_options


def test_every_kind_is_told_from_its_model():
    class Some(ShapeOptions):
        sharp: float = Field(0.5, ge=0.1, lt=2, description="how sharp")
        side: Literal["left", "right"] = "left"
        name: str = "x"
        both: bool = True

    assert describe_options(Some) == (
        OptionSchema("sharp", "float", 0.5, False, 0.1, 2, (), "how sharp"),
        OptionSchema("side", "choice", "left", choices=("left", "right")),
        OptionSchema("name", "text", "x"),
        OptionSchema("both", "bool", True),
    )


def test_what_may_be_left_to_the_fit_is_told():
    order, center = (next(o for o in shape_options("rotational") if o.name == name)
                     for name in ("order", "center"))  # fmt: skip
    assert (order.kind, order.auto, order.default) == ("int", True, "auto")
    assert (order.minimum, order.maximum) == (2, 64)
    assert (center.kind, center.auto, center.default) == ("place", True, None)
    assert shape_options("none") == ()


@pytest.mark.parametrize("name", shape_names()[1:])
def test_limits_are_those_that_the_model_checks(name):
    for option in shape_options(name):
        assert option.description
        assert option.kind in ("int", "bool", "place")
        if option.kind == "int":
            for value in (option.minimum, option.maximum):
                assert getattr(ShapeSpec.parse(f"{name}:{option.name}={value}").options,
                               option.name) == value  # fmt: skip
