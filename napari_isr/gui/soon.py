"""What is done when the present event is over, but before the window is painted."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal

__all__ = ["QueuedCallback"]


class QueuedCallback(QObject):
    """Calls once, as a timer of no time does, but without waiting for what is to be painted.

    Qt paints before its timers come, and painting takes tens of milliseconds. At once would be too
    soon: napari tells of some strokes just before it draws them.

    Parameters
    ----------
    slot : callable
    """

    _asked = Signal()

    def __init__(self, slot: Callable[[], None]) -> None:
        super().__init__()
        self._slot, self._due = slot, False
        self._asked.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Call soon, once however often this is asked for."""
        if not self._due:
            self._due = True
            self._asked.emit()

    def stop(self) -> None:
        """Do not call after all."""
        self._due = False

    def _call(self) -> None:
        if self._due:
            self._due = False
            self._slot()
