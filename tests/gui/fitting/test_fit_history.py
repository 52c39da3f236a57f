"""Back to earlier fits and forward again."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_isr.gui.fitting.fit_history import FitHistory, FitHistoryEntry

WAIT = 30_000


def fit_of(name, pixels=1):
    one = SimpleNamespace(
        probability=np.zeros(pixels, np.float32), mask=np.zeros(pixels, bool), name=name
    )
    done = SimpleNamespace(
        raw=np.zeros(pixels, np.uint8),
        isr=np.zeros(pixels, np.uint8),
        result=SimpleNamespace(objects={2: one}),
        name=name,
    )
    return FitHistoryEntry(done)


def name(fit):
    return None if fit is None else fit.done.name


def test_a_new_fit_cuts_what_was_undone():
    history = FitHistory()
    for letter in "abc":
        history.push(fit_of(letter))
    assert [name(history.undo()) for _ in range(3)] == ["b", "a", None]
    assert (history.can_undo, history.can_redo) == (False, True)
    assert name(history.redo()) == "b"
    history.push(fit_of("d"))
    assert (history.can_redo, name(history.redo())) == (False, None)
    assert [name(history.undo()) for _ in range(3)] == ["b", "a", None]
    assert history.position_text == "fit 1 of 3"


def test_a_fit_that_was_taken_away_comes_back():
    history = FitHistory()
    history.deselect()
    assert not history.can_undo
    history.push(fit_of("a"))
    history.deselect()
    assert (history.current, history.can_redo) == (None, False)
    assert name(history.undo()) == "a"
    assert history.current is not None
    history.clear()
    assert (len(history), history.can_undo, history.can_redo) == (0, False, False)


def test_memory_is_bounded():
    history = FitHistory(max_fits=5, max_bytes=7 * 100)
    for number in range(9):
        history.push(fit_of(number))
    assert len(history) == 5
    history.push(fit_of("large", pixels=100))  # 7 bytes a pixel
    assert len(history) == 2
    assert name(history.current) == "large"


def outlines(viewer):
    return viewer.layers["disc [outlines]"].metadata["contours"]


def shown(viewer, dock):
    contours = {key: [c.copy() for c in lines] for key, lines in outlines(viewer).items()}
    return viewer.layers["disc [isr]"].data.copy(), contours, dock.controller.state.rows[0].area


def same(first, second):
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1].keys() == second[1].keys()
    for key, lines in first[1].items():
        for a, b in zip(lines, second[1][key], strict=True):
            np.testing.assert_array_equal(a, b)


def test_undo_and_redo_of_fits(fitted, qtbot):
    viewer, dock = fitted
    layer = dock.scribble_layer
    states = [shown(viewer, dock)]
    assert not dock.undo_button.isEnabled()
    more = layer.data.copy()
    more[66:70, 40:56] = 1
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = more
    states.append(shown(viewer, dock))
    assert (states[0][0] != states[1][0]).any()
    results = [dock.result]

    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.undo_button.click()
    same(shown(viewer, dock), states[0])
    assert dock.result is not results[0]
    assert "fit 1 of 2" in dock.status.text()
    np.testing.assert_array_equal(layer.data, more)  # the strokes are the user's
    assert (dock.undo_button.isEnabled(), dock.redo_button.isEnabled()) == (False, True)

    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.redo_button.click()
    same(shown(viewer, dock), states[1])
    assert dock.result is results[0]
    assert not dock.redo_button.isEnabled()


def test_the_next_fit_starts_from_the_one_that_is_shown(fitted, qtbot, monkeypatch):
    from napari_isr.segmentation.segmenter import Segmenter

    taken, restore = [], Segmenter.restore

    def noted(self, result):
        taken.append(result)
        restore(self, result)

    monkeypatch.setattr(Segmenter, "restore", noted)
    _, dock = fitted
    first = dock.result
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert taken == []
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.undo_fit()
    for _ in range(2):  # the second one goes on from the first
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            dock.run()
    assert taken == [first]
    assert not dock.redo_button.isEnabled()
    assert len(dock.controller.presenter.history) == 3


def test_keys_go_back_and_forward(drawing, strokes, qtbot):
    _, dock, hand = drawing
    dock.shape = "none"
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = strokes
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.keyClick(hand.canvas, "R")
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.keyClick(hand.canvas, "U")
    assert dock.redo_button.isEnabled()
    from qtpy.QtCore import Qt

    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.keyClick(hand.canvas, "U", Qt.KeyboardModifier.ShiftModifier)
    assert not dock.redo_button.isEnabled()


@pytest.mark.parametrize("how", ["reset", "image"])
def test_nothing_is_left_to_go_back_to(quick, qtbot, how):
    viewer, dock = quick
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert dock.undo_button.isEnabled()
    if how == "reset":
        dock.reset()
    else:
        viewer.layers.remove(viewer.layers["disc"])
    assert not dock.undo_button.isEnabled()


def test_strokes_that_were_undone_leave_the_last_fit_to_go_back_to(quick, strokes, qtbot):
    viewer, dock = quick
    before = shown(viewer, dock)
    dock.scribble_layer.data = np.zeros_like(strokes)
    qtbot.waitUntil(lambda: not outlines(viewer), timeout=WAIT)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.undo_button.click()
    same(shown(viewer, dock), before)


def test_an_earlier_fit_brings_back_its_shape_and_what_was_held(fitted, qtbot):
    _, dock = fitted
    held = "star:center=48/48"
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.shape = held
    fits = len(dock.controller.presenter.history)
    for back, shape in ((True, "convex"), (False, held)):
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            dock.undo_button.click() if back else dock.redo_button.click()
        assert dock.shape == shape
        assert dock.options.shape == shape
        assert dock.result.objects[2].shape_name == shape
        assert not dock.controller.worker.busy  # it is shown, not fitted again
    assert len(dock.controller.presenter.history) == fits
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.shape = "convex"  # a change by the user fits again
    assert len(dock.controller.presenter.history) == fits + 1
