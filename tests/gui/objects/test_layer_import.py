"""Masks and probabilities of other layers as objects."""

from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.widgets.object_table import DETAILS, NAME
from napari_isr.results.result import iou

WAIT = 30_000


def disc(row, column, radius=20, size=96):
    rows, columns = np.ogrid[:size, :size]
    return np.hypot(rows - row, columns - column) <= radius


@pytest.fixture
def other(viewer, open_dock):
    """Give viewer and dock with an image and no stroke layer."""
    viewer.add_image(np.zeros((96, 96), np.uint8), name="plain")
    return viewer, open_dock(viewer)


def status(dock):
    return dock.findChild(QLabel, "isr_status").text()


def offered(dock):
    dock.panel.menu.aboutToShow.emit()
    return {a.text(): a for a in dock.panel.menu.actions() if a.isEnabled()}


def take(dock, name, qtbot):
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        offered(dock)[name].trigger()


def names(dock):
    return [dock.objects.item(row, NAME).text() for row in range(dock.objects.rowCount())]


def test_a_mask_becomes_convex_in_one_click(other, qtbot):
    viewer, dock = other
    bitten = disc(48, 48)
    bitten[40:46, :50] = False
    viewer.add_labels(bitten.astype(np.uint8), name="sam")
    viewer.add_labels(np.zeros((5, 5), int), name="small")
    viewer.add_image(np.zeros((96, 96, 3), np.uint8), name="colours")
    assert list(offered(dock)) == ["sam"]
    take(dock, "sam", qtbot)
    assert dock.scribble_layer.name == "plain [strokes]"
    assert not dock.scribble_layer.data.any()
    assert viewer.layers.selection.active == dock.scribble_layer
    assert names(dock) == ["sam"]
    assert dock.objects.item(0, NAME).data(DETAILS).endswith("imported")
    assert iou(dock.result.mask, disc(48, 48)) > 0.95
    assert dock.result.certificate.holds
    np.testing.assert_array_equal(viewer.layers["plain [isr]"].data > 0, dock.result.mask)
    assert list(offered(dock)) == ["sam"]  # neither the strokes nor our own layers


def test_every_label_becomes_an_object_beside_those_from_strokes(
    viewer, disc, strokes, open_dock, qtbot
):
    from tests.gui.conftest import fit

    viewer.add_image(disc, name="disc")
    two = np.zeros(disc.shape, np.uint16)
    two[60:80, 60:80], two[10:20, 20:40] = 700, 3
    viewer.add_labels(two, name="cells")
    dock = open_dock(viewer)
    dock.shape = "none"
    dock.new.click()
    fit(dock, strokes, qtbot)
    take(dock, "cells", qtbot)
    assert names(dock) == ["object 2", "cells 3", "cells 700"]
    assert list(dock.controller.imported_objects) == [3, 4]
    np.testing.assert_array_equal(dock.result.objects[4].mask, two == 700)
    dock.brush.select_new_label()
    assert dock.scribble_layer.selected_label == 5


@pytest.mark.parametrize("high", [1, 255])
def test_probabilities_become_an_object(other, qtbot, high):
    viewer, dock = other
    values = np.where(disc(40, 50), 0.9, 0.2) * high
    viewer.add_image(values.astype(np.float32 if high == 1 else np.uint8), name="network")
    take(dock, "network", qtbot)
    assert iou(dock.result.mask, disc(40, 50)) > 0.95
    assert dock.result.probability.max() == pytest.approx(0.9, abs=0.01)
    assert names(dock) == ["network"]


def test_overlapping_objects_are_whole_and_have_shapes_of_their_own(other, qtbot):
    viewer, dock = other
    for name, column in (("left", 36), ("right", 60)):
        viewer.add_labels(disc(48, column).astype(int), name=name)
        take(dock, name, qtbot)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.object_actions.set_shape(3, "star")
    for label, column in ((2, 36), (3, 60)):
        item = dock.result.objects[label]
        assert iou(item.mask, disc(48, column)) > 0.95
        assert dock.objects.item(label - 2, NAME).data(DETAILS).startswith(f"{item.area:,.0f} px")
    assert dock.result.objects[3].shape_name == "star"
    assert not any(item.conflict for item in dock.result.objects.values())


def test_an_object_follows_its_layer_and_outlives_it(other, qtbot):
    viewer, dock = other
    layer = viewer.add_labels(disc(48, 40).astype(int), name="sam")
    take(dock, "sam", qtbot)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = disc(48, 60).astype(int)
    assert iou(dock.result.mask, disc(48, 60)) > 0.95
    layer.paint_polygon(np.array([[30, 6], [66, 6], [66, 60], [30, 60]]), 1)
    qtbot.waitUntil(lambda: dock.result.mask[48, 10], timeout=WAIT)
    layer.name = "sam 2"
    assert names(dock) == ["sam 2"]
    assert "'sam' is now 'sam 2'" in status(dock)
    with qtbot.waitSignal(dock.controller.state.events.message, timeout=WAIT):
        layer.data = np.zeros((96, 96), int)
    qtbot.waitUntil(lambda: "stay as they were" in status(dock), timeout=WAIT)
    viewer.layers.remove(layer)
    assert "keeps its last mask" in status(dock)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert dock.result.mask[48, 10]


