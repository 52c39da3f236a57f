"""A tiny fit that pays the first-use costs of the libraries before the user's first stroke."""

from __future__ import annotations

import numpy as np

from napari_isr.gui.fitting.job import FitJob, run_job
from napari_isr.gui.fitting.segmenter_cache import SegmenterCache

__all__ = ["warm_up"]


def warm_up() -> None:
    """Segment a small disc."""
    from napari_isr.features import FeatureCache

    rows, columns = np.ogrid[:48, :48]
    radius = np.hypot(rows - 24, columns - 24)
    strokes = np.where(radius < 6, 2, 0) + np.where(radius > 21, 1, 0)
    image = np.where(radius < 14, 200, 40).astype(np.uint8)
    cache = FeatureCache()  # not the user's: nobody will ask for this picture again
    for _ in run_job(
        FitJob(image, (1.0, 1.0), strokes.astype(np.uint8)), SegmenterCache(cache=cache)
    ):
        pass
