"""Shapes with options, and strokes that contradict them."""

import numpy as np


def test_every_shape_fits_in_the_dock(fitted, qtbot):
    _, fitted = fitted
    for shape in ("star", "mirror", "rotational:order=2", "connected"):
        with qtbot.waitSignal(fitted.settled, timeout=30_000):
            fitted.shape = shape
        assert fitted.controller.result.objects[2].shape_name == shape
        assert fitted.controller.result.objects[2].certificate.holds


def test_strokes_in_conflict_are_marked_and_explained(fitted, qtbot):
    viewer, fitted = fitted
    strokes = fitted.scribble_layer
    with qtbot.waitSignal(fitted.settled, timeout=30_000):
        strokes.data_setitem((np.array([41, 42]), np.array([47, 47])), 1)
    assert "between the object strokes" in fitted.controller.state.message
    marks = next(layer for layer in viewer.layers if layer.name.endswith("[conflict]"))
    assert {tuple(p) for p in marks.data.astype(int).tolist()} == {(41, 47), (42, 47)}
    assert viewer.layers.selection.active is not marks
    with qtbot.waitSignal(fitted.settled, timeout=30_000):
        strokes.undo()
    assert not any(layer.name.endswith("[conflict]") for layer in viewer.layers)
    assert "Fitted" in fitted.controller.state.message
