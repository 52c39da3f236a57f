"""The mathematics of handles: no viewer, no Qt."""

import math

import numpy as np
import pytest

from napari_isr.gui.fitting.events import FitFinished
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.fitting.run_job import run_job
from napari_isr.gui.fitting.shape_spec_text import clear_fixed_options, set_shape_of, shape_of
from napari_isr.gui.handle_models import (
    AxisHandle,
    CenterHandle,
    HandleGeometry,
    LatticeHandle,
    extract_handle_geometry,
    make_handle,
)
from napari_isr.gui.layers.handle_layer import COLORS, build_handle_mesh
from napari_isr.gui.models import DockSettings

BOX = ((10.0, 20.0), (50.0, 100.0))


def test_a_center_is_moved_and_written():
    handle = CenterHandle((3.0, 4.0)).with_control_point("center", (10.25, 8191.5))
    assert (handle.option, handle.to_option_text()) == ("center", "10.25/8191.5")
    assert handle.locks("center")


@pytest.mark.parametrize("degrees", [0, 30, 90, 150])
def test_an_axis_is_turned_by_its_ends_and_moved_by_its_middle(degrees):
    handle = AxisHandle((20.0, 30.0), 10.0, 15.0)
    turn = math.radians(degrees)
    to = (20 + 18 * math.sin(turn), 30 + 18 * math.cos(turn))
    for grip in ("end", "start"):
        turned = handle.with_control_point(grip, to)
        assert turned.degrees % 180 == pytest.approx(degrees, abs=1e-9)
        np.testing.assert_allclose(turned.control_points[grip], to)
        assert turned.middle == handle.middle
    assert handle.with_control_point("end", handle.middle) == handle  # no direction
    moved = handle.with_control_point("middle", (1.0, 2.0))
    assert moved.to_option_text() == "1/2/10"
    np.testing.assert_allclose(np.diff(moved.lines[0], axis=0), np.diff(handle.lines[0], axis=0))


def test_steps_of_a_lattice_span_a_cell():
    handle = LatticeHandle((5.0, 5.0), (0.0, 10.0), (10.0, 0.0))
    assert handle.with_control_point("first", (7.0, 17.0)).to_option_text() == "2/12/10/0"
    assert handle.with_control_point("second", (17.0, 6.0)).to_option_text() == "0/10/12/1"
    for bad in ((6.0, 6.0), (5.2, 5.1), (15.0, 5.4)):
        assert handle.with_control_point("first", bad) == handle
    shifted = handle.with_control_point("origin", (8.0, 9.0))
    assert shifted.to_option_text() == handle.to_option_text()
    assert not handle.locks("origin")
    assert handle.locks("first")
    assert "origin" not in LatticeHandle((5.0, 5.0), (0, 10), (10, 0), movable=False).control_points


STAR = HandleGeometry("star", {"centre": [30.0, 60.0]}, BOX)
MIRROR = HandleGeometry("mirror", {"axis_point": [0.0, 60.0], "axis_degrees": 90.0}, BOX)
BOTH = HandleGeometry("star+mirror", {"centre": [25.0, 60.0], **MIRROR.parameters}, BOX)
TILES = HandleGeometry("periodic", {"lattice": [[0.0, 9.0], [8.0, 1.0]]}, BOX, (31.0, 62.0))
PLANE = HandleGeometry(
    "periodic:perspective=true", {**TILES.parameters, "origin": [40.0, 50.0]}, BOX
)


@pytest.mark.parametrize(
    ("found", "text", "grip", "where", "fixed"),
    [
        (STAR, "star", "center", (30, 60), False),
        (STAR, "star:harmonics=9,center=1/2", "center", (1, 2), True),
        (STAR, "star:center=nonsense", "center", (30, 60), False),
        (MIRROR, "mirror", "middle", (30, 60), False),  # next to the middle of the object
        (MIRROR, "mirror:axis=5/6/0", "middle", (5, 6), True),
        (BOTH, "mirror+star", "middle", (25, 60), False),  # the star's centre
        (BOTH, "star+mirror:axis=5/6/0", "middle", (5, 6), True),
        (BOTH, "star+mirror:center=5/6", "center", (5, 6), True),
        (TILES, "periodic", "first", (31, 71), False),
        (TILES, "periodic:lattice=1/2/9/0", "second", (40, 62), True),
        (PLANE, "periodic:perspective=true", "first", (40, 59), False),
    ],
)
def test_handles_are_where_the_fit_or_the_user_put_them(found, text, grip, where, fixed):
    handle, held = make_handle(found, text)
    np.testing.assert_allclose(handle.control_points[grip], where)
    assert held is fixed


