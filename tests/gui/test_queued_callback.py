"""Before the window is painted, but not before the present event is over."""

from __future__ import annotations

from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_isr.gui.soon import QueuedCallback


class Painted(QWidget):
    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self.told = told

    def paintEvent(self, event: QPaintEvent) -> None:
        self.told.append("painted")


def test_it_comes_before_the_painting_that_was_asked_for_first(qtbot):
    told: list[str] = []
    widget = Painted(told)
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    qtbot.waitUntil(lambda: "painted" in told)
    soon = QueuedCallback(lambda: told.append("called"))
    told.clear()
    widget.update()
    soon.start()
    soon.start()
    assert told == []
    qtbot.waitUntil(lambda: "painted" in told)
    assert told == ["called", "painted"]


def test_what_is_stopped_does_not_come(qtbot):
    told: list[str] = []
    first, second = (
        QueuedCallback(lambda: told.append("first")),
        QueuedCallback(lambda: told.append("second")),
    )
    first.start()
    first.stop()
    second.start()
    qtbot.waitUntil(lambda: bool(told))
    assert told == ["second"]
    first.start()
    first.stop()
    first.start()
    qtbot.waitUntil(lambda: len(told) > 1)
    qtbot.wait(1)
    assert told == ["second", "first"]
