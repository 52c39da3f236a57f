"""The fit waits while the window draws, but not for ever."""

from __future__ import annotations

import threading
import time

from napari_isr.gui.repaint_scheduler import RepaintGate


def waiting(repaint_gate: RepaintGate) -> threading.Thread:
    thread = threading.Thread(target=repaint_gate.wait)
    thread.start()
    return thread


def test_the_fit_goes_on_when_the_window_has_drawn(qtbot, monkeypatch):
    monkeypatch.setattr("napari_isr.gui.repaint_scheduler.MAX_PAUSE_S", 60)
    repaint_gate = RepaintGate()
    repaint_gate.wait()  # nobody draws
    repaint_gate.close_now()
    repaint_gate.close_until_painted(False)
    qtbot.wait(30)  # more is to be drawn
    repaint_gate.close_until_painted()
    thread = waiting(repaint_gate)
    thread.join(0.2)  # the GUI thread is busy meanwhile: no timer comes
    assert thread.is_alive()
    qtbot.waitUntil(lambda: not thread.is_alive())
    repaint_gate.wait()


def test_the_fit_does_not_wait_for_ever(qtbot):
    repaint_gate = RepaintGate()
    repaint_gate.close_until_painted()
    thread = waiting(repaint_gate)
    thread.join()
    began = time.perf_counter()
    for _ in range(100):  # nor once more for the same drawing
        repaint_gate.wait()
    assert time.perf_counter() - began < 5
    repaint_gate.close()


def test_nobody_waits_once_it_is_closed(qtbot, monkeypatch):
    monkeypatch.setattr("napari_isr.gui.repaint_scheduler.MAX_PAUSE_S", 60)
    repaint_gate = RepaintGate()
    repaint_gate.close_until_painted()
    thread = waiting(repaint_gate)
    repaint_gate.close()
    thread.join(5)
    assert not thread.is_alive()
