"""A hurry: strokes faster than fits, cancel at every stage, layers that change in mid-fit."""

import threading

import numpy as np
import pytest

from napari_isr.gui._concurrency import is_idle
from napari_isr.segmentation.segmenter import Segmenter

WAIT = 30_000
PATIENCE = 10  # seconds that a held stage waits for the test


@pytest.fixture
def held(monkeypatch):
    """Hold every fit where a stage begins, until it is told to go on."""
    run, reached, go = Segmenter.run, threading.Event(), threading.Event()
    chosen = {"stage": ""}

    def holding(self, *arguments, **options):
        for update in run(self, *arguments, **options):
            yield update
            if update.stage == chosen["stage"] and not reached.is_set():
                reached.set()
                go.wait(PATIENCE)

    monkeypatch.setattr(Segmenter, "run", holding)
    return chosen, reached, go


def quiet(qtbot):
    qtbot.waitUntil(is_idle, timeout=WAIT)


@pytest.mark.parametrize("stage", ["features", "predictor", "projection", "render"])
def test_cancel_at_every_stage_keeps_what_is_there(fitted, strokes, qtbot, held, stage):
    viewer, dock = fitted
    chosen, reached, go = held
    before = viewer.layers["disc [isr]"].data.copy()
    settled = []
    dock.settled.connect(lambda: settled.append(True))
    chosen["stage"] = stage
    strokes[60:63, 38:58] = 2
    dock.scribble_layer.data = strokes
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    dock.cancel_button.click()
    go.set()
    quiet(qtbot)
    assert not dock.controller.state.busy
    assert not settled
    np.testing.assert_array_equal(viewer.layers["disc [isr]"].data, before)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run_button.click()
    assert (62, 40) in {tuple(p) for p in dock.result.objects[2].drawn.tolist()}


def test_a_dozen_strokes_in_a_hurry_are_all_fitted(drawing, strokes, qtbot):
    _, dock, hand = drawing
    dock.live = False
    dock.scribble_layer.data = strokes
    dock.live = True
    dock.brush.select_label(2)
    rows = range(30, 66, 3)
    for row in rows:
        hand.draw((row, 40), (row, 56))
    drawn = np.asarray(dock.scribble_layer.data) == 2
    assert all(drawn[row, 48] for row in rows)
    expected = {tuple(p) for p in np.argwhere(drawn).tolist()}
    qtbot.waitUntil(
        lambda: (
            dock.result is not None
            and expected <= {tuple(p) for p in dock.result.objects[2].drawn.tolist()}
            and not dock.controller.state.busy
        ),
        timeout=2 * WAIT,
    )
    quiet(qtbot)
    assert dock.result.objects[2].certificate.holds


def test_layers_renamed_in_mid_fit_keep_their_fit(fitted, strokes, qtbot, held):
    viewer, dock = fitted
    chosen, reached, go = held
    chosen["stage"] = "predictor"
    strokes[60:63, 38:58] = 2
    dock.scribble_layer.data = strokes
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    viewer.layers["disc"].name = "renamed"
    dock.scribble_layer.name = "my strokes"
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        go.set()
    assert dock.images.currentText() == "renamed"
    assert dock.scribbles.currentText() == "my strokes"
    assert dock.result.objects[2].certificate.holds
    assert (62, 40) in {tuple(p) for p in dock.result.objects[2].drawn.tolist()}


def test_an_image_that_is_closed_in_mid_fit_leaves_the_strokes(fitted, strokes, qtbot, held):
    viewer, dock = fitted
    chosen, reached, go = held
    chosen["stage"] = "projection"
    strokes[60:63, 38:58] = 2
    layer = dock.scribble_layer
    layer.data = strokes
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    viewer.layers.remove("disc")
    go.set()
    quiet(qtbot)
    assert dock.image_layer is None
    assert layer in viewer.layers
    np.testing.assert_array_equal(layer.data, strokes)
    assert not dock.controller.state.busy
