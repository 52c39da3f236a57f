"""The fit waits while the window draws, but not for ever."""

from __future__ import annotations

import threading
import time

from napari_isr.gui.fitting.repaint_gate import RepaintGate


def waiting(courtesy: RepaintGate) -> threading.Thread:
    thread = threading.Thread(target=courtesy.wait)
    thread.start()
    return thread


def test_the_fit_goes_on_when_the_window_has_drawn(qtbot, monkeypatch):
    monkeypatch.setattr("napari_isr.gui.fitting.repaint_gate.MAX_PAUSE_S", 60)
    courtesy = RepaintGate()
    courtesy.wait()  # nobody draws
    courtesy.close_now()
    courtesy.close_until_painted(False)
    qtbot.wait(30)  # more is to be drawn
    courtesy.close_until_painted()
    thread = waiting(courtesy)
    thread.join(0.2)  # the GUI thread is busy meanwhile: no timer comes
    assert thread.is_alive()
    qtbot.waitUntil(lambda: not thread.is_alive())
    courtesy.wait()


def test_the_fit_does_not_wait_for_ever(qtbot):
    courtesy = RepaintGate()
    courtesy.close_until_painted()
    thread = waiting(courtesy)
    thread.join()
    began = time.perf_counter()
    for _ in range(100):  # nor once more for the same drawing
        courtesy.wait()
    assert time.perf_counter() - began < 5
    courtesy.close()


def test_nobody_waits_once_it_is_closed(qtbot, monkeypatch):
    monkeypatch.setattr("napari_isr.gui.fitting.repaint_gate.MAX_PAUSE_S", 60)
    courtesy = RepaintGate()
    courtesy.close_until_painted()
    thread = waiting(courtesy)
    courtesy.close()
    thread.join(5)
    assert not thread.is_alive()
