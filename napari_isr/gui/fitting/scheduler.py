"""The live loop: when to fit, what to fit; of changes that come together, the latest wins."""

from __future__ import annotations

import time
from collections.abc import Callable

from psygnal import Signal

from napari_isr.gui._qt_utils import QueuedCallback, make_single_shot_timer
from napari_isr.gui.fitting.job import FitJob
from napari_isr.gui.fitting.worker import FitWorker

__all__ = ["FitScheduler"]

PAUSE_MS = 30


class FitScheduler:
    """Starts a fit when changes pause.

    Parameters
    ----------
    job : callable
        ``job(live, asked)`` makes the job of what is drawn and chosen just then, or says to the
        user why there is none and gives None. ``live``: whether a stroke asked for it;
        ``asked``: when, by ``time.perf_counter``.

    Attributes
    ----------
    pause_ms : int
        Changes nearer to each other than this are fitted as one.
    """

    started = Signal(bool)  # a job was handed over; whether it waits for the library to load

    def __init__(self, job: Callable[[bool, float], FitJob | None]) -> None:
        self.worker, self.pause_ms = FitWorker(), PAUSE_MS
        self._job = job
        self._asked, self._live, self._closed = 0.0, True, False
        self._pause, self._soon = make_single_shot_timer(self._start), QueuedCallback(self._start)

    def request(self, *, live: bool, drawn: bool = False) -> None:
        """Fit soon: before the stroke is painted if all was quiet, else when changes pause.

        At once if all was quiet and what asks for it is ``drawn`` already.
        """
        if self._closed:
            return
        now = time.perf_counter()
        quiet = now - self._asked > 3 * self.pause_ms / 1000
        self._asked, self._live = now, live
        self._hold()
        if quiet and drawn:
            self._start()
        elif quiet or not live:
            self._soon.start()
        else:
            self._pause.start(self.pause_ms)

    def cancel(self) -> None:
        """Stop the fit at its next step, and drop what was asked for."""
        self._hold()
        self.worker.cancel()

    def reset(self) -> None:
        """Cancel, and let the next fit start from scratch."""
        self.worker.reset()

    def close(self) -> None:
        """Cancel for good."""
        self._closed = True
        self._hold()
        self.worker.close()

    def _hold(self) -> None:
        self._pause.stop()
        self._soon.stop()

    def _start(self) -> None:
        job = self._job(self._live, self._asked)
        if job is not None:
            self.started.emit(self.worker.is_loading)
            self.worker.start(job)
