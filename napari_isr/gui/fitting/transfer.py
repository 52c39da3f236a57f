"""What the images before have taught, for one that has no strokes yet; no Qt, no napari."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_isr.gui.hints import missing_scribble_hint
from napari_isr.scribbles import Scribbles

if TYPE_CHECKING:
    from napari_isr.gui.fitting.job import FitJob
    from napari_isr.gui.fitting.segmenter_cache import SegmenterCache
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["DeferredTransfer"]


class DeferredTransfer:
    """What other images taught; learned in the worker thread, when it is first needed.

    Parameters
    ----------
    job : FitJob
        The last fit that was asked for on the last image that has strokes.
    """

    def __init__(self, job: FitJob) -> None:
        self._job: FitJob | None = job
        self._trained: TrainedPredictor | None = None

    def resolve(self, segmenters: SegmenterCache) -> TrainedPredictor | None:
        """Learn it; None if the strokes do not teach anything yet."""
        job = self._job
        if job is not None:
            before = job.transfer.resolve(segmenters) if job.transfer is not None else None
            strokes = Scribbles.from_label_image(job.scribbles)
            self._trained = before
            if not missing_scribble_hint(strokes) or (before is not None and len(strokes.labels)):
                self._trained = segmenters.get(job, before).export_predictor(strokes)
            self._job = None  # and with it the image
        return self._trained
