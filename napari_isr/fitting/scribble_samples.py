"""What the user's strokes say of one object, as samples that a shape is fitted to."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.fitting.sampling import Samples
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit
from napari_isr.scribbles import BACKGROUND, Scribbles
from napari_isr.shapes.base import Shape

__all__ = ["stroke_samples", "violated_scribbles"]

STROKE_SAMPLE = 200  # stroke pixels of each class that a shape sees
STROKE_WEIGHT = 50.0  # pixels that one stroke pixel counts for
QUICK_LOOK = 2000  # stroke pixels that are looked at first, to see whether any is not honoured


def stroke_samples(strokes: Scribbles, label: int, frame: ImageGeometry) -> Samples:
    """What the strokes say of one object, many times louder than single pixels.

    Strokes of other objects say nothing: objects may overlap.
    """
    points, labels = strokes.sample(0, STROKE_SAMPLE)
    use = (labels == label) | (labels == BACKGROUND)
    points, labels = points[use], labels[use]
    weight = np.full(len(labels), strokes.each * STROKE_WEIGHT / math.prod(frame.shape))
    for k in (label, BACKGROUND):
        drawn = labels == k
        if drawn.any():  # objects that are given, or found by a carried predictor, may have none
            weight[drawn] *= np.count_nonzero(strokes.labels == k) / np.count_nonzero(drawn)
    return _samples(points.astype(np.float64), labels == label, weight, frame)


def violated_scribbles(
    shape: Shape, strokes: Scribbles, label: int, frame: ImageGeometry
) -> Samples | None:
    """Stroke pixels that a shape puts on the wrong side, as samples; None if there are none."""
    use = np.flatnonzero((strokes.labels == label) | (strokes.labels == BACKGROUND))
    logit = ShapeLogit(shape, frame, keep=False)
    step = -(-len(use) // QUICK_LOOK)
    few = use[:: max(1, step)]
    inside = logit(strokes.points[few].astype(np.float64)) > 0
    if step > 1 and (inside == (strokes.labels[few] == label)).all():
        return None
    points, labels = strokes.points[use].astype(np.float64), strokes.labels[use]
    wrong = (logit(points) > 0) != (labels == label)
    if not wrong.any():
        return None
    one = strokes.each * STROKE_WEIGHT / math.prod(frame.shape)
    weight = np.full(np.count_nonzero(wrong), one)
    return _samples(points[wrong], labels[wrong] == label, weight, frame)


def _samples(
    points: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    frame: ImageGeometry,
) -> Samples:
    """Stroke pixels as samples."""
    return Samples(
        torch.from_numpy(frame.to_normalized(points)).float(),
        torch.from_numpy(inside.astype(np.float32)),
        torch.from_numpy(weight.astype(np.float32)),
    )
