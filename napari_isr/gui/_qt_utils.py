"""Timers, calls into the GUI thread, and other helpers for Qt."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_isr.gui._concurrency import BackgroundExecutor

__all__ = [
    "FirstPaintFilter",
    "QueuedCallback",
    "make_executor",
    "make_single_shot_timer",
    "post_to_gui_thread",
]

MAX_FIRST_PAINT_DELAY_MS = 1000


def make_single_shot_timer(slot: Callable[[], None], milliseconds: int = 0) -> QTimer:
    """Return a stopped timer that calls ``slot`` once after each start."""
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer


class QueuedCallback(QObject):
    """Calls a function once, after the present event and before the next repaint.

    A timer of 0 ms comes after the repaint, which takes tens of milliseconds. A direct call would
    be too early: napari emits some events just before it draws the stroke.

    Parameters
    ----------
    slot : callable
    """

    _requested = Signal()

    def __init__(self, slot: Callable[[], None]) -> None:
        super().__init__()
        self._slot, self._due = slot, False
        self._requested.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Schedule one call, however often this is called before it."""
        if not self._due:
            self._due = True
            self._requested.emit()

    def stop(self) -> None:
        """Drop the scheduled call."""
        self._due = False

    def _call(self) -> None:
        if self._due:
            self._due = False
            self._slot()


class _GuiThreadBridge(QObject):
    """Calls functions in the GUI thread."""

    call = Signal(object, object)  # a function and the tuple of its arguments

    def __init__(self) -> None:
        super().__init__()
        app = QCoreApplication.instance()
        if app is not None:
            self.moveToThread(app.thread())
        self.call.connect(self._on_call, Qt.ConnectionType.QueuedConnection)

    def _on_call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        function(*arguments)


@cache
def _bridge() -> _GuiThreadBridge:
    """Return the bridge of this process. A background thread must not release the last one."""
    return _GuiThreadBridge()


def post_to_gui_thread(function: Callable[..., Any], arguments: tuple[Any, ...] = ()) -> None:
    """Call a function in the GUI thread, after its present event. May be used in any thread."""
    _bridge().call.emit(function, arguments)


def make_executor(**options: Any) -> BackgroundExecutor:
    """Return an executor that delivers results in the GUI thread. Must be called in that thread.

    Parameters
    ----------
    **options
        See :class:`napari_isr.gui._concurrency.BackgroundExecutor`.
    """
    _bridge()
    return BackgroundExecutor(post_to_gui_thread, **options)


class FirstPaintFilter(QObject):
    """Calls a function once, after the first repaint of a widget.

    Parameters
    ----------
    widget : QWidget
        Its parent.
    call : callable
    latest_ms : int, optional
        Milliseconds until the call if the widget is not shown.
    """

    def __init__(
        self, widget: QWidget, call: Callable[[], None], latest_ms: int = MAX_FIRST_PAINT_DELAY_MS
    ) -> None:
        super().__init__(widget)
        self._widget, self._call = widget, call
        # The timer is a child, so that it is deleted with the widget.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._call_now)
        self._timer.start(latest_ms)
        widget.installEventFilter(self)

    def eventFilter(self, thing: QObject, event: QEvent) -> bool:
        """Start the timer at the first paint event. Never consume the event."""
        if event.type() == QEvent.Type.Paint:
            self._widget.removeEventFilter(self)
            self._timer.start(0)  # The call comes after this repaint.
        return False

    def _call_now(self) -> None:
        self._widget.removeEventFilter(self)
        self._call()
