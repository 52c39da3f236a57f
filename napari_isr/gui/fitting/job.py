"""One fit, as the worker thread runs it: strokes in, news for the dock out; no Qt, no napari.

Torch is imported here only inside functions: it takes seconds, which must not be the GUI thread's.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.config import SegmentationConfig
from napari_isr.errors import InputError
from napari_isr.gui.available_choices import AvailableChoices
from napari_isr.gui.fitting.events import (
    FitContour,
    FitFailed,
    FitFinished,
    FitNeedsScribbles,
    FitProgress,
    News,
)
from napari_isr.gui.fitting.label_images import compose_label_images
from napari_isr.gui.handle_models import extract_handle_geometry
from napari_isr.gui.hints import missing_scribble_hint
from napari_isr.gui.models import ObjectRow
from napari_isr.gui.nd.current_slice import Plane, ViewedSlice, follow_viewed_slice
from napari_isr.gui.object_measurements import measure_size
from napari_isr.io.session import ShapeState
from napari_isr.scribbles import BACKGROUND, Scribbles

if TYPE_CHECKING:
    from napari_isr.gui.fitting.segmenter_cache import SegmenterCache
    from napari_isr.gui.fitting.transfer import DeferredTransfer
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Update
    from napari_isr.shapes.registry import ShapeSpec

__all__ = [
    "AvailableChoices",
    "FitContour",
    "FitFailed",
    "FitFinished",
    "FitJob",
    "FitNeedsScribbles",
    "FitProgress",
    "News",
    "object_rows",
    "run_job",
    "trim_heap",
]

log = logging.getLogger(__name__)

STAGE_MESSAGES = {
    "features": "Looking at the image",
    "predictor": "Learning from the strokes",
    "projection": "Fitting the shape",
    "render": "Drawing the mask",
    "done": "Done",
}
REFINING_MESSAGE = "Refining predictor and shape"


@dataclass(frozen=True)
class FitJob:
    """What to fit.

    Parameters
    ----------
    image : array or sequence of arrays
        (n1, ..., nd) or with channels (n1, ..., nd, c); a pyramid as its levels.
    spacing : tuple of float
        Distance of pixel centres along the axes; of time None.
    scribbles : (n1, ..., nd) integer array
        The strokes.
    shape, own_shapes, predictor, features, mode
        See :class:`napari_isr.gui.models.DockSettings`.
    uncertainty : bool
        Whether the map of the uncertainty is wanted.
    given : dict of int to array
        Objects whose unaries are from elsewhere.
    hidden : tuple of int
        Labels that are left out of the label images.
    live : bool
        Whether a stroke started it: then missing strokes are no error, but a hint.
    started : float
        When it was asked for, by ``time.perf_counter``.
    start : Result or None
        Whose shapes to start from; None: from those of the last fit.
    device : str
        As :class:`napari_isr.Segmenter` takes it.
    memory : float or None
        As :class:`napari_isr.Segmenter` takes it.
    kept : mapping of int to ShapeState
        Shapes to start from where none was fitted yet.
    transfer : DeferredTransfer or None
        What other images taught: then no stroke is needed.
    axes : str
        What the axes are, ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.
    per_frame : bool
        Whether the frames of a sequence are fitted one by one.
    coordinate : str
        Name of the layer whose values are a further coordinate.
    coordinates : mapping of str to array
        Those values by name.
    viewed_slice : ViewedSlice or None
        The plane of a stack that the user looks at.
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
    given: dict[int, Any] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    live: bool = True
    started: float = 0.0
    start: Result | None = None
    device: str = "auto"
    memory: float | None = None
    kept: Mapping[int, ShapeState] = field(default_factory=dict)
    transfer: DeferredTransfer | None = None
    axes: str = "yx"
    per_frame: bool = False
    coordinate: str = ""
    coordinates: Mapping[str, Any] = field(default_factory=dict)
    viewed_slice: ViewedSlice | None = None


