"""The shape picker: tiles, the line below them, and the options of each shape."""

from typing import Literal

import pytest
from pydantic import Field
from qtpy.QtCore import QByteArray, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QEnterEvent
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)

from napari_isr.gui.fitting.shape_spec_text import fixed_options, join_spec, same_shape, split_spec
from napari_isr.gui.shape_catalog import load_cards, shape_catalog
from napari_isr.gui.theme import theme_color, themed_icon
from napari_isr.gui.widgets.shape_options import ShapeOptionsWidget
from napari_isr.shapes import ShapeSpec, shape_names
from napari_isr.shapes.base import ShapeOptions as Options
from napari_isr.shapes.options import describe_options
from napari_isr.shapes.registry import shape_options

LEFT = Qt.MouseButton.LeftButton
PLACES = {"center": "30/41", "axis": "30/41/20", "lattice": "0/24/20/3"}


def control(dock, kind, name):
    found = dock.findChild(kind, f"isr_option_{name}")
    assert found is not None, name
    return found


def checked(dock):
    tiles = [w for w in dock.findChildren(QToolButton) if w.objectName().startswith("isr_tile_")]
    return [tile.name for tile in tiles if tile.isChecked()]


@pytest.mark.parametrize("name", shape_names())
def test_every_shape_has_a_title_a_hint_and_an_icon(name):
    card = shape_catalog()[name]
    assert card.title
    assert card.hint.endswith(".")
    assert "currentColor" in card.icon
    assert QSvgRenderer(QByteArray(card.icon.encode())).isValid()


def test_the_catalog_file_is_that_of_the_shapes_in_their_order():
    assert list(shape_catalog()) == shape_names()
    assert shape_catalog() == load_cards()


def test_an_icon_is_drawn_in_its_color_and_sharp(qapp):
    image = themed_icon(shape_catalog()["connected"].icon, "#ff0000", 26).pixmap(26, 26).toImage()
    solid = [QColor(image.pixel(x, y)) for x in range(image.width()) for y in range(image.height())
             if QColor.fromRgba(image.pixel(x, y)).alpha() == 255]  # fmt: skip
    assert solid
    assert {(c.red(), c.green(), c.blue()) for c in solid} == {(255, 0, 0)}
    sizes = themed_icon(shape_catalog()["convex"].icon, "#ff0000", 26).availableSizes()
    assert max(size.width() for size in sizes) >= 52


def test_a_click_on_each_tile_chooses_its_shape(ready, qtbot):
    _, dock = ready
    picker = dock.findChild(QWidget, "isr_shape")
    assert picker is dock.shapes
    assert checked(dock) == ["convex"]
    for name in reversed(shape_names()):
        tile = dock.findChild(QToolButton, f"isr_tile_{name}")
        qtbot.mouseClick(tile, LEFT)
        assert dock.shape == picker.current_shape == name
        assert checked(dock) == [name]
        assert dock.findChild(QLabel, "isr_shape_when").text() == shape_catalog()[name].hint
        options = dock.findChild(QWidget, "isr_shape_options")
        assert options.isVisibleTo(dock) == (name != "none")
    qtbot.mouseClick(tile, LEFT)  # of the chosen one: it stays
    assert checked(dock) == ["none"]


def test_the_line_tells_of_the_tile_under_the_mouse(ready):
    _, dock = ready
    line, tile = dock.shapes.line, dock.shapes.tile("periodic")
    where = QPointF(3, 3)
    QApplication.sendEvent(tile, QEnterEvent(where, where, where))
    assert line.text() == shape_catalog()["periodic"].hint
    tile.leaveEvent(QEnterEvent(where, where, where))
    assert line.text() == shape_catalog()["convex"].hint


def test_the_keyboard_goes_from_tile_to_tile(drawing, qtbot):
    _, dock, _ = drawing
    tile = dock.shapes.tile("convex")
    assert tile.focusPolicy() == Qt.FocusPolicy.TabFocus
    tile.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(tile, Qt.Key.Key_Right)
    assert dock.shape == "star"
    QTest.keyClick(dock.shapes.tile("star"), Qt.Key.Key_Down)
    assert dock.shape == "star+mirror"


def test_the_property_sets_tile_and_options(ready):
    _, dock = ready
    dock.shape = "rotational:order=5"
    assert checked(dock) == ["rotational"]
    assert control(dock, QSpinBox, "order").value() == 5
    assert dock.shape == "rotational:order=5"
    dock.shape = "mirror+convex:pieces=9"  # parts in any order
    assert checked(dock) == ["convex+mirror"]
    assert control(dock, QSpinBox, "pieces").value() == 9
    dock.shape = "nonsense"
    assert checked(dock) == []
    assert dock.shapes.current_shape == "nonsense"


