"""A fit as plain values, and the segmenters that it starts from; no Qt, no napari.

Torch is imported in functions only: the import takes seconds, and belongs to a background thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.gui.hints import missing_scribble_hint
from napari_isr.gui.nd.current_slice import ViewedSlice
from napari_isr.io.session import ShapeState, restore_shape_states
from napari_isr.scribbles import Scribbles

if TYPE_CHECKING:
    from napari_isr.features import FeatureCache
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["DeferredTransfer", "FitJob", "SegmenterCache"]

# Masks of larger images are shown at this size. Contours and exported masks stay exact.
DOWNSAMPLE_ABOVE_PIXELS, MAX_SHOWN_PIXELS = 2048**2, 1024**2
MAX_SHOWN_VOXELS = 2**24

Maps = Mapping[str, Any]


@dataclass(frozen=True)
class FitJob:
    """Inputs of one fit.

    Parameters
    ----------
    image : array or sequence of arrays
        (n1, ..., nd), or (n1, ..., nd, c) with channels, or the levels of a pyramid.
    spacing : tuple of float
        Distance of pixel centers along each axis, None along time.
    scribbles : (n1, ..., nd) integer array
    shape, own_shapes, predictor, features, mode, coordinate
        See :class:`napari_isr.gui.models.DockSettings`.
    uncertainty : bool
        Whether the map of the uncertainty is computed.
    imported : dict of int to array
        Precomputed unaries of objects, keyed by label.
    hidden : tuple of int
        Labels that the label images leave out.
    live : bool
        Whether a stroke started the fit. Missing scribbles are then a hint, not an error.
    requested_at : float
        Time of the request, by ``time.perf_counter``.
    start_result : Result or None
        Result whose shapes the fit starts from, or None for those of the last fit.
    device, memory
        See :class:`napari_isr.Segmenter`.
    initial_shapes : mapping of int to ShapeState
        Shapes that the first fit of an image starts from.
    transfer : DeferredTransfer or None
        Predictor of other images. It makes scribbles dispensable.
    axes : {"yx", "zyx", "tyx", "tzyx"}
    per_frame : bool
        Whether the frames of a sequence are fitted one by one.
    coordinates : mapping of str to array
        Values of further coordinates, keyed by name.
    viewed_slice : ViewedSlice or None
        Slice of a stack that the viewer shows.
    """

    image: Any
    spacing: tuple[float | None, ...]
    scribbles: Any
    shape: str = "convex"
    own_shapes: dict[int, str] = field(default_factory=dict)
    predictor: str = "auto"
    features: str = "auto"
    mode: str = "auto"
    uncertainty: bool = False
    imported: dict[int, Any] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    live: bool = True
    requested_at: float = 0.0
    start_result: Result | None = None
    device: str = "auto"
    memory: float | None = None
    initial_shapes: Mapping[int, ShapeState] = field(default_factory=dict)
    transfer: DeferredTransfer | None = None
    axes: str = "yx"
    per_frame: bool = False
    coordinate: str = ""
    coordinates: Maps = field(default_factory=dict)
    viewed_slice: ViewedSlice | None = None


class DeferredTransfer:
    """Predictor of other images, trained in the background thread at its first use.

    Parameters
    ----------
    job : FitJob
        The last job of the last image with scribbles.
    """

    def __init__(self, job: FitJob) -> None:
        self._job: FitJob | None = job
        self._trained: TrainedPredictor | None = None

    def resolve(self, segmenters: SegmenterCache) -> TrainedPredictor | None:
        """Return the predictor, or None if the scribbles do not suffice."""
        job = self._job
        if job is not None:
            former = job.transfer.resolve(segmenters) if job.transfer is not None else None
            scribbles = Scribbles.from_label_image(job.scribbles)
            self._trained = former
            if not missing_scribble_hint(scribbles) or (
                former is not None and len(scribbles.labels)
            ):
                self._trained = segmenters.get(job, former).export_predictor(scribbles)
            self._job = None  # It holds the image.
        return self._trained


class SegmenterCache:
    """Segmenters of the last images and settings, so that fits start warm.

    Parameters
    ----------
    max_segmenters : int, optional
        Their number. Each takes 10 MB or more for an image of any size.
    cache : FeatureCache, optional
        Stores the features of all images. Default: in the folder of the user, so that an image
        that was open before starts quickly.
    """

    def __init__(self, max_segmenters: int = 3, cache: FeatureCache | None = None) -> None:
        self._max_segmenters, self._cache = max_segmenters, cache
        self._entries: list[tuple[Any, tuple[Any, ...], Maps, Segmenter]] = []
        # Whether a segmenter was made since the heap was trimmed.
        self.has_new = False

    def __len__(self) -> int:
        """Return the number of segmenters."""
        return len(self._entries)

    def get(self, job: FitJob, trained: TrainedPredictor | None = None) -> Segmenter:
        """Return the segmenter of a job, which uses ``trained`` if it is not None."""
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
        for index, (image, key, maps, segmenter) in enumerate(self._entries):
            matches = image is job.image and key == settings and _same_maps(maps, job.coordinates)
            if matches and segmenter.carried is trained:
                self._entries.append(self._entries.pop(index))
                return segmenter
        segmenter = Segmenter(
            job.image,  # A lazy array or a pyramid is not loaded here.
            ndim=np.ndim(job.scribbles),
            axes=job.axes,
            spacing=job.spacing,
            predictor=job.predictor,
            features=job.features,
            mode=job.mode,
            device=job.device,
            memory=job.memory,
            cache=self._cache,
            most_pixels=_max_pixels(job.scribbles.shape),
            trained=trained,
            coordinates={name: np.asarray(values) for name, values in job.coordinates.items()},
        )
        restore_shape_states(job.initial_shapes, segmenter)
        entry = job.image, settings, job.coordinates, segmenter
        self._entries = [*self._entries, entry][-self._max_segmenters :]
        self.has_new = True
        return segmenter

    def clear(self, image: Any = None) -> None:
        """Drop the segmenters of an image, or all if it is None."""
        self._entries = [e for e in self._entries if image is not None and e[0] is not image]


def _same_maps(first: Maps, second: Maps) -> bool:
    """Return whether two mappings hold identical arrays under the same names."""
    return list(first) == list(second) and all(first[name] is second[name] for name in first)


def _max_pixels(shape: tuple[int, ...]) -> int | None:
    """Return the largest number of pixels of a shown mask, or None for that of the image."""
    if len(shape) == 2:
        return MAX_SHOWN_PIXELS if np.prod(shape) > DOWNSAMPLE_ABOVE_PIXELS else None
    return MAX_SHOWN_VOXELS if np.prod(shape) > MAX_SHOWN_VOXELS else None
