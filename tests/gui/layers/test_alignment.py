"""Strokes and results follow their image."""

import numpy as np

WAIT = 30_000


def places(viewer):
    return {layer.name: (tuple(layer.scale), tuple(layer.translate)) for layer in viewer.layers}


def test_all_layers_follow_an_image_that_is_moved(fitted, disc, qtbot):
    viewer, dock = fitted
    other = viewer.add_image(disc, name="other")
    image, before = dock.image_layer, dock.result
    image.translate = (30, 10)
    image.scale = (2, 2)
    found = places(viewer)
    assert found.pop(other.name) == ((1, 1), (0, 0))
    assert {"disc [strokes]", "disc [isr]", "disc [raw]", "disc [outlines]"} <= set(found)
    assert set(found.values()) == {((2, 2), (30, 10))}
    image.rotate = 20
    np.testing.assert_allclose(dock.scribble_layer.rotate, image.rotate)
    assert dock.result is before
    assert not dock.controller.state.busy
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # an ellipse now, another convex set
        image.scale = (2, 1)
    assert set(places(viewer)["disc [isr]"][0]) == {2, 1}


def test_strokes_that_lie_elsewhere_stay_there(ready, disc):
    _, dock = ready
    dock.scribble_layer.translate = (5, 5)
    layer = dock.scribble_layer
    dock.scribble_layer = None
    dock.scribble_layer = layer
    dock.image_layer.translate = (30, 10)
    assert tuple(layer.translate) == (5, 5)