def test_shapes_without_places_and_shapes_not_fitted_yet_have_no_handle():
    assert make_handle(HandleGeometry("convex", {}), "convex") is None
    assert make_handle(STAR, "rotational") is None
    assert make_handle(HandleGeometry("star", {"centre": [1, 2, 3]}), "star") is None


def test_a_place_is_held_for_one_object_only_unless_it_is_alone():
    settings = DockSettings(shape="star")
    set_shape_of(settings, 2, "star:center=1/2", alone=True)
    assert (settings.shape, settings.own_shapes) == ("star:center=1/2", {})
    clear_fixed_options(settings, 2, alone=True)
    assert settings.shape == "star"
    set_shape_of(settings, 3, "star:center=1/2", alone=False)
    assert (settings.shape, settings.own_shapes) == ("star", {3: "star:center=1/2"})
    assert shape_of(settings, 2) == "star"
    clear_fixed_options(settings, 3, alone=False)  # and is as all the others again
    assert (settings.shape, settings.own_shapes) == ("star", {})


@pytest.mark.parametrize(
    ("handle", "grip"),
    [
        (CenterHandle((0.0, 0.0)), "center"),
        (AxisHandle((0.0, 0.0), 30.0, 40.0), "end"),
        (LatticeHandle((0.0, 0.0), (30.0, 0.0), (5.0, 40.0)), "second"),
    ],
)
def test_a_mesh_surrounds_every_grip(handle, grip):
    places = {name: np.array(at) for name, at in handle.control_points.items()}
    for number, (start, end) in enumerate(handle.lines):
        places |= {f"line {number} start": np.array(start), f"line {number} end": np.array(end)}
    sizes = []
    for fixed, hot in ((False, ""), (True, ""), (False, grip)):
        vertices, faces, values = build_handle_mesh(handle, places, fixed, hot)
        assert faces.max() == len(vertices) - 1 == len(values) - 1
        near = vertices[np.hypot(*(vertices - places[grip]).T) < 13]
        assert (near.min(0) < places[grip] - 4).all()
        assert (near.max(0) > places[grip] + 4).all()
        shades = {v for v in values.tolist() if v in COLORS}
        assert (5.0 in shades) is fixed
        sizes.append(np.ptp(vertices, axis=0).max())
    assert sizes[2] > sizes[0]


def test_the_worker_tells_places_as_plain_values(disc, strokes):
    for shape, key in (("rotational:order=4", "centre"), ("convex+mirror", "axis_degrees")):
        *_, done = run_job(FitJob(disc, (1.0, 1.0), strokes, shape=shape), SegmenterCache())
        assert isinstance(done, FitFinished)
        assert done.found[2].shape == shape
        assert key in done.found[2].parameters
        np.testing.assert_allclose(done.found[2].box_center, (48, 48), atol=3)
    *_, done = run_job(FitJob(disc, (1.0, 1.0), strokes, shape="none"), SegmenterCache())
    assert done.found == extract_handle_geometry(done.result) == {}


def test_the_arrows_of_a_lattice_start_at_an_element():
    rows, columns = np.mgrid[:96, :96]
    image = np.where(np.hypot(rows % 24 - 9, columns % 20 - 11) < 6, 190, 60).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[[9, 33, 57], :] = np.where(image[[9, 33, 57], :] > 100, 2, 1)
    *_, done = run_job(
        FitJob(image, (1.0, 1.0), strokes, shape="periodic", features="rgb"), SegmenterCache()
    )
    row, column = done.found[2].element
    assert abs(row % 24 - 9) < 1.5
    assert abs(column % 20 - 11) < 1.5
