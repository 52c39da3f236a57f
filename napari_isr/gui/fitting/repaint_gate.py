"""The fit stands aside while the window draws: on few cores each would hold the other up."""

from __future__ import annotations

import threading

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["RepaintGate"]

AFTERWARDS_MS = 12  # a timer that comes late if it is busy: after the painting, not before it
MAX_PAUSE_S = 0.25  # seconds that the fit waits at most


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
        """Let the fit wait until what is drawn now is on the screen; or more, if it goes on."""
        self._clear.clear()
        if last:
            self._over.start()
        else:
            self._over.stop()

    def close_now(self) -> None:
        """Say, in the fit, that the window will have something to draw in a moment."""
        self._clear.clear()

    def wait(self) -> None:
        """Wait, in the fit, while the window draws."""
        if not self._clear.is_set() and not self._clear.wait(MAX_PAUSE_S):
            self._clear.set()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._over.stop()
        self._clear.set()
