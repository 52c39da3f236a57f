"""Cancel, close and remove in the middle of a fit."""

import threading
import time

import numpy as np
import pytest

from napari_isr.gui._concurrency import is_idle

WAIT = 30_000


@pytest.fixture
def slow(monkeypatch):
    """Extend every fit until it is cancelled."""
    from napari_isr.segmentation.segmenter import Segmenter, Update

    running, closed, steps = threading.Event(), threading.Event(), []

    def run(self, *_, **__):
        try:
            yield Update("features", 0.0)
            running.set()
            for step in range(10_000):
                time.sleep(0.005)
                steps.append(step)
                yield Update("predictor", min(0.4, step / 1000))
        finally:
            closed.set()

    monkeypatch.setattr(Segmenter, "run", run)
    return running, closed, steps


@pytest.fixture
def fitting(ready, strokes, qtbot, slow):
    viewer, dock = ready
    running, closed, _ = slow
    dock.scribble_layer.data = strokes
    qtbot.waitUntil(running.is_set, timeout=WAIT)
    return viewer, dock, closed


def quiet(qtbot):
    qtbot.waitUntil(is_idle, timeout=WAIT)


def test_cancel_stops_at_the_next_step(fitting, slow, qtbot):
    _, dock, closed = fitting
    steps = slow[2]
    assert dock.cancel_button.isEnabled()
    dock.cancel_button.click()
    done = len(steps)
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    assert len(steps) <= done + 2  # one that was going on, and one that had been asked for
    assert "ancel" in dock.status.text()
    assert not dock.cancel_button.isEnabled()
    quiet(qtbot)


def test_a_stroke_after_a_cancel_fits_again(fitting, qtbot, monkeypatch):
    _, dock, closed = fitting
    dock.cancel()
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    monkeypatch.undo()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = dock.scribble_layer.data.copy()


def test_closing_the_dock_stops_the_fit(fitting, qtbot):
    viewer, dock, closed = fitting
    layer = dock.scribble_layer
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    quiet(qtbot)
    layer.data = np.zeros_like(layer.data)  # nobody listens
    viewer.add_image(np.zeros((9, 9)))
    viewer.layers.clear()
    qtbot.wait(60)
    quiet(qtbot)


def test_closing_the_dock_lets_go_of_what_was_fitted(quick, qtbot):
    viewer, dock = quick
    control = dock.controller
    assert len(control.worker.segmenters)
    assert len(control.presenter.history) == 1
    viewer.window.remove_dock_widget(dock)
    quiet(qtbot)
    qtbot.waitUntil(lambda: not len(control.worker.segmenters), timeout=WAIT)
    assert len(control.presenter.history) == 0


def test_closing_the_viewer_stops_the_fit(fitting, qtbot):
    viewer, _, closed = fitting
    viewer.close()
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    quiet(qtbot)


@pytest.mark.parametrize("name", ["disc", "disc [strokes]"])
def test_removing_a_layer_stops_the_fit(fitting, qtbot, name):
    viewer, dock, closed = fitting
    viewer.layers.remove(viewer.layers[name])
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    quiet(qtbot)
    assert not dock.controller.state.busy


def test_replacing_the_image_data_fits_the_new_image(quick, disc, qtbot):
    viewer, dock = quick
    before = viewer.layers["disc [isr]"].data.copy()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        viewer.layers["disc"].data = np.roll(disc, 6, axis=1)
    assert (viewer.layers["disc [isr]"].data != before).any()


def test_reset_in_mid_fit_starts_afresh(fitting, qtbot, monkeypatch):
    _, dock, closed = fitting
    dock.reset()
    qtbot.waitUntil(closed.is_set, timeout=WAIT)
    quiet(qtbot)
    monkeypatch.undo()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()


def test_the_gui_thread_stays_free(fitted, qtbot):
    """Work of the window itself, so that other programs do not count; see benchmarks/latency.py."""
    import torch
    from qtpy.QtCore import QTimer

    _, dock = fitted
    threads = torch.get_num_threads()
    gaps, last = [], time.thread_time()

    def tick():
        nonlocal last
        now = time.thread_time()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(1)
    for _ in range(3):
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            dock.run()
    timer.stop()
    assert len(gaps) > 20
    assert max(gaps) < 0.25, f"{1000 * max(gaps):.0f} ms of work at a stretch"
    assert torch.get_num_threads() == threads
