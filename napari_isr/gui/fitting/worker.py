"""Fits in a thread: the latest job wins, none is lost, every step is a cancel point.

The workers are superqt's, as napari's are, but not entered in napari's list of tasks: it keeps
every worker for good, one for each stroke, and asks whether a window may be closed in mid-fit.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from psygnal import Signal
from superqt.utils import create_worker

from napari_isr.cancellation import Cancelled, cancellable
from napari_isr.gui.fitting.job import (
    AvailableChoices,
    FitFinished,
    FitJob,
    FitProgress,
    News,
    run_job,
)
from napari_isr.gui.fitting.repaint_gate import RepaintGate
from napari_isr.gui.fitting.segmenter_cache import SegmenterCache
from napari_isr.gui.fitting.warmup import warm_up
from napari_isr.gui.steady import iterate_in_persistent_thread, run_in_persistent_thread

__all__ = ["FitWorker", "connect_once", "run_in_thread"]

log = logging.getLogger(__name__)

STAGE_PAUSE = 0.15  # seconds between two reports of mere progress, and before the first


class FitWorker:
    """Runs jobs one after the other in a worker thread; signals come in the GUI thread."""

    news = Signal(object)  # of the running job
    ended = Signal()  # nothing runs and nothing waits
    loaded = Signal(object)  # Names, or a sentence that says what went wrong

    def __init__(self) -> None:
        self.segmenters, self.courtesy = SegmenterCache(), RepaintGate()
        self._worker: Any = None
        self._stop = threading.Event()
        self._next: FitJob | None = None
        self._forget = False
        self._closed = self._warming = self._loading = False

    @property
    def busy(self) -> bool:
        """Whether a fit runs or waits."""
        return self._worker is not None

    @property
    def is_loading(self) -> bool:
        """Whether the library is still being loaded; jobs wait for it."""
        return self._warming

    def warm_up(self) -> None:
        """Get ready to load the library in the thread before any job; :meth:`load` begins."""
        worker = create_worker(run_in_persistent_thread, _load)
        worker.returned.connect(self._on_loaded)
        worker.finished.connect(self._on_finished)
        self._worker, self._warming = worker, True

    def load(self) -> None:
        """Load the library now, then emit :attr:`load_at`; what was begun or is there is left.

        A thread that imports takes turns with this one, so the dock is shown first.
        """
        if self._warming and not self._closed and not self._loading:
            self._loading = True
            self._worker.start()

    def start(self, job: FitJob) -> None:
        """Run a job; one that runs is stopped first, one that waits is replaced."""
        if self._closed:
            return
        self._next = job
        if self._worker is None:
            self._launch()
        else:
            self.load()
            self._halt()

    def cancel(self) -> None:
        """Stop the running job at its next step, and drop the one that waits."""
        self._next = None
        self._halt()

    def _halt(self) -> None:
        self._stop.set()
        self.courtesy.close()  # it is not to wait before it stops

    def reset(self) -> None:
        """Cancel, and let the next fit start from scratch."""
        self.cancel()
        if self._worker is None:
            self.segmenters.clear()
        else:  # its thread is still at work on them
            self._forget = True

    def close(self) -> None:
        """Cancel for good, and let go of what was fitted: no signal comes after this."""
        self._closed = True
        if self._warming and not self._loading:
            self._worker, self._warming = None, False
        self.reset()

    def _launch(self) -> None:
        job, self._next = self._next, None
        self._stop = threading.Event()
        worker = create_worker(_work, job, self.segmenters, self._stop, self.courtesy)
        worker.yielded.connect(self._on_news)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        worker.start()

    def _on_news(self, news: News) -> None:
        if not self._closed and not self._stop.is_set():
            self.news.emit(news)

    def _on_loaded(self, names: AvailableChoices | str) -> None:
        if not self._closed:
            self.loaded.emit(names)

    def _on_finished(self) -> None:
        self._worker, self._warming = None, False
        if self._forget:
            self._forget = False
            self.segmenters.clear()
        if self._closed:
            return
        if self._next is not None:
            self._launch()
        else:
            self.ended.emit()


def run_in_thread(compute: Callable[[], Any], answer: Callable[[Any], None]) -> None:
    """Compute in another thread, then give what was found to ``answer`` in this one."""
    task = [compute]  # as with answers
    worker = create_worker(lambda: task.pop()())
    connect_once(worker, answer)
    worker.start()


def connect_once(
    worker: Any, answer: Callable[[Any], None], told: Callable[[Any], None] | None = None
) -> None:
    """Give what a worker yields to ``told`` and what it returns to ``answer``; then forget both.

    Qt may keep the connections for good, and what they call often holds a dock.
    """
    waiting: list[Any] = [told, answer]
    if told is not None:
        worker.yielded.connect(lambda news: waiting[0](news))

    def done(found: Any) -> None:
        last = waiting.pop()
        waiting.clear()
        last(found)

    worker.returned.connect(done)


def _work(
    job: FitJob, segmenters: SegmenterCache, stop: threading.Event, courtesy: RepaintGate
) -> Generator[News, None, None]:
    """Pass on what happens, mere progress only now and then, until told to stop."""
    told = time.perf_counter()
    with closing(
        iterate_in_persistent_thread(_stoppable(job, segmenters, stop, courtesy.wait))
    ) as steps:
        for news in steps:
            if stop.is_set():
                continue  # to its end, which is near: the next fit begins after it
            if isinstance(news, FitProgress) and news.rows is None:
                if time.perf_counter() - told < STAGE_PAUSE:
                    continue
                told = time.perf_counter()
            elif isinstance(news, FitFinished):
                courtesy.close_now()  # the masks
            yield news


def _stoppable(
    job: FitJob, segmenters: SegmenterCache, stop: threading.Event, wait: Callable[[], None]
) -> Generator[News, None, None]:
    """Fit until it is told to stop: between two news, or in the middle of what takes long."""

    def asked() -> bool:
        if not stop.is_set():
            wait()
        return stop.is_set()

    with closing(run_job(job, segmenters)) as steps:
        while not asked():
            try:
                with cancellable(asked):
                    news = next(steps)
            except (Cancelled, StopIteration):
                return
            yield news


def _load() -> AvailableChoices | str:
    """Import torch and the library; the names that can be chosen, or what went wrong."""
    try:
        cold = "torch" not in sys.modules
        names = AvailableChoices.load()
        if cold:
            warm_up()
    except Exception as error:
        log.exception("The library could not be loaded")
        return f"The library could not be loaded ({type(error).__name__}: {error})."
    return names
