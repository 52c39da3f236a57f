"""What is asked of all pixels of a large layer is answered by a thread."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_isr.gui import controller, scans
from napari_isr.gui.objects.undo import label_indices
from napari_isr.gui.persistence.room import OverwriteCheck
from napari_isr.gui.scribbles.change_detector import ScribbleChangeDetector

WAIT = 30_000


@pytest.fixture
def large(monkeypatch, qtbot):
    """Every layer is a large one; gives the list of what was asked, filled as it is answered."""
    answered, open_questions = [], []

    def slow(compute, answer):
        def told(found):
            open_questions.pop()
            answered.append(found)
            answer(found)

        open_questions.append(compute)
        there(compute, told)

    there = scans.run_in_thread
    monkeypatch.setattr(scans, "ASYNC_QUERY_BYTES", 0)
    monkeypatch.setattr(scans, "run_in_thread", slow)
    yield answered
    qtbot.waitUntil(lambda: not open_questions, timeout=WAIT)  # a thread at work holds the dock


def test_a_large_layer_with_strokes_is_known_as_such(ready, strokes, large, qtbot):
    _, dock = ready
    dock.live = False
    layer = dock.scribble_layer
    dock.scribble_layer = None
    layer.data = strokes
    dock.scribble_layer = layer
    assert dock.status.text() == controller.READY
    qtbot.waitUntil(lambda: dock.status.text() == controller.DRAWN, timeout=WAIT)
    dock.brush.select_label(2)
    dock.brush.select_new_label()
    qtbot.waitUntil(lambda: layer.selected_label == 3, timeout=WAIT)


def test_a_large_layer_with_strokes_is_fitted_at_once(ready, strokes, large, qtbot):
    _, dock = ready
    dock.shape, dock.live = "none", False
    dock.scribble_layer.data = strokes
    dock.live = True
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.fit_if_possible()


def test_an_object_of_a_large_layer_is_deleted_and_undone(ready, strokes, large, qtbot):
    _, dock = ready
    dock.live = False
    layer = dock.scribble_layer
    two = strokes.copy()
    two[60:64, 40:50] = 3
    layer.data = two
    dock.controller.objects.rename(3, "moon")
    dock.controller.objects.delete(3)
    layer.data_setitem((np.array([61]), np.array([45])), 1)  # sooner than the thread
    qtbot.waitUntil(lambda: not (layer.data == 3).any(), timeout=WAIT)
    assert layer.data[61, 45] == 1
    assert dock.controller.settings.names == {}
    watch = dock.controller._watch  # nobody undoes sooner than the strokes are known
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    layer.undo()
    qtbot.waitUntil(lambda: dock.controller.settings.names == {3: "moon"}, timeout=WAIT)
    # An answer that comes when the dock is at another layer is not wanted any more.
    dock.controller.objects.delete(3)
    large.clear()
    dock.new.click()
    qtbot.waitUntil(lambda: any(isinstance(found, tuple) for found in large), timeout=WAIT)
    assert (layer.data == 3).any()


def test_places_are_those_of_numpy(monkeypatch):
    monkeypatch.setattr("napari_isr.gui.objects.undo.BLOCK", 7)
    data = np.random.default_rng(0).integers(0, 4, (3, 5, 6))
    for array in (data, data.transpose(2, 0, 1)[::-1], np.zeros((0, 4), int)):
        expected = np.nonzero(array == 2)
        assert all(map(np.array_equal, label_indices(array, 2), expected))


def test_a_stroke_that_is_undone_at_once_is_noticed(viewer, large, qtbot):
    layer = viewer.add_labels(np.zeros((40, 40), np.uint8))
    watch, told = ScribbleChangeDetector(), []
    watch.layer = layer
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    watch.changed.connect(lambda: told.append(layer.data.any()))
    with layer.block_history():  # as napari does while the mouse is down
        layer.paint((20, 20), 2)
    assert told == [True]
    layer.undo()  # sooner than any thread has looked at the stroke
    assert told == [True, False]
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    layer.visible = False
    layer.visible = True  # shows the same
    layer.redo()
    qtbot.waitUntil(lambda: told == [True, False, True], timeout=WAIT)
    watch.layer = None


def test_strokes_come_back_to_a_layer_that_loses_nothing_by_it():
    kept = np.zeros((9, 9), np.uint8)
    kept[4] = 2

    def room(data, meanwhile=lambda layer: None, other=None):
        layer = Labels(data.copy())
        made = OverwriteCheck(layer)
        made.compute(kept)
        meanwhile(layer)
        return made.is_safe(layer if other is None else Labels(other), kept)

    assert room(np.zeros_like(kept))
    assert room(kept)
    assert not room(kept + np.eye(9, dtype=np.uint8))
    assert not room(np.zeros((5, 5), np.uint8))
    assert not room(np.zeros_like(kept), lambda layer: layer.paint((1, 1), 2))
    assert not room(np.zeros_like(kept), other=np.eye(9, dtype=np.uint8))
    assert room(np.eye(9, dtype=np.uint8), other=np.zeros_like(kept))
    nobody = OverwriteCheck(None)
    nobody.compute(kept)
    assert not nobody.is_safe(None, kept)
