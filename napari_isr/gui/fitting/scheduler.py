"""Scheduler of fits: close changes start one fit; no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from psygnal import Signal

__all__ = ["FitScheduler"]

DEFAULT_PAUSE_MS = 30


class _Timer(Protocol):
    """A single-shot timer."""

    def start(self, milliseconds: int = ..., /) -> None: ...

    def stop(self) -> None: ...


class FitScheduler:
    """Emits when a requested fit is due.

    Parameters
    ----------
    make_timer, make_queued : callable
        They take a function, and return a stopped single-shot timer that calls it: after a pause,
        or before the next repaint.
    clock : callable, optional
        Returns the time in seconds.

    Attributes
    ----------
    pause_ms : int
        Milliseconds without a change until a fit is due.
    """

    due = Signal(bool, float)  # whether a stroke requested it, and when by the clock

    def __init__(
        self,
        make_timer: Callable[[Callable[[], None]], Any],
        make_queued: Callable[[Callable[[], None]], Any],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.pause_ms = DEFAULT_PAUSE_MS
        self._clock = clock
        self._requested_at, self._live, self._closed = float("-inf"), True, False
        self._pause: _Timer = make_timer(self._emit)
        self._queued: _Timer = make_queued(self._emit)

    def request(self, *, live: bool, drawn: bool = False) -> None:
        """Request a fit.

        After a pause it is due before the next repaint, or at once if the stroke that requests it
        is ``drawn`` already. Otherwise it is due as soon as the changes pause.
        """
        if self._closed:
            return
        now = self._clock()
        after_pause = now - self._requested_at > 3 * self.pause_ms / 1000
        self._requested_at, self._live = now, live
        self.cancel()
        if after_pause and drawn:
            self._emit()
        elif after_pause or not live:
            self._queued.start()
        else:
            self._pause.start(self.pause_ms)

    def cancel(self) -> None:
        """Drop the request."""
        self._pause.stop()
        self._queued.stop()

    def close(self) -> None:
        """Drop the request, and all later ones."""
        self._closed = True
        self.cancel()

    def _emit(self) -> None:
        self.due.emit(self._live, self._requested_at)
