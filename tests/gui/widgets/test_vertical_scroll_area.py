"""The dock on a small screen."""

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QScrollArea, QSpinBox

from napari_isr.shapes import shape_names

LOW, NARROW = 400, 300


def wheel(widget):
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(middle.toPoint())),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_the_dock_makes_no_window_higher_than_a_screen(ready):
    _, dock = ready
    dock.more.set_expanded(True)
    assert dock.minimumSizeHint().height() < LOW


def test_every_shape_has_room_in_a_narrow_dock(ready):
    _, dock = ready
    area = dock.findChild(QScrollArea, "isr_scroll")
    bar = area.verticalScrollBar().sizeHint().width()
    for shape in shape_names():
        dock.shape = shape
        assert area.widget().minimumSizeHint().width() + bar <= NARROW, shape
    assert dock.minimumSizeHint().width() <= NARROW


def test_the_wheel_scrolls_and_changes_nothing(drawing, qtbot):
    _, dock, _ = drawing
    dock.shape = "connected"
    box = dock.findChild(QSpinBox, "isr_option_levels")
    qtbot.waitUntil(lambda: box.focusPolicy() == Qt.FocusPolicy.StrongFocus)
    before = box.value(), dock.predictors.current_text, dock.shape
    for widget in (box, dock.predictors, dock.images):
        wheel(widget)
    assert (box.value(), dock.predictors.current_text, dock.shape) == before
