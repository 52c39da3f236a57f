"""When a stroke is fitted: at once where it is drawn, else when it is."""

import numpy as np
from qtpy.QtTest import QTest

WAIT = 30_000
CALM_MS = 150  # changes nearer to each other are fitted as one


def starts(dock):
    told = []
    dock.controller.fit_started.connect(told.append)
    return told


def test_a_stroke_of_the_brush_is_fitted_before_anything_is_painted(drawing, strokes, qtbot):
    _, dock, hand = drawing
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = strokes
    QTest.qWait(CALM_MS)
    told = starts(dock)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        hand.draw((45, 38), (45, 58))
        assert len(told) == 1  # no event was handled after the release


def test_what_is_told_before_it_is_drawn_is_not_fitted_too_early(drawing, strokes, qtbot):
    _, dock, hand = drawing
    layer = dock.scribble_layer
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = strokes
    hand.draw((45, 38), (45, 58))
    qtbot.waitUntil(lambda: not dock.controller.worker.busy, timeout=WAIT)
    QTest.qWait(CALM_MS)
    told, before = starts(dock), np.count_nonzero(layer.data == 2)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.paint((60, 50), 2)
        assert told == []
    assert len(told) == 1
    drawn = np.count_nonzero(layer.data == 2)
    assert drawn > before
    assert dock.controller.state.rows[0].strokes == drawn
