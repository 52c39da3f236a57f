"""Shapes are registered with a complete description, and found by name."""

from __future__ import annotations

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.certificates import has_certificate_check
from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import with_coordinates
from napari_isr.geometry.image import ImageGeometry
from napari_isr.scribble_conflicts import has_conflict_test
from napari_isr.shapes import NONE, ShapeSpec, register_shape, registry, shape_names
from napari_isr.shapes.convex import Convex
from napari_isr.shapes.registry import check_supported_shapes, describe_shape, pose_options

DESCRIPTION = Convex.description


@pytest.fixture
def _registry(monkeypatch):
    """Restore the registered shapes after a test."""
    shape_names()
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def shape_class(name="lens", **attributes):
    values = {"name": name, "guarantee": "it is convex", "description": DESCRIPTION, **attributes}
    return type("Lens", (Convex,), values)


@pytest.mark.usefixtures("_registry")
def test_a_registered_shape_is_found_by_its_name():
    assert register_shape(shape_class()).name == "lens"
    assert "lens" in shape_names()
    assert ShapeSpec.parse("lens:pieces=9").build(2).pieces.shape == (9, 3)
    assert isr.register_shape is register_shape


@pytest.mark.usefixtures("_registry")
def test_a_shape_that_is_defined_again_replaces_the_former_one():
    register_shape(shape_class())
    again = register_shape(shape_class())
    assert isinstance(ShapeSpec.parse("lens").build(2), again)


@pytest.mark.usefixtures("_registry")
@pytest.mark.parametrize(
    ("candidate", "error", "message"),
    [
        (int, TypeError, "no shape"),
        (shape_class(guarantee=None), TypeError, "no guarantee"),
        (shape_class(description="flat"), TypeError, "no description"),
        (shape_class("none"), ValueError, "cannot be the name"),
        (shape_class("Lens shape"), ValueError, "cannot be the name"),
        (shape_class("convex"), ValueError, "already"),
    ],
)
def test_an_incomplete_shape_is_refused_with_its_reason(candidate, error, message):
    with pytest.raises(error, match=message):
        register_shape(candidate)
    assert "convex" in shape_names()
    assert type(ShapeSpec.parse("convex").build(2)) is Convex


@pytest.mark.usefixtures("_registry")
@pytest.mark.parametrize("field", ["certificate_checks", "conflict_tests"])
def test_a_shape_whose_check_is_not_registered_is_refused(field):
    values = {"certificate_checks": ("convex",), field: ("fractal",)}
    about = isr.ShapeDescription(title="a", hint="b.", adjective="c", **values)
    with pytest.raises(ValueError, match="'fractal', which is not registered"):
        register_shape(shape_class(description=about))


@pytest.mark.usefixtures("_registry")
def test_a_shape_in_extra_coordinates_needs_a_check_there():
    about = isr.ShapeDescription(
        title="a", hint="b.", adjective="c", certificate_checks=("mirror",), extra_coordinates=True
    )
    with pytest.raises(ValueError, match="not registered"):
        register_shape(shape_class(description=about))


@pytest.mark.parametrize("name", shape_names())
def test_every_description_is_complete(name):
    about = describe_shape(name)
    assert about.title
    assert about.hint.endswith(".")
    assert about.icon_text().startswith("<svg")
    for check in about.certificate_checks:
        assert has_certificate_check(check, extra_coordinates=about.extra_coordinates)
    assert all(has_conflict_test(test) for test in about.conflict_tests)
    assert bool(about.certificate_checks) == (name != NONE)


def test_poses_are_the_options_that_hold_a_place():
    assert pose_options("star+mirror") == ("axis", "center")
    assert pose_options("periodic") == ("lattice",)
    assert pose_options("convex") == pose_options(NONE) == ()
    spec = ShapeSpec.parse("star+mirror:center=3/4,harmonics=9,over_time=frames")
    assert str(spec.without_pose()) == "star+mirror:harmonics=9,over_time=frames"


def test_shapes_that_rely_on_angles_are_refused_in_extra_coordinates():
    geometry = with_coordinates(ImageGeometry((8, 9)), {"depth": np.arange(72.0).reshape(8, 9)})
    check_supported_shapes(geometry, ["none", "convex", "star"])
    check_supported_shapes(ImageGeometry((8, 9)), ["mirror"])
    with pytest.raises(InputError, match=r"'mirror'.*choose convex or star"):
        check_supported_shapes(geometry, ["convex", "mirror"])
