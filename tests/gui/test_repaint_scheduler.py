"""The window waits for the outlines that answer a stroke, and never for long."""

import pytest
from qtpy.QtCore import QEvent, QObject

from napari_isr.gui import repaint_scheduler as one_painting

PATIENCE = 30_000  # ms


class Paintings(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget):
        super().__init__()
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched, event):
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.fixture
def answered(drawing, qtbot):
    """Give dock and hand after the first fit of strokes by hand."""
    _, dock, hand = drawing
    hand.draw((45, 38), (45, 58))
    dock.brush.toggle_background()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        hand.draw((5, 8), (5, 88), (90, 88), (90, 8), (6, 8))
    return dock, hand


def stand_still(dock):
    """The fit of the next stroke waits."""
    dock.controller.worker.repaint_gate.close_now()


def test_the_window_is_painted_once_outlines_are_drawn(answered, qtbot, monkeypatch):
    dock, hand = answered
    monkeypatch.setattr(one_painting, "MAX_HOLD_MS", PATIENCE)
    paintings = Paintings(hand.canvas)
    before = []
    dock.updated.connect(lambda: before.append(paintings.count))
    with qtbot.waitSignal(dock.updated, timeout=PATIENCE):
        hand.draw((50, 40), (50, 56))
        assert dock.repaint_coalescer.is_holding
        paintings.count = 0  # those of the stroke
    assert before[0] == 0
    assert not dock.repaint_coalescer.is_holding
    qtbot.waitUntil(lambda: paintings.count > 0)
    qtbot.waitUntil(lambda: not dock.controller.state.busy, timeout=PATIENCE)


def test_it_does_not_wait_long(answered, qtbot):
    dock, hand = answered
    stand_still(dock)
    paintings = Paintings(hand.canvas)
    hand.draw((50, 40), (50, 56))
    assert dock.repaint_coalescer.is_holding
    paintings.count = 0
    qtbot.waitUntil(lambda: not dock.repaint_coalescer.is_holding)
    qtbot.waitUntil(lambda: paintings.count > 0)
    assert one_painting.MAX_HOLD_MS < 50


def test_it_does_not_wait_for_a_first_fit_or_a_run(drawing, qtbot):
    _, dock, hand = drawing
    hand.draw((45, 38), (45, 58))
    assert not dock.repaint_coalescer.is_holding
    dock.run()
    assert not dock.repaint_coalescer.is_holding
    qtbot.waitUntil(lambda: not dock.controller.state.busy, timeout=PATIENCE)


def test_a_dock_that_is_closed_lets_the_window_be_painted(answered, qtbot):
    dock, hand = answered
    stand_still(dock)
    hand.draw((50, 40), (50, 56))
    assert dock.repaint_coalescer.is_holding
    paintings = Paintings(hand.canvas)
    dock.close()
    assert not dock.repaint_coalescer.is_holding
    qtbot.waitUntil(lambda: paintings.count > 0)


def test_layers_are_written_and_painted_in_turns(answered, qtbot):
    dock, hand = answered
    paintings, turns = Paintings(hand.canvas), []
    dock.controller.presenter.drawing.connect(
        lambda _: turns.append((dock.repaint_coalescer.is_holding, paintings.count))
    )
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.run()
    assert any(waits for waits, _ in turns)
    qtbot.waitUntil(lambda: not dock.repaint_coalescer.is_holding)
    qtbot.waitUntil(lambda: paintings.count > turns[-1][1])


def test_a_viewer_that_is_closed_meanwhile_is_let_go_of(answered, monkeypatch):
    dock, hand = answered
    monkeypatch.setattr(one_painting, "MAX_HOLD_MS", PATIENCE)
    stand_still(dock)
    hand.draw((50, 40), (50, 56))
    assert dock.repaint_coalescer.is_holding  # the viewer's fixture sees to the rest
