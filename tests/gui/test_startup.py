"""What is loaded when: the dock is seen before torch is."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_isr.gui._qt_utils import FirstPaintFilter
from napari_isr.gui.fitting.worker import FitWorker

pytestmark = pytest.mark.gui
WAIT = 20_000


def test_something_is_done_once_after_a_widget_was_painted(qtbot):
    widget, calls = QWidget(), []
    qtbot.addWidget(widget)
    FirstPaintFilter(widget, lambda: calls.append("seen"), latest_ms=60_000)
    assert not calls
    widget.show()
    qtbot.waitUntil(lambda: bool(calls))
    widget.repaint()
    qtbot.wait(20)
    assert calls == ["seen"]


def test_or_after_a_while_if_it_is_never_shown(qtbot):
    widget, calls = QWidget(), []
    qtbot.addWidget(widget)
    FirstPaintFilter(widget, lambda: calls.append("late"), latest_ms=1)
    qtbot.waitUntil(lambda: bool(calls))
    assert calls == ["late"]


def test_the_library_is_loaded_when_it_is_told_to_and_once(qtbot):
    runner, loaded = FitWorker(), []
    runner.loaded.connect(loaded.append)
    runner.warm_up()
    qtbot.wait(20)
    assert runner.is_loading
    assert not loaded
    for _ in range(2):
        runner.load()
    qtbot.waitUntil(lambda: not runner.busy, timeout=WAIT)
    runner.load()  # it is there
    assert len(loaded) == 1
    assert not runner.is_loading


def test_a_job_does_not_wait_until_the_dock_was_seen(qtbot):
    runner, loaded = FitWorker(), []
    runner.loaded.connect(loaded.append)
    runner.warm_up()
    runner.start(object())
    runner.cancel()
    qtbot.waitUntil(lambda: bool(loaded) and not runner.busy, timeout=WAIT)


def test_what_was_not_begun_is_dropped_at_the_end(qtbot):
    runner, loaded = FitWorker(), []
    runner.loaded.connect(loaded.append)
    runner.warm_up()
    runner.close()
    runner.load()
    assert not runner.busy
    qtbot.wait(20)
    assert not loaded
