"""What the images before have taught, for one that has no strokes yet; no Qt, no napari."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_isr.gui.fits.missing import next_stroke
from napari_isr.strokes import Strokes

if TYPE_CHECKING:
    from napari_isr.gui.fits.job import Job
    from napari_isr.gui.fits.segmenters import Segmenters
    from napari_isr.unaries.trained import Trained

__all__ = ["Lesson"]


class Lesson:
    """What other images taught; learned in the worker thread, when it is first needed.

    Parameters
    ----------
    job : Job
        The last fit that was asked for on the last image that has strokes.
    """

    def __init__(self, job: Job) -> None:
        self._job: Job | None = job
        self._trained: Trained | None = None

    def learn(self, segmenters: Segmenters) -> Trained | None:
        """Learn it; None if the strokes do not teach anything yet."""
        job = self._job
        if job is not None:
            before = job.lesson.learn(segmenters) if job.lesson is not None else None
            strokes = Strokes.read(job.scribbles)
            self._trained = before
            if not next_stroke(strokes) or (before is not None and len(strokes.labels)):
                self._trained = segmenters.get(job, before).trained(strokes)
            self._job = None  # and with it the image
        return self._trained