def test_tiles_follow_the_theme(ready, qtbot):
    viewer, dock = ready
    seen = {}
    for theme in ("light", "dark"):
        viewer.theme = theme
        assert theme_color(theme, "foreground") in dock.shapes.styleSheet()
        image = dock.shapes.tile("star").icon().pixmap(26, 26).toImage()
        seen[theme] = max(QColor(image.pixel(13, y)).lightness() for y in range(26))
    assert seen["light"] < 128 < seen["dark"]


def test_every_option_has_a_control_that_writes_it(ready):
    _, dock = ready
    for name in shape_names()[1:]:
        dock.shape = name
        assert shape_options(name)
        dock.options.show_fixed_options(99, ["center", "axis"])
        assert dock.options.minimumSizeHint().width() <= 264  # of a dock of 300 pixels
        dock.options.show_fixed_options(2, [])
        for info in shape_options(name):
            box = control(dock, QWidget, info.name)
            assert box.isVisibleTo(dock)
            assert box.toolTip()
            expected = enter(box, info)
            assert dock.shape == f"{name}:{info.name}={expected}"
            ShapeSpec.parse(dock.shape)
            dock.shape = name
            assert box.value_text == ""


def enter(box, info):
    """Change a control by mouse or keys; what it should write."""
    if info.kind == "int":
        QTest.keyClick(box, Qt.Key.Key_Up)
        return str(box.value())
    if info.kind == "bool":
        QTest.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
        return "true"
    QTest.keyClicks(box, PLACES[info.name])
    QTest.keyClick(box, Qt.Key.Key_Return)
    return PLACES[info.name]


def test_an_option_may_be_left_to_the_fit_again(ready):
    _, dock = ready
    dock.shape = "rotational:order=2"
    order = control(dock, QSpinBox, "order")
    QTest.keyClick(order, Qt.Key.Key_Down)
    assert order.text() == "auto"
    assert dock.shape == "rotational"
    QTest.keyClick(order, Qt.Key.Key_Up)
    assert dock.shape == "rotational:order=2"


def test_typing_a_number_is_one_change(ready):
    _, dock = ready
    told = []
    dock.controller.settings.events.shape.connect(told.append)
    pieces = control(dock, QSpinBox, "pieces")
    pieces.selectAll()
    QTest.keyClicks(pieces, "24")
    QTest.keyClick(pieces, Qt.Key.Key_Return)
    assert told == ["convex:pieces=24"]


def test_a_bad_place_is_one_sentence(ready):
    _, dock = ready
    dock.shape = "star"
    center = control(dock, QLineEdit, "center")
    QTest.keyClicks(center, "12,x")
    QTest.keyClick(center, Qt.Key.Key_Return)
    assert dock.shape == "star"
    assert "slash" in dock.status.text()
    assert dock.controller.state.kind == "error"
    center.clear()
    QTest.keyClicks(center, "12 / 40")
    QTest.keyClick(center, Qt.Key.Key_Return)
    assert dock.shape == "star:center=12/40"


def test_a_place_that_the_library_refuses_is_one_sentence(quick, qtbot):
    _, dock = quick
    dock.shape = "star:center=1/2/3"
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=30_000)
    assert "3 numbers" in dock.status.text()


def test_options_of_other_kinds_have_controls_too(qtbot):
    class Some(Options):
        sharp: float | None = Field(None, ge=0.1, le=2)
        weight: float = Field(0.5, ge=0, le=1)
        side: Literal["left", "right"] = "left"
        word: str = "x"
        both: bool = True

    box, told = ShapeOptionsWidget(), []
    qtbot.addWidget(box)
    box.set_schemas({"some": describe_options(Some)})
    box.shape = "some"
    box.chosen.connect(told.append)
    by_name = {info.name: box.findChild(QWidget, f"isr_option_{info.name}")
               for info in describe_options(Some)}  # fmt: skip
    assert by_name["sharp"].text() == "auto"
    by_name["sharp"].setValue(1.5)
    by_name["weight"].setValue(0.25)
    by_name["side"].setCurrentText("right")
    by_name["both"].setChecked(False)
    assert told[-1] == "some:sharp=1.5,weight=0.25,side=right,both=false"
    box.shape = told[-1]
    assert box.shape == told[-1]
    box.shape = "some"
    assert isinstance(by_name["both"], QCheckBox)
    assert by_name["both"].isChecked()
    assert box.shape == "some"


def test_a_shape_is_read_and_written():
    text = "star+mirror:axis=1/2/3,harmonics=4"
    assert split_spec(text) == ("star+mirror", {"axis": "1/2/3", "harmonics": "4"})
    assert join_spec(*split_spec(text)) == text
    assert fixed_options(text) == ["axis"]
    assert same_shape("mirror+star", "star+mirror")
    assert not same_shape("star", "star+mirror")
