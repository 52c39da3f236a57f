"""Another layer's values as a coordinate: a shape holds in (row, column, depth)."""

import numpy as np
import pytest

from tests.gui.conftest import PATIENCE, SIZE, fit


@pytest.fixture
def depth():
    """Rising from left to right, with a step down in the middle."""
    columns = np.linspace(0, 1, SIZE, dtype=np.float32)
    return np.broadcast_to(columns + (columns > 0.5), (SIZE, SIZE)).copy()


@pytest.fixture
def with_depth(viewer, disc, depth, open_dock):
    viewer.add_image(disc, name="disc")
    viewer.add_image(depth, name="depth", visible=False)
    viewer.add_image(np.zeros((20, 20)), name="small")
    viewer.add_image(np.zeros((SIZE, SIZE, 3), np.uint8), name="colours", rgb=True)
    dock = open_dock(viewer)
    dock.image_layer = viewer.layers["disc"]
    dock.new.click()
    return viewer, dock


def words(box):
    return [box.itemText(k) for k in range(box.count())]


def test_layers_of_the_images_size_are_offered(with_depth):
    viewer, dock = with_depth
    box = dock.coordinates
    assert words(box) == ["none", "depth"]
    assert not box.isHidden()
    viewer.add_image(np.ones((SIZE, SIZE)), name="height")
    assert words(box) == ["none", "depth", "height"]
    box.current_text = "height"
    assert dock.coordinate == "height"
    viewer.layers["height"].name = "tallness"
    assert dock.coordinate == box.current_text == "tallness"
    viewer.layers.remove("tallness")
    assert dock.coordinate == ""
    assert words(box) == ["none", "depth"]
    viewer.layers.remove("depth")
    assert box.isHidden()


def test_a_convex_shape_holds_in_depth(with_depth, strokes, qtbot):
    _, dock = with_depth
    dock.coordinates.current_text = "depth"
    fit(dock, strokes, qtbot)
    state = dock.controller.state
    assert state.certificate[0] is True
    assert "(row, column, depth)" in state.certificate_text
    dock.certificate_panel.more.click()
    assert "(row, column, depth)" in dock.certificate_panel.account.text()
    lifted = dock.result.objects[2].frame.n_coordinates
    assert lifted == 3
    # Without it, the next fit is of the plane again.
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.coordinates.current_text = "none"
    assert dock.result.objects[2].frame.n_coordinates == 2
    assert "depth" not in state.certificate_text


def test_new_values_are_fitted_again(with_depth, strokes, depth, qtbot):
    viewer, dock = with_depth
    dock.shape = "none"
    dock.coordinate = "depth"
    fit(dock, strokes, qtbot)
    assert dock.coordinates.current_text == "depth"
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        viewer.layers["depth"].data = depth[:, ::-1].copy()


def test_shapes_that_mean_nothing_there_are_one_sentence(with_depth, strokes, qtbot):
    _, dock = with_depth
    dock.coordinate, dock.shape = "depth", "mirror"
    dock.scribble_layer.data = strokes
    state = dock.controller.state
    qtbot.waitUntil(lambda: state.kind == "error", timeout=PATIENCE)
    assert "choose convex or star" in state.message
