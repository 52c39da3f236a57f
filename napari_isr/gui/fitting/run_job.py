"""One fit in a background thread: a job in, events for the presenter out; no Qt, no napari.

Torch is imported in functions only: the import takes seconds, and belongs to a background thread.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_isr.config import SegmentationConfig
from napari_isr.errors import InputError
from napari_isr.gui.fitting.events import (
    FitContour,
    FitFailed,
    FitFinished,
    FitNeedsScribbles,
    FitProgress,
    News,
)
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.handle_models import extract_handle_geometry
from napari_isr.gui.hints import missing_scribble_hint
from napari_isr.gui.models import ObjectRow
from napari_isr.gui.nd.current_slice import Plane, follow_viewed_slice
from napari_isr.gui.object_measurements import measure_size
from napari_isr.scribbles import BACKGROUND, Scribbles

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Update
    from napari_isr.shapes.registry import ShapeSpec

__all__ = [
    "compose_label_images",
    "object_rows",
    "run_job",
    "single_threaded_torch",
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


def run_job(job: FitJob, segmenters: SegmenterCache) -> Generator[News, None, None]:
    """Run a job. Failures are events, not exceptions.

    Parameters
    ----------
    job : FitJob
    segmenters : SegmenterCache
        Segmenters of earlier fits, from which this one starts.

    Yields
    ------
    News
        The last one is FitNeedsScribbles, FitFailed or FitFinished.
    """
    try:
        with single_threaded_torch():
            yield from _fit(job, segmenters)
        if segmenters.has_new:
            segmenters.has_new = False
            trim_heap()
    except InputError as error:
        yield FitFailed(_sentence(str(error)))
    except Exception as error:
        log.exception("The fit failed")
        segmenters.clear(job.image)
        name = type(error).__name__
        yield FitFailed(f"The fit failed ({name}): run it again; the log of napari says more.")


def _fit(job: FitJob, segmenters: SegmenterCache) -> Iterator[News]:
    scribbles = Scribbles.from_label_image(job.scribbles)
    trained = job.transfer.resolve(segmenters) if job.transfer is not None else None
    transferred = trained.object_labels if trained is not None else ()
    labels = sorted({*scribbles.objects, *transferred, *job.imported})
    rows = {k: ObjectRow(k, int(np.count_nonzero(scribbles.labels == k))) for k in labels}
    hint = missing_scribble_hint(scribbles, job.imported) if job.live and trained is None else ""
    if hint and not job.imported:
        yield FitNeedsScribbles(hint, tuple(rows.values()))
        return
    if hint:  # Imported objects can be fitted without the missing scribbles.
        scribbles = scribbles.select((BACKGROUND, *job.imported))
        labels = sorted(job.imported)
    yield FitProgress(rows=tuple(rows.values()))
    segmenter = segmenters.get(job, trained)
    if job.start_result is not None:
        segmenter.restore(job.start_result)
    shapes = {label: _shape_spec(job, label) for label in labels}
    shape_was_fitted = refining = False
    updates = segmenter.run(scribbles, shapes or job.shape, job.imported, sketch=True)
    for update, plane in follow_viewed_slice(updates, segmenter, job.viewed_slice):
        shape_was_fitted |= update.stage == "projection"
        refining |= shape_was_fitted and update.stage == "predictor"
        repeats = refining and update.stage in ("predictor", "projection")
        message = REFINING_MESSAGE if repeats else STAGE_MESSAGES[update.stage]
        yield from _events(update, message, plane)
        if update.stage == "done":  # The run goes on, and prepares the next one.
            yield _finished(job, segmenter.result, rows, hint)


def _shape_spec(job: FitJob, label: int) -> str | ShapeSpec:
    config = SegmentationConfig(
        shape=job.shape, own_shapes=job.own_shapes, axes=job.axes, per_frame=job.per_frame
    )
    return config.shape_for(label)


def _finished(job: FitJob, result: Result, rows: dict[int, ObjectRow], hint: str) -> FitFinished:
    """Compute everything that the dock shows, so that the GUI thread computes nothing."""
    return FitFinished(
        *compose_label_images(result, job.hidden),
        object_rows(result, rows, job.axes),
        result,
        next_stroke=result.next_stroke,
        uncertainty=result.uncertainty if job.uncertainty else None,
        found=extract_handle_geometry(result),
        seconds=time.perf_counter() - job.requested_at,
        hidden=job.hidden,
        hint=hint,
        shapes={"shape": job.shape, "own_shapes": dict(job.own_shapes)},
    )


def _events(update: Update, message: str, plane: Plane | None) -> Iterator[News]:
    yield FitProgress(message, update.progress)
    if update.label is not None:
        if update.predictor_contours is not None:
            yield FitContour("predictor", update.label, update.predictor_contours, plane)
        if update.contours is not None:
            yield FitContour("shape", update.label, update.contours, plane)


def compose_label_images(
    result: Result, hidden: Collection[int] = ()
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Compose the masks of all objects, the higher label on top.

    Parameters
    ----------
    result : Result
    hidden : collection of int
        Labels that are left out.

    Returns
    -------
    raw, isr : (H, W) integer arrays
        Labels of the masks of the predictor and of the shapes.
    """
    objects = sorted(result.objects.items())
    size = objects[0][1].frame.shape
    dtype = np.uint8 if objects[-1][0] < 256 else np.uint16
    raw, isr = np.zeros(size, dtype), np.zeros(size, dtype)
    for label, item in objects:
        if label not in hidden:
            raw[item.probability > 0.5] = label
            isr[item.mask] = label
    return raw, isr


def object_rows(result: Result, drawn: dict[int, ObjectRow], axes: str) -> tuple[ObjectRow, ...]:
    """Return the rows of the table: scribbles of all objects, and results of the fitted ones."""
    rows = dict(drawn)
    for label, item in result.objects.items():
        certificate = item.certificate
        _ = item.iou_predictor  # Computed here for the certificate panel.
        is_guaranteed = certificate.by_construction is not None
        size, measure = measure_size(item, axes)
        rows[label] = ObjectRow(
            label,
            drawn[label].strokes,
            item.shape_name,
            size,
            certificate.holds if is_guaranteed else None,
            certificate.message,
            measure,
        )
    return tuple(rows.values())


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ")")) else f"{text}."


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Limit torch to one thread: on few cores, spinning threads slow down the GUI thread."""
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
