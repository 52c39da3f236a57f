"""Order of imports: the dock is visible before torch is loaded."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_isr.gui._qt_utils import FirstPaintFilter, make_executor
from napari_isr.gui.fitting.worker import FitWorker
from napari_isr.gui.repaint_scheduler import RepaintGate

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
    worker, loaded = FitWorker(make_executor(), RepaintGate()), []
    worker.loaded.connect(loaded.append)
    worker.warm_up()
    qtbot.wait(20)
    assert worker.is_loading
    assert not loaded
    for _ in range(2):
        worker.load()
    qtbot.waitUntil(lambda: not worker.busy, timeout=WAIT)
    worker.load()  # it is there
    assert len(loaded) == 1
    assert not worker.is_loading


def test_a_job_does_not_wait_until_the_dock_was_seen(qtbot):
    worker, loaded = FitWorker(make_executor(), RepaintGate()), []
    worker.loaded.connect(loaded.append)
    worker.warm_up()
    worker.start(object())
    worker.cancel()
    qtbot.waitUntil(lambda: bool(loaded) and not worker.busy, timeout=WAIT)


def test_what_was_not_begun_is_dropped_at_the_end(qtbot):
    worker, loaded = FitWorker(make_executor(), RepaintGate()), []
    worker.loaded.connect(loaded.append)
    worker.warm_up()
    worker.close()
    worker.load()
    assert not worker.busy
    qtbot.wait(20)
    assert not loaded
