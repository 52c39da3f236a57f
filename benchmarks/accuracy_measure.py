"""The measurements of the accuracy benchmark: masks, what a shape can reach, strokes to 0.90."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from accuracy_data import Case, Pixels, iou
from accuracy_ours import CONFIGURATIONS, Ours
from accuracy_store import Record
from numpy.typing import NDArray
from other_tools import PEERS, Method
from simulated_user import first_strokes, next_stroke

import napari_isr as isr

__all__ = ["KINDS", "ORACLES", "RIGHT", "STROKES", "method_names", "records_of"]

KINDS = ("mask", "oracle", "strokes")
ORACLES = ("convex", "star", "mirror", "connected", "star+mirror")
RIGHT, STROKES = 0.90, 20  # the IoU that ends the robot's work, and the strokes that it has
NO_SHAPE = ", no shape"


def method_names() -> list[str]:
    """Return the names of our methods, then of the other tools."""
    return [configuration.name for configuration in CONFIGURATIONS] + list(PEERS)


def make_method(name: str, shape: str) -> Method:
    """Make a method by its name. Our methods get the shape."""
    if name in PEERS:
        return PEERS[name]()
    ours = {configuration.name: configuration for configuration in CONFIGURATIONS}
    return Ours(ours[name], shape)


def records_of(kind: str, case: Case, name: str) -> list[Record]:
    """Measure one method (or, for ``oracle``, one shape) on one case.

    One of ours also says what its predictor alone finds. Whatever a method raises is kept, and
    counts as an IoU of 0.
    """
    measure = {"mask": mask_of, "oracle": oracle_of, "strokes": strokes_of}[kind]
    pixels = case.read()
    who = case.who if kind == "mask" else "robot"
    head = kind, case.set, case.id, who, case.half, case.shape
    try:
        found = list(measure(name, case.shape, pixels))
        return [Record(*head, name + suffix, **values) for suffix, values in found]
    except Exception as error:  # a benchmark goes on, and tells
        cap = STROKES if kind == "strokes" else 0
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        return [Record(*head, name, iou=0.0, strokes=cap, error=words)]


def mask_of(name: str, shape: str, pixels: Pixels) -> Iterator[tuple[str, dict]]:
    """Yield the measurements of one cold segmentation with the strokes of a person."""
    image, strokes, truth, counted = pixels
    start = time.process_time()
    method = make_method(name, shape)
    method.start(image)
    found = method.update(strokes)
    seconds = time.process_time() - start
    yield "", {"iou": iou(found, truth, counted), "seconds": seconds}
    if isinstance(method, Ours):
        yield NO_SHAPE, {"iou": iou(method.predictor_mask, truth, counted)}


def oracle_of(name: str, shape: str, pixels: Pixels) -> Iterator[tuple[str, dict]]:
    """Yield the measurements of the shape fitted to the truth with equal weights."""
    _, _, truth, counted = pixels
    start = time.process_time()
    found = isr.project(truth, name, foreground_weight=1).mask
    seconds = time.process_time() - start
    yield "", {"iou": iou(found, truth, counted), "seconds": seconds}


def strokes_of(name: str, shape: str, pixels: Pixels) -> Iterator[tuple[str, dict]]:
    """Strokes that the robot draws until the mask is right; all 20 if it never is.

    The first two, one in the object and one in the background, count. ``seconds`` is the median
    CPU time of the updates that follow them.
    """
    image, _, truth, counted = pixels
    method = make_method(name, shape)
    method.start(image)
    strokes = first_strokes(truth, counted)
    seconds: list[float] = []
    update = timed(method.update, seconds)
    score, drawn = iou(found := update(strokes), truth, counted), 2
    while score < RIGHT and drawn < STROKES:
        strokes = next_stroke(found, truth, counted, strokes)
        score, drawn = iou(found := update(strokes), truth, counted), drawn + 1
    later = statistics.median(seconds[1:]) if seconds[1:] else 0.0
    yield "", {"iou": score, "strokes": drawn, "seconds": later}


def timed(update: Callable[[NDArray], NDArray[np.bool_]], seconds: list[float]) -> Callable:
    """Wrap an update so that it records its CPU time."""

    def run(strokes: NDArray) -> NDArray[np.bool_]:
        start = time.process_time()
        found = update(strokes)
        seconds.append(time.process_time() - start)
        return found

    return run
