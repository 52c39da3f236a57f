"""Something to do once a widget has been seen."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

__all__ = ["FirstPaintFilter"]

LATEST_MS = 1000


class FirstPaintFilter(QObject):
    """Calls back once, when a widget has been painted for the first time.

    Parameters
    ----------
    widget : QWidget
        Whose child this is.
    call : callable
        What is to be done.
    latest_ms : int, optional
        When it is done if the widget is not shown by then.
    """

    def __init__(
        self, widget: QWidget, call: Callable[[], None], latest_ms: int = LATEST_MS
    ) -> None:
        super().__init__(widget)
        self._widget, self._call = widget, call
        # A child's timer: it dies with the widget.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._now)
        self._timer.start(latest_ms)
        widget.installEventFilter(self)

    def eventFilter(self, thing: QObject, event: QEvent) -> bool:
        """See Qt."""
        if event.type() == QEvent.Type.Paint:
            self._widget.removeEventFilter(self)
            self._timer.start(0)  # not before what is being painted is on the screen
        return False

    def _now(self) -> None:
        self._widget.removeEventFilter(self)
        self._call()