def test_strokes_on_an_imported_object_and_a_new_one_that_is_not_finished(other, qtbot):
    viewer, dock = other
    viewer.add_labels(disc(48, 40).astype(int), name="sam")
    take(dock, "sam", qtbot)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data_setitem(np.nonzero(disc(48, 70, 3)), 2)
        dock.scribble_layer.refresh()
    assert dock.result.mask[48, 70]
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # object 3 lacks a background stroke
        dock.scribble_layer.data_setitem(np.nonzero(disc(10, 80, 3)), 3)
        dock.scribble_layer.refresh()
    assert dock.result.mask[48, 70]
    assert "background" in status(dock)
    assert dock.controller.state.kind == "hint"
    assert names(dock) == ["sam", "object 3"]


def test_an_imported_object_is_deleted(other, qtbot):
    viewer, dock = other
    layer = viewer.add_labels(disc(48, 40).astype(int), name="sam")
    take(dock, "sam", qtbot)
    dock.object_actions.delete(2)
    assert dock.controller.imported_objects == {}
    assert dock.result is None
    assert layer in viewer.layers
    take(dock, "sam", qtbot)
    assert names(dock) == ["sam"]


def test_a_deleted_import_is_undone_on_the_stroke_layer(other, qtbot):
    viewer, dock = other
    layer = viewer.add_labels(disc(48, 40).astype(int), name="sam")
    take(dock, "sam", qtbot)
    act, strokes = dock.object_actions, dock.scribble_layer
    canvas = CanvasMouse(viewer, dock).canvas
    press_undo = partial(qtbot.keyClick, canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    act.rename(2, "apple")
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        act.set_shape(2, "star")
    act.delete(2)
    assert "Ctrl+Z" in status(dock)
    assert names(dock) == ["object 2"]
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        press_undo()
    assert names(dock) == ["apple"]
    assert "apple is back" in status(dock) or dock.controller.state.kind == "done"
    assert dock.result.objects[2].shape_name == "star"
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # it is followed as before
        layer.data = disc(48, 60).astype(int)
    assert iou(dock.result.mask, disc(48, 60)) > 0.95
    # A stroke that is drawn after the deletion is what Ctrl+Z undoes.
    act.delete(2)
    strokes.data_setitem((np.array([3]), np.array([4])), 1)
    press_undo()
    assert not strokes.data.any()
    assert dock.controller.imported_objects == {}


def test_what_is_given_can_be_saved_and_set(other, qtbot):
    _, dock = other
    dock.new.click()
    told = []
    imports = dock.controller.imports
    imports.changed.connect(lambda: told.append(dict(dock.controller.imported_objects)))
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.imported_objects = {5: disc(40, 40), 3: np.where(disc(50, 50), 0.8, 0.1)}
    assert list(told[-1]) == list(dock.controller.imported_objects) == [3, 5]
    assert list(dock.result.objects) == [3, 5]
    assert not dock.controller.imported_objects[3].flags.writeable
    first = dock.scribble_layer
    dock.new.click()
    assert dock.controller.imported_objects == {}
    dock.scribble_layer = first
    assert list(dock.controller.imported_objects) == [3, 5]


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (lambda v: v.add_labels(np.ones((5, 5), int), name="x"), "5 x 5"),
        (lambda v: v.add_image(np.full((96, 96), np.nan), name="x", contrast_limits=(0, 1)), "NaN"),
        (lambda v: v.add_image(np.zeros((96, 96, 3), np.uint8), name="x"), "colour image"),
        (lambda v: v.add_image(np.eye(96) * 300, name="x"), "0 to 300"),
        (lambda v: v.add_image(np.eye(96) * 0.4, name="x"), "nowhere above"),
        (lambda v: v.add_labels(np.zeros((96, 96), int), name="x"), "empty"),
        (lambda v: v.add_labels(np.arange(96 * 96).reshape(96, 96), name="x"), "at most 64"),
        (lambda v: v.add_points(name="x"), "no Labels or Image"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(other, qtbot, add, words):
    viewer, dock = other
    layer = add(viewer)
    dock.object_actions.import_layer(layer)
    qtbot.waitUntil(lambda: words in status(dock), timeout=WAIT)
    assert dock.controller.state.kind == "error"
    assert "'x'" in status(dock)
    assert dock.controller.imported_objects == {}
