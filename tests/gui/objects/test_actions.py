"""The objects table: names, shapes, visibility, deletion and its undo, units."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QTableWidget

from napari_isr.gui.object_measurements import format_area, format_number
from napari_isr.gui.objects.undo import label_indices
from napari_isr.gui.widgets.object_table import (
    DELETE,
    DETAILS,
    EYE,
    FOLLOW,
    HIDDEN,
    NAME,
    PROOF,
    SHAPE,
)

WAIT = 30_000


@pytest.fixture
def three(viewer, disc, strokes, open_dock, qtbot):
    """Give viewer and dock with three objects fitted without a shape: 2 the disc, 3, 4 apart."""
    image, drawn = disc.copy(), strokes.copy()
    image[14:26, 14:26] = image[70:84, 70:84] = 190
    drawn[18:20, 16:24] = 3
    drawn[76:78, 72:82] = 4
    viewer.add_image(image, name="disc", scale=(0.5, 0.5), units=("um", "um"))
    dock = open_dock(viewer)
    dock.shape = "none"  # the features stay: colours alone do not tell the objects apart
    dock.new.click()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = drawn
    return viewer, dock


def click(table, row, column):
    place = table.visualRect(table.model().index(row, column)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def names(dock):
    return [dock.objects.item(row, NAME).text() for row in range(dock.objects.rowCount())]


def shown(viewer, kind="isr"):
    return set(np.unique(viewer.layers[f"disc [{kind}]"].data)) - {0}


def outlined(viewer):
    """Vertices of the outlines' mesh."""
    return len(viewer.layers["disc [outlines]"].data[0])


def test_rows_follow_the_brush_and_pick_it(three):
    _, dock = three
    table, strokes = dock.objects, dock.scribble_layer
    assert names(dock) == ["object 2", "object 3", "object 4"]
    click(table, 1, NAME)
    assert strokes.selected_label == 3
    strokes.selected_label = 4
    assert table.currentRow() == 2
    strokes.selected_label = 1
    assert table.currentRow() == -1
    dock.brush.select_new_label()
    assert strokes.selected_label == 5
    assert names(dock)[-1] == "object 5"
    assert table.item(3, NAME).data(DETAILS) == "not fitted yet"
    assert table.currentRow() == 3
    click(table, 0, NAME)
    assert names(dock) == ["object 2", "object 3", "object 4"]


def test_an_object_is_renamed_by_double_click(three, qtbot):
    _, dock = three
    table = dock.objects
    place = table.visualRect(table.model().index(1, NAME)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    editor = table.findChild(QLineEdit)
    assert editor.text() == "object 3"
    editor.selectAll()
    QTest.keyClicks(editor, "left leaf")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.controller.settings.names == {3: "left leaf"}, timeout=WAIT)
    assert names(dock) == ["object 2", "left leaf", "object 4"]
    dock.object_actions.rename(3, " ")
    assert names(dock) == ["object 2", "object 3", "object 4"]


def test_each_row_has_its_own_shape(three, qtbot):
    _, dock = three
    box = dock.findChild(QComboBox, "isr_shape_2")
    assert (box.object_shape, box.shown) == ("", "none")
    assert "Follows the shape chosen above" in box.toolTip()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        box.setCurrentText("convex")
    assert dock.controller.settings.own_shapes == {2: "convex"}
    shapes = {label: item.shape_name for label, item in dock.result.objects.items()}
    assert shapes == {2: "convex", 3: "none", 4: "none"}
    marks = [dock.objects.item(row, PROOF).text() for row in range(3)]
    assert marks == ["✓", "", ""]
    assert "convex" in dock.objects.item(0, PROOF).toolTip()
    dock.live = False
    dock.object_actions.set_shape(3, "star:center=20/20")
    second = dock.objects.cellWidget(1, SHAPE)
    assert (second.object_shape, second.shown) == ("star:center=20/20", "star")
    box.setCurrentText(FOLLOW)
    assert dock.controller.settings.own_shapes == {3: "star:center=20/20"}
    dock.shape = "mirror"
    assert (box.shown, second.shown) == ("mirror", "star")


def test_what_is_not_fitted_as_its_shape_has_no_tick(three, qtbot):
    _, dock = three
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.settings.own_shapes = {3: "convex"}
    proof = dock.objects.item(1, PROOF)
    assert proof.text() == "✓"
    dock.controller.settings.names = {3: "left leaf"}
    dock.controller.settings.own_shapes = {3: "star:center=1/2/3"}
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
    assert dock.controller.state.message.startswith("Left leaf: center has 3 numbers")
    assert proof.text() == "–"
    assert proof.toolTip().startswith("Not fitted as star so far")
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.settings.own_shapes = {3: "convex:pieces=12"}
    assert proof.text() == "✓"


