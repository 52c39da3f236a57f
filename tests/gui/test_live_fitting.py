"""Strokes by hand, and what they set off."""

import numpy as np

from napari_isr.certificates import convexity_defects
from napari_isr.features import FeatureCache
from napari_isr.gui.fitting.events import FitContour, FitFinished
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.fitting.run_job import run_job
from napari_isr.gui.widgets.object_table import PROOF, SHAPE

WAIT = 30_000


def outlines(viewer):
    return viewer.layers["disc [outlines]"].metadata["contours"]


def test_strokes_by_mouse_draw_outlines_and_settle(drawing, qtbot):
    viewer, dock, hand = drawing
    layer = dock.scribble_layer
    assert (layer.mode, layer.selected_label) == ("paint", 2)
    hand.draw((45, 38), (45, 58))
    qtbot.waitUntil(lambda: "background" in dock.status.text(), timeout=WAIT)
    dock.brush.background.click()
    assert layer.selected_label == 1
    drawn = set()
    dock.controller.presenter.updated.connect(lambda kinds: drawn.update(kinds))
    with qtbot.waitSignals([dock.updated, dock.settled], timeout=WAIT):
        hand.draw((5, 8), (5, 88), (90, 88), (90, 8), (6, 8))
    assert set(np.unique(layer.data)) == {0, 1, 2}
    assert drawn == set(outlines(viewer)) == {("predictor", 2), ("shape", 2)}
    mask = np.asarray(viewer.layers["disc [isr]"].data) == 2
    assert 1200 < mask.sum() < 2800
    assert not convexity_defects(mask).any()
    (contour,) = outlines(viewer)["shape", 2]
    assert 1200 < abs(shoelace(contour)) < 2800


def shoelace(line):
    (y, x), (v, u) = line[:-1].T, line[1:].T
    return float((x * v - u * y).sum() / 2)


def test_no_outline_is_lost_where_the_shape_is_none(fitted, qtbot):
    viewer, dock = fitted
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.shape = "none"
    assert set(outlines(viewer)) == {("predictor", 2)}
    assert dock.objects.item(0, PROOF).text() == ""


def test_undo_and_redo_refit(drawing, strokes, qtbot):
    _, dock, hand = drawing
    dock.shape = "none"
    layer = dock.scribble_layer
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = strokes
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        hand.draw((52, 40), (52, 60))
    drawn = layer.data.copy()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.undo()
    np.testing.assert_array_equal(layer.data, strokes)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.redo()
    np.testing.assert_array_equal(layer.data, drawn)


def test_undo_of_a_needed_stroke_clears_the_result(drawing, qtbot):
    viewer, dock, hand = drawing
    dock.shape = "none"
    layer = dock.scribble_layer
    hand.draw((45, 38), (45, 58))
    dock.brush.toggle_background()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        hand.draw((5, 8), (5, 88), (90, 88), (90, 8), (6, 8))
    layer.undo()
    qtbot.waitUntil(lambda: "background" in dock.status.text(), timeout=WAIT)
    assert not outlines(viewer)
    assert not viewer.layers["disc [isr]"].data.any()
    assert not dock.export_button.isEnabled()


def test_looking_is_not_drawing(quick, qtbot):
    viewer, dock = quick
    asked = []
    dock.controller.state.events.busy.connect(asked.append)
    layer = dock.scribble_layer
    layer.visible = False
    layer.visible = True
    layer.refresh()
    viewer.layers["disc [isr]"].visible = False
    viewer.layers["disc [isr]"].data = np.zeros_like(layer.data)
    qtbot.wait(150)
    assert asked == []


def test_live_off_waits_for_run(ready, strokes, qtbot):
    viewer, dock = ready
    dock.live = False
    dock.scribble_layer.data = strokes
    qtbot.wait(100)
    assert "disc [isr]" not in viewer.layers
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run_button.click()
    assert "disc [isr]" in viewer.layers


def test_a_stroke_during_a_fit_wins(quick, qtbot):
    _, dock = quick
    layer = dock.scribble_layer
    settled = []
    dock.settled.connect(lambda: settled.append(dock.controller.state.rows[0].strokes))
    for row in range(50, 58):
        before = layer.data.copy()
        before[row, 40:60] = 2
        layer.data = before
        qtbot.wait(8)
    drawn = np.count_nonzero(layer.data == 2)
    qtbot.waitUntil(lambda: settled[-1:] == [drawn], timeout=WAIT)


def test_a_second_object_gets_its_own_shape(quick, qtbot):
    _, dock = quick
    layer = dock.scribble_layer
    dock.brush.more.click()
    assert layer.selected_label == 3
    more = layer.data.copy()
    more[12:15, 60:90] = 3
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = more
    assert dock.objects.rowCount() == 2
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.objects.cellWidget(1, SHAPE).current_text = "convex"
    assert dock.result.objects[2].shape is None
    assert dock.result.objects[3].shape is not None


def test_keys_choose_what_is_drawn(drawing, qtbot):
    _, dock, hand = drawing
    layer = dock.scribble_layer
    labels = []
    for key in ("S", "S", "N", "S", "S"):
        qtbot.keyClick(hand.canvas, key)
        labels.append(layer.selected_label)
        layer.data[0, 0] = 2
    assert labels == [1, 2, 3, 1, 3]


def test_outlines_come_quickly_first_and_then_as_they_stay(strokes):
    """The worker's news of a second fit: each outline twice, the first from a sketch."""
    image = np.random.default_rng(0).integers(60, 90, strokes.shape).astype(np.uint8)
    image[30:60, 30:60] += 100
    segmenters, more = SegmenterCache(cache=FeatureCache()), strokes.copy()
    more[2:4, 30:60] = 1
    kinds = []
    for drawn in (strokes, more):
        news = list(run_job(FitJob(image, (1.0, 1.0), drawn), segmenters))
        assert isinstance(news[-1], FitFinished)
        kinds.append([item.kind for item in news if isinstance(item, FitContour)])
    assert kinds == [["predictor", "shape"], ["predictor", "shape"] * 2]