def run_job(job: FitJob, segmenters: SegmenterCache) -> Generator[News, None, None]:
    """Run a job; never raises.

    Parameters
    ----------
    job : FitJob
    segmenters : SegmenterCache
        Where fits start from and go on.

    Yields
    ------
    News
        The last one is Hint, Failed or Done. Close the generator to stop.
    """
    try:
        with single_threaded_torch():
            yield from _fit(job, segmenters)
        if segmenters.fresh:
            segmenters.fresh = False
            trim_heap()
    except InputError as error:
        yield FitFailed(_sentence(str(error)))
    except Exception as error:
        log.exception("The fit failed")
        segmenters.clear(job.image)
        name = type(error).__name__
        yield FitFailed(f"The fit failed ({name}): run it again; the log of napari says more.")


def _fit(job: FitJob, segmenters: SegmenterCache) -> Iterator[News]:
    strokes = Scribbles.from_label_image(job.scribbles)
    trained = job.transfer.resolve(segmenters) if job.transfer is not None else None
    known = trained.object_labels if trained is not None else ()
    labels = sorted({*strokes.objects, *known, *job.given})
    rows = {k: ObjectRow(k, int(np.count_nonzero(strokes.labels == k))) for k in labels}
    hint = missing_scribble_hint(strokes, job.given) if job.live and trained is None else ""
    if hint and not job.given:
        yield FitNeedsScribbles(hint, tuple(rows.values()))
        return
    if hint:  # what is given can be fitted all the same
        strokes = strokes.select((BACKGROUND, *job.given))
        labels = sorted(job.given)
    yield FitProgress(rows=tuple(rows.values()))
    segmenter = segmenters.get(job, trained)
    if job.start is not None:
        segmenter.restore(job.start)
    shapes = {label: shape_spec_for(job, label) for label in labels}
    shaped = refining = False
    updates = segmenter.run(strokes, shapes or job.shape, job.given, sketch=True)
    for update, plane in follow_viewed_slice(updates, segmenter, job.viewed_slice):
        shaped |= update.stage == "projection"
        refining |= shaped and update.stage == "predictor"
        again = refining and update.stage in ("predictor", "projection")
        yield from _news(update, REFINING_MESSAGE if again else STAGE_MESSAGES[update.stage], plane)
        if update.stage == "done":  # what the run prepares for the next one comes afterwards
            yield _done(job, segmenter.result, rows, hint)


def shape_spec_for(job: FitJob, label: int) -> str | ShapeSpec:
    """The shape that an object is to have."""
    config = SegmentationConfig(
        shape=job.shape, own_shapes=job.own_shapes, axes=job.axes, per_frame=job.per_frame
    )
    return config.shape_for(label)


def _done(job: FitJob, result: Result, rows: dict[int, ObjectRow], hint: str) -> FitFinished:
    """All that the dock will show, so that nothing is computed in the GUI thread."""
    return FitFinished(
        *compose_label_images(result, job.hidden),
        object_rows(result, rows, job.axes),
        result,
        next_stroke=result.next_stroke,
        uncertainty=result.uncertainty if job.uncertainty else None,
        found=extract_handle_geometry(result),
        seconds=time.perf_counter() - job.started,
        hidden=job.hidden,
        hint=hint,
        shapes={"shape": job.shape, "own_shapes": dict(job.own_shapes)},
    )


def _news(update: Update, message: str, plane: Plane | None) -> Iterator[News]:
    yield FitProgress(message, update.progress)
    if update.label is not None:
        if update.predictor_contours is not None:
            yield FitContour("predictor", update.label, update.predictor_contours, plane)
        if update.contours is not None:
            yield FitContour("shape", update.label, update.contours, plane)


def object_rows(result: Result, drawn: dict[int, ObjectRow], axes: str) -> tuple[ObjectRow, ...]:
    """Rows of the table: what was drawn, and what was found of it."""
    rows = dict(drawn)  # with those that lack strokes so far
    for label, item in result.objects.items():
        proof = item.certificate
        _ = item.iou_predictor  # kept, for the panel that tells it
        promised = proof.by_construction is not None
        strokes = drawn[label].strokes
        holds = proof.holds if promised else None
        size, measure = measure_size(item, axes)
        rows[label] = ObjectRow(
            label, strokes, item.shape_name, size, holds, proof.message, measure
        )
    return tuple(rows.values())


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ")")) else f"{text}."


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Let torch use one thread: on few cores, spinning threads slow the GUI and each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def trim_heap() -> None:
    """Return free memory to the system, where the C library can.

    The first fit of an image allocates and frees hundreds of megabytes in pieces of all sizes, of
    which glibc keeps nearly all. Takes some milliseconds.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
