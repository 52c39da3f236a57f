"""Fits in a background thread: the latest job wins, and every step can be cancelled; no Qt."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from psygnal import Signal

from napari_isr.cancellation import check_cancelled
from napari_isr.gui._concurrency import BackgroundExecutor, BackgroundTask
from napari_isr.gui.fitting.events import FitFinished, FitProgress, News
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.fitting.run_job import run_job

if TYPE_CHECKING:
    from napari_isr.shapes.options import OptionSchema

__all__ = ["AvailableChoices", "FitWorker", "RepaintGate", "fit_small_disc", "load_library"]

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.15  # seconds between two reports of progress, and before the first

# Sets of features that suit each other and need no file. Unknown names are left out.
FEATURE_SETS = (
    "rgb,spatial",
    "rgb,semantic",
    "rgb,texture",
    "rgb,nearness",
    "rgb,nearness,edges",
    "rgb,spatial,semantic",
    "rgb,spatial,nearness",
    "rgb,texture,nearness",
    "rgb,semantic,nearness",
    "rgb,spatial,semantic,nearness",
    "rgb,semantic,nearness,edges",
)
FEATURES_THAT_NEED_A_FILE = ("dino",)


@dataclass(frozen=True)
class AvailableChoices:
    """Names that can be chosen in the dock, and the options of each shape."""

    shapes: tuple[str, ...]
    predictors: tuple[str, ...]
    features: tuple[str, ...]
    modes: tuple[str, ...]
    options: dict[str, tuple[OptionSchema, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> AvailableChoices:
        """Collect the names from the library, which imports torch."""
        from napari_isr.config import MODES
        from napari_isr.features import feature_names
        from napari_isr.gui.shape_catalog import extend_catalog, load_cards
        from napari_isr.predictors import predictor_names
        from napari_isr.shapes.registry import shape_names, shape_options

        extend_catalog(load_cards())
        blocks = [name for name in feature_names() if name not in FEATURES_THAT_NEED_A_FILE]
        sets = [names for names in FEATURE_SETS if set(names.split(",")) <= set(blocks)]
        return cls(
            tuple(shape_names()),
            ("auto", *predictor_names()),
            ("auto", *blocks, *sets),
            ("auto", *(mode for mode in MODES if mode != "auto")),
            {name: shape_options(name) for name in shape_names()},
        )


class RepaintGate(Protocol):
    """A gate at which a fit waits while the window is repainted."""

    def close_until_painted(self, last: bool = True) -> None:
        """Close the gate until the next repaint; in the GUI thread."""

    def close_now(self) -> None:
        """Close the gate before layers change; in the background thread."""

    def wait(self) -> None:
        """Wait at the closed gate; in the background thread."""

    def close(self) -> None:
        """Open the gate."""


class FitWorker:
    """Runs one fit after the other in a background thread; signals are emitted in the GUI thread.

    Parameters
    ----------
    executor : BackgroundExecutor
    repaint_gate : RepaintGate
    run : callable, optional
        ``run(job, segmenters)`` yields the events of a fit.
    load : callable, optional
        Loads the library, and returns the available choices or a message about a failure.

    Attributes
    ----------
    progress_interval : float
        Seconds between two reports of progress.
    """

    news = Signal(object)  # an event of the running job
    ended = Signal()  # no job runs or is queued
    loaded = Signal(object)  # AvailableChoices, or a message that describes the failure

    def __init__(
        self,
        executor: BackgroundExecutor,
        repaint_gate: RepaintGate,
        run: Callable[[FitJob, SegmenterCache], Generator[News, None, None]] = run_job,
        load: Callable[[], AvailableChoices | str] | None = None,
    ) -> None:
        self.segmenters, self.repaint_gate = SegmenterCache(), repaint_gate
        self.progress_interval = PROGRESS_INTERVAL_S
        self.run = run
        self._load = load
        self._executor = executor
        self._task: BackgroundTask | None = None
        self._next: FitJob | None = None
        self._clear_at_end = self._closed = False
        self._must_load = self._loading = False

    @property
    def busy(self) -> bool:
        """True while a fit runs or is queued."""
        return self._task is not None or self._must_load

    @property
    def is_loading(self) -> bool:
        """Whether the library is not loaded yet. Jobs are queued until it is."""
        return self._must_load

    def warm_up(self) -> None:
        """Queue jobs until :meth:`load` has loaded the library."""
        self._must_load = True

    def load(self) -> None:
        """Load the library, then emit :attr:`loaded`. Do nothing if it is loading or loaded.

        A thread that imports holds the GIL for long, so call this after the first repaint.
        """
        if self._must_load and not self._closed and not self._loading:
            self._loading = True
            self._task = self._executor.submit(
                self._load or load_library, self.loaded.emit, on_end=self._on_end
            )

    def start(self, job: FitJob) -> None:
        """Run a job. Cancel the running one, and replace the queued one."""
        if self._closed:
            return
        self._next = job
        if self._must_load:
            self.load()
        elif self._task is None:
            self._launch()
        else:
            self._cancel_task()

    def cancel(self) -> None:
        """Cancel the running job at its next step, and drop the queued one."""
        self._next = None
        if not self._must_load:
            self._cancel_task()

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self.repaint_gate.close()  # A waiting fit must reach its next point of cancellation.

    def reset(self) -> None:
        """Cancel, and start the next fit from scratch."""
        self.cancel()
        if self._task is None:
            self.segmenters.clear()
        else:  # Its thread still uses them.
            self._clear_at_end = True

    def close(self) -> None:
        """Cancel for good, and release all segmenters. Emit no signal after this."""
        self._closed = True
        if not self._loading:
            self._must_load = False
        self.reset()
        self._cancel_task()

    def _launch(self) -> None:
        job, self._next = self._next, None
        assert job is not None
        self._task = self._executor.iterate(
            self._run(job),
            on_item=self.news.emit,
            on_end=self._on_end,
            gate=self.repaint_gate.wait,
        )

    def _run(self, job: FitJob) -> Generator[News, None, None]:
        """Yield the events of a job, with progress at intervals; in the background thread."""
        reported = time.perf_counter()
        with closing(self.run(job, self.segmenters)) as events:
            for event in events:
                check_cancelled()  # also at an event that is not passed on
                if isinstance(event, FitProgress) and event.rows is None:
                    if time.perf_counter() - reported < self.progress_interval:
                        continue
                    reported = time.perf_counter()
                elif isinstance(event, FitFinished):
                    self.repaint_gate.close_now()  # The window is going to draw the masks.
                yield event

    def _on_end(self) -> None:
        self._task, self._must_load = None, False
        if self._clear_at_end:
            self._clear_at_end = False
            self.segmenters.clear()
        if self._closed:
            return
        if self._next is not None:
            self._launch()
        else:
            self.ended.emit()


def load_library() -> AvailableChoices | str:
    """Import torch and the library; return the available choices, or a message about a failure."""
    try:
        is_first = "torch" not in sys.modules
        choices = AvailableChoices.load()
        if is_first:
            fit_small_disc()
    except Exception as error:
        log.exception("The library could not be loaded")
        return f"The library could not be loaded ({type(error).__name__}: {error})."
    return choices


def fit_small_disc() -> None:
    """Pay the first-use costs of the libraries before the first stroke of the user."""
    from napari_isr.features import FeatureCache

    rows, columns = np.ogrid[:48, :48]
    radius = np.hypot(rows - 24, columns - 24)
    scribbles = np.where(radius < 6, 2, 0) + np.where(radius > 21, 1, 0)
    image = np.where(radius < 14, 200, 40).astype(np.uint8)
    job = FitJob(image, (1.0, 1.0), scribbles.astype(np.uint8))
    # The user's cache is on disk, and this image is never fitted again.
    for _ in run_job(job, SegmenterCache(cache=FeatureCache())):
        pass