def test_the_area_has_the_units_of_the_image(three):
    viewer, dock = three
    pixels = int(dock.result.objects[2].mask.sum())
    details = dock.objects.item(0, NAME).data(DETAILS)
    assert details.startswith(f"{pixels / 4:,.0f} µm² · 80 drawn")
    assert f"({pixels:,} px)" in dock.objects.item(0, NAME).toolTip()
    viewer.layers["disc"].units = ("pixel", "pixel")
    assert dock.objects.item(0, NAME).data(DETAILS).startswith(f"{pixels:,} px · ")


def test_areas_in_words(viewer, disc):
    assert [format_number(x) for x in (0.01234, 48.52, 1963.4, 123_456, 1.234e6, 5e9)] == [
        "0.0123", "48.5", "1,963", "123k", "1.23M", "5G",
    ]  # fmt: skip
    image = viewer.add_image(disc, scale=(2, 3), units=("um", "nm"))
    assert format_area(6000, image.scale, image.units) == "6 µm²"
    assert format_area(6000, image.scale) == "1,000 px"


def test_the_eye_hides_outline_and_mask(three, qtbot):
    viewer, dock = three
    before, area = outlined(viewer), dock.result.objects[2].area
    click(dock.objects, 0, EYE)
    assert dock.controller.settings.hidden == (2,)
    assert dock.objects.item(0, EYE).data(HIDDEN)
    assert outlined(viewer) < before
    qtbot.waitUntil(lambda: shown(viewer) == {3, 4} == shown(viewer, "raw"), timeout=WAIT)
    assert dock.result.objects[2].area == area
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # a fit leaves it hidden
        dock.run()
    assert shown(viewer) == {3, 4}
    click(dock.objects, 0, EYE)
    qtbot.waitUntil(lambda: shown(viewer) == {2, 3, 4}, timeout=WAIT)
    assert outlined(viewer) == before
    actions = {a.text(): a for a in dock.objects.build_context_menu(1).actions()}
    actions["Show only this one"].trigger()
    qtbot.waitUntil(lambda: shown(viewer) == {3}, timeout=WAIT)


def test_an_object_is_deleted_and_undone(three, strokes, qtbot):
    viewer, dock = three
    drawn, layer = dock.scribble_layer.data.copy(), dock.scribble_layer
    act = dock.object_actions
    act.rename(2, "the disc")
    act.hide(3, True)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        act.set_shape(2, "convex")
    before = outlined(viewer)
    click(dock.objects, 0, DELETE)
    assert names(dock) == ["object 3", "object 4"]
    assert outlined(viewer) < before
    assert 2 not in dock.result.objects
    assert layer.selected_label == 3
    assert dock.controller.settings.names == {}
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # the others, without it
        pass
    assert shown(viewer) == {4}
    np.testing.assert_array_equal(layer.data, np.where(drawn == 2, 0, drawn))
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.undo()
    np.testing.assert_array_equal(layer.data, drawn)
    assert names(dock) == ["the disc", "object 3", "object 4"]
    assert dock.result.objects[2].shape_name == "convex"
    assert shown(viewer) == {2, 4}
    assert dock.controller.settings.hidden == (3,)


def test_without_live_a_deleted_object_is_gone_at_once(three, qtbot):
    viewer, dock = three
    dock.live = False
    for row, left in ((2, {2, 3}), (0, {3})):
        click(dock.objects, row, DELETE)
        qtbot.waitUntil(lambda left=left: shown(viewer) == left, timeout=WAIT)
    click(dock.objects, 0, DELETE)
    assert shown(viewer) == set()
    assert dock.result is None
    assert not dock.export_button.isEnabled()
    assert names(dock) == ["object 2"]
    dock.scribble_layer.undo()
    assert (dock.scribble_layer.data == 3).any()


def test_another_object_with_a_deleted_label_is_another_one(three, qtbot):
    _, dock = three
    dock.live = False
    dock.object_actions.rename(4, "moon")
    click(dock.objects, 2, DELETE)
    dock.brush.select_new_label()
    assert dock.scribble_layer.selected_label == 4
    assert names(dock)[-1] == "object 4"


def test_the_table_fits_a_narrow_dock(three, qtbot):
    _, dock = three
    dock.object_actions.rename(2, "a name that is far too long for any dock")
    dock.resize(300, dock.height())
    QApplication.processEvents()
    table = dock.objects
    assert table.horizontalScrollBar().maximum() == 0
    assert table.columnWidth(NAME) >= 80
    for column in (EYE, NAME, SHAPE, PROOF, DELETE):
        assert table.horizontalHeaderItem(column).toolTip()
    place = table.visualRect(table.model().index(2, DELETE))
    assert table.viewport().rect().contains(place)
    assert table.rowAt(QPoint(5, place.center().y()).y()) == 2
    assert isinstance(table, QTableWidget)


def test_label_indices_equal_those_of_numpy():
    data = np.random.default_rng(0).integers(0, 4, (3, 5, 6))
    for array in (data, data.transpose(2, 0, 1)[::-1], np.zeros((0, 4), int)):
        expected = np.nonzero(array == 2)
        assert all(map(np.array_equal, label_indices(array, 2, block=7), expected))
