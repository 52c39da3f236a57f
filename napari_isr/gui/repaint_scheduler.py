"""Scheduling of repaints: a stroke is painted together with its contours.

To paint the window takes 30 ms and both cores where there is no GPU, and while Qt composes it no
other Python thread runs. When the mouse is released, nearly all of the stroke is on the screen; to
paint its end first would double the time until its outlines come. When layers are written, mouse
and keys have their turn before they are painted, for either takes long.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import ref

from qtpy.QtCore import QCoreApplication, QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["RepaintCoalescer", "RepaintGate"]

MAX_HOLD_MS = 45  # the window waits so long at most; a sketch takes half of it
EVENT_TURN_MS = 1  # for all else that waits, between the writing of a layer and its painting
PAINT = QEvent.Type.UpdateRequest  # paint all of a window that is to be painted
AFTERWARDS_MS = 12  # a timer that comes late if it is busy: after the painting, not before it
MAX_PAUSE_S = 0.25  # seconds that the fit waits at most


class RepaintCoalescer(QObject):
    """Lets the window wait for the first outlines after a stroke of the brush.

    What is to be painted meanwhile is kept by Qt, and painted at once afterwards.

    Parameters
    ----------
    dock : QWidget
        In the window.
    control : Controller
        Of the dock.
    """

    def __init__(self, dock: QWidget, control: Any) -> None:
        super().__init__(dock)
        self._dock, self._control = dock, control
        self._window: ref[QWidget] | None = None  # that waits; a closed one is let go of
        self._asked = False  # it was to be painted meanwhile
        self._answer = False  # it waits for the answer to a stroke
        self._latest = make_single_shot_timer(self.release)
        control.fit_started.connect(self._begin)
        control.presenter.drawing.connect(self._apart)
        control.presenter.updated.connect(self._on_outlines)
        control.worker.ended.connect(self.release)
        control.closing.connect(self.release)

    @property
    def is_holding(self) -> bool:
        """Whether the window waits."""
        return self._window is not None

    def release(self, *_: Any) -> None:
        """Release the window, so that it repaints."""
        self._latest.stop()
        window = self._window() if self._window is not None else None
        self._window = None
        if window is None:
            return
        window.removeEventFilter(self)
        if self._asked:
            QCoreApplication.postEvent(window, QEvent(PAINT))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        if event.type() == PAINT and self._window is not None and watched is self._window():
            self._asked = True
            return True
        return False

    def _begin(self, loads: bool) -> None:
        """Record that a fit begins. The first one takes longer."""
        control = self._control
        if loads or control.result is None or not control.adapter.is_painting:
            return
        self.release()
        self._hold(MAX_HOLD_MS)
        self._answer = True

    def _on_outlines(self, *_: Any) -> None:
        if self._answer:
            self.release()

    def _apart(self, *_: Any) -> None:
        """Layers change now."""
        if not self.is_holding:
            self._hold(EVENT_TURN_MS)

    def _hold(self, milliseconds: int) -> None:
        window = self._dock.window()
        self._window, self._asked, self._answer = ref(window), False, False
        window.installEventFilter(self)
        self._latest.start(milliseconds)


class RepaintGate:
    """Asked for in the GUI thread, shown in the thread of the fits.

    A window that is hidden paints nothing, so the end of the painting is not waited for: what is
    waited for is a timer that cannot come while the GUI thread paints.
    """

    def __init__(self) -> None:
        self._clear = threading.Event()
        self._clear.set()
        self._over = make_single_shot_timer(self._clear.set, AFTERWARDS_MS)

    def close_until_painted(self, last: bool = True) -> None:
        """Close the gate until the present drawing is on the screen."""
        self._clear.clear()
        if last:
            self._over.start()
        else:
            self._over.stop()

    def close_now(self) -> None:
        """Close the gate from the fit, because layers will change."""
        self._clear.clear()

    def wait(self) -> None:
        """Wait, in the fit, while the window draws."""
        if not self._clear.is_set() and not self._clear.wait(MAX_PAUSE_S):
            self._clear.set()

    def close(self) -> None:
        """Open the gate for good."""
        self._over.stop()
        self._clear.set()
