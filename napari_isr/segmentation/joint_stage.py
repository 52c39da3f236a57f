"""Stage that optimizes predictor and shapes alternately."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from napari_isr._timing import StageTimer
from napari_isr.evidence import coarse_axes
from napari_isr.fitting.joint_coupling import (
    TURNS,
    coupling_weight,
    sample_coupling_points,
    shape_class_probabilities,
)
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.slice_contours import slice_grid_contours
from napari_isr.scribbles import BACKGROUND, Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.predictor_stage import PredictorStage
from napari_isr.segmentation.shape_stage import ShapeStage
from napari_isr.segmentation.update import Update
from napari_isr.shapes.registry import ShapeSpec

__all__ = ["alternate", "predictor_contours"]


def predictor_contours(
    unaries: ObjectUnaries,
    labels: Collection[int],
    progress: float,
    shapes: ShapeStage,
    clock: StageTimer,
) -> Iterator[Update]:
    """Outlines of what the predictor says, in the plane that is looked at.

    Of a new sequence the frame that is looked at is outlined before the others are.
    """
    frame = shapes.frame
    if (
        shapes.is_unfitted
        and isinstance(frame, TimeSeriesGeometry)
        and (shapes.plane or (None,))[0] is not None
    ):
        yield from _first_outlines(unaries, labels, progress, shapes, clock)
    for label in labels:
        outline, plane = None, shapes.plane
        if plane is not None:
            with clock.measure("predictor"):
                values = unaries.coarse(label).cpu().numpy() - 0.5
                outline = slice_grid_contours(values, coarse_axes(frame), frame, plane)
        yield Update("predictor", progress, label, predictor_contours=outline)


def _first_outlines(
    unaries: ObjectUnaries,
    labels: Collection[int],
    progress: float,
    shapes: ShapeStage,
    clock: StageTimer,
) -> Iterator[Update]:
    """Yield preliminary contours of one frame."""
    frame, plane = shapes.frame, shapes.plane
    assert plane is not None
    assert plane[0] is not None
    number = int(np.clip(round(plane[0]), 0, frame.shape[0] - 1))
    for label in labels:
        with clock.measure("predictor"):
            found = unaries.preview_frame(label, number)
            if found is None:
                continue
            outline = slice_grid_contours(found[0].cpu().numpy() - 0.5, found[1], frame, plane)
        yield Update("predictor", progress, label, predictor_contours=outline)


def alternate(
    unaries: ObjectUnaries,
    strokes: Scribbles,
    specs: Mapping[int, ShapeSpec],
    objectives: dict[int, float],
    span: tuple[float, float],
    learner: PredictorStage,
    shapes: ShapeStage,
    clock: StageTimer,
) -> Generator[Update, None, ObjectUnaries]:
    """Fit predictor and shapes in turns, each to the other; the sequential answer stands.

    Given objects learn nothing and keep the shapes that they have.

    Parameters
    ----------
    unaries, strokes, specs
        What was learned, what was drawn, what was asked for.
    objectives : dict of int to float
        By label; those of the new fits are written into it.
    span : (float, float)
        Progress of the run before and after.
    learner, shapes, clock
        What the run works with.

    Yields
    ------
    Update

    Returns
    -------
    ObjectUnaries
    """
    learned = unaries.learned
    assert learned is not None
    known = {label: specs[label] for label in unaries.classes[1:]}
    taught = {label: spec for label, spec in specs.items() if label not in unaries.given}
    points, targets = learner.training_data(strokes.select((BACKGROUND, *known)))
    for turn in range(1, TURNS + 1):
        start, end = (span[0] + (span[1] - span[0]) * t / TURNS for t in (turn - 1, turn))
        with clock.measure("predictor"):
            where = sample_coupling_points(shapes.frame, learner.seed, turn)
            told = shape_class_probabilities(
                shapes.probabilities_at(where, known), learned.at(where)
            )
            drawn = torch.full_like(targets[:, 0], 1 / max(1, len(targets)))
            weight = torch.full_like(told[:, 0], coupling_weight(turn) / len(told))
        training = learned.predictor.fit(
            learned.scene,
            np.concatenate([points, where]),
            torch.cat([targets, told]),
            torch.cat([drawn, weight]),
        )
        for progress in clock.time_iterator("predictor", training):
            yield Update("predictor", start + (end - start) * 0.5 * progress)
        unaries = replace(unaries, learned=learned.copy())
        middle = (start + end) / 2
        yield from predictor_contours(unaries, taught, middle, shapes, clock)
        objectives |= yield from shapes.run(unaries, strokes, taught, (middle, end), clock)
    return unaries
