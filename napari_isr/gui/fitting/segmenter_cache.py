"""The segmenters that are kept warm between the fits; no Qt, no napari.

Torch is imported inside functions only: it takes seconds, which must not be the GUI thread's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.io.session import restore_shape_states

if TYPE_CHECKING:
    from napari_isr.features import FeatureCache
    from napari_isr.gui.fitting.job import FitJob
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["SegmenterCache"]

# Of a large image the outlines are exact, the masks that are shown are coarser; files are not.
DOWNSAMPLE_ABOVE_PIXELS, MOST_PIXELS = 2048**2, 1024**2
STACK = 2**24  # voxels: the same for stacks
Maps = Mapping[str, Any]


class SegmenterCache:
    """One :class:`~napari_isr.Segmenter` for each image and settings, so that fits start warm.

    Parameters
    ----------
    keep : int, optional
        How many; the one that was not used for longest is dropped first. Each takes 10 MB or more
        of an image of whatever size; a list of images keeps as many pictures.
    cache : FeatureCache, optional
        Keeps the features of all images. Default: in the user's folder, so that an image that was
        open before is quick to begin with.
    """

    def __init__(self, keep: int = 3, cache: FeatureCache | None = None) -> None:
        self._keep, self._cache = keep, cache
        self._kept: list[tuple[Any, tuple[Any, ...], Maps, Segmenter]] = []
        # Whether one was made whose first fit is still to come, or to be tidied up after.
        self.fresh = False

    def get(self, job: FitJob, trained: TrainedPredictor | None = None) -> Segmenter:
        """Find the job's segmenter or make it; ``trained`` is what is carried to its image."""
        from napari_isr.features import FeatureCache, default_folder
        from napari_isr.segmentation.segmenter import Segmenter

        if self._cache is None:
            self._cache = FeatureCache(default_folder())
        settings = (
            job.axes,
            job.spacing,
            job.predictor,
            job.features,
            job.mode,
            job.device,
            job.memory,
        )
        for index, (image, key, maps, segmenter) in enumerate(self._kept):
            known = image is job.image and key == settings and _same(maps, job.coordinates)
            if known and segmenter.carried is trained:
                self._kept.append(self._kept.pop(index))
                return segmenter
        segmenter = Segmenter(
            job.image,  # which may be lazy, or a pyramid: it is not loaded
            ndim=np.ndim(job.scribbles),
            axes=job.axes,
            spacing=job.spacing,
            predictor=job.predictor,
            features=job.features,
            mode=job.mode,
            device=job.device,
            memory=job.memory,
            cache=self._cache,
            most_pixels=_most(job.scribbles.shape),
            trained=trained,
            coordinates={name: np.asarray(map_) for name, map_ in job.coordinates.items()},
        )
        restore_shape_states(job.kept, segmenter)
        new = job.image, settings, job.coordinates, segmenter
        self._kept = [*self._kept, new][-self._keep :]
        self.fresh = True
        return segmenter

    def clear(self, image: Any = None) -> None:
        """Forget what was fitted to an image, or everything."""
        self._kept = [k for k in self._kept if image is not None and k[0] is not image]


def _same(first: Maps, second: Maps) -> bool:
    """Whether the same arrays are there under the same names."""
    return list(first) == list(second) and all(first[name] is second[name] for name in first)


def _most(shape: tuple[int, ...]) -> int | None:
    """How many pixels the masks that are shown may have; None: all."""
    large, most = (DOWNSAMPLE_ABOVE_PIXELS, MOST_PIXELS) if len(shape) == 2 else (STACK, STACK)
    return most if np.prod(shape) > large else None
