"""Preview of the viewed frame of a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from napari_isr._timing import StageTimer
from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.features.edge_refinement_sequence import SeededSequenceEdgeRefiner
from napari_isr.fitting.projection import iter_project_shape
from napari_isr.fitting.sampling import Samples, add_scribble_evidence, stroke_samples
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.rendering.rasterize import ShapeLogit, grid_contours, trace_contours
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.predicted_unaries import object_probability
from napari_isr.segmentation.shape_stage import PREVIEW_CELLS, ShapeStage
from napari_isr.segmentation.update import Update
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec
from napari_isr.shapes.sparse_jacobian import SparseJacobianShape
from napari_isr.shapes.time_varying import TimeVaryingShape

__all__ = ["preview_viewed_frame", "viewed_frame_index"]


def viewed_frame_index(shapes: ShapeStage) -> int | None:
    """Return the index of the viewed frame of a plane sequence, or None."""
    frame, plane = shapes.frame, shapes.plane
    if (
        not isinstance(frame, TimeSeriesGeometry)
        or frame.ndim != 3
        or plane is None
        or plane[0] is None
    ):
        return None
    return int(np.clip(round(plane[0]), 0, frame.shape[0] - 1))


def preview_viewed_frame(
    unaries: ObjectUnaries,
    strokes: Scribbles,
    specs: Mapping[int, ShapeSpec],
    shapes: ShapeStage,
    clock: StageTimer,
) -> Iterator[Update]:
    """Outlines in the frame that is looked at, by what is quickly known of it alone.

    The shape is fitted to this frame as to a picture, and goes on from where it was if it was
    fitted before. Nothing of it is kept.

    Parameters
    ----------
    unaries : ObjectUnaries
        Of a new sequence learned from what takes no time: colours, and nearness to the strokes.
    strokes : Scribbles
        All.
    specs : mapping of int to ShapeSpec
        The shape of each object.
    shapes : ShapeStage
        Where is looked at; its shapes stay as they are.
    clock : StageTimer
    """
    frame, number, learned = shapes.frame, viewed_frame_index(shapes), unaries.learned
    if (
        learned is None
        or number is None
        or not isinstance(learned.edges, SeededSequenceEdgeRefiner)
    ):
        return
    assert isinstance(frame, TimeSeriesGeometry)
    with clock.measure("predictor"):
        values, axes = learned.frame_only(number)
    space, known = frame.frame_geometry, shapes.fitted(specs)
    for label, spec in specs.items():
        if label in unaries.given:
            continue
        index = unaries.classes.index(label)
        warm = label in known
        if not warm:  # else the one before stays until the boundaries have found their edges
            raw = grid_contours(values[index].cpu().numpy() - 0.5, axes, space)
            yield Update("features", 0.0, label, predictor_contours=raw)
        moving = known[label].shape if warm else spec.build(frame.n_coordinates, frame)
        if not isinstance(moving, TimeVaryingShape):
            continue
        time = float(frame.times(number))
        shape = moving.shape_at(time).to(values.device)
        shape.explained_fraction = (
            0.0  # so far: few steps, from where it begins, are to show what it can
        )
        probability = object_probability(values.movedim(0, -1), index)
        evidence = signed_evidence(probability, learned.foreground_weight(shape.fills_occlusions))
        where = [
            torch.from_numpy(space.to_normalized(np.stack([axis, axis], 1))[:, k]).to(evidence)
            for k, axis in enumerate(axes)
        ]
        grid = DenseEvidence(evidence / evidence.numel(), tuple(where))
        drawn = _in_frame(stroke_samples(strokes, label, frame).to(values.device), frame, time)
        with clock.measure(f"projection {label}"):
            try:
                quick = isinstance(shape, SparseJacobianShape)
                if quick and not warm:
                    _begin(shape, grid, drawn)
                for _ in iter_project_shape(
                    shape, grid, strokes=drawn, fine=False, warm=quick or warm
                ):
                    check_cancelled()
            except InputError:  # nothing of the object is seen in this frame
                continue
            logit = ShapeLogit(shape, space, keep=False)
            outline = trace_contours(logit, space, PREVIEW_CELLS)
        yield Update("features", 0.0, label, contours=outline)


def _begin(shape: Shape, grid: DenseEvidence, drawn: Samples | None) -> None:
    """Initialize a fit by the search of the shape, so that it continues as a warm one."""
    coarse = grid.coarsen(grid.block_size_for(shape.start_cells))
    coarse = coarse if drawn is None else add_scribble_evidence(coarse, drawn)
    shape.load_state_dict(shape.initial_states(coarse)[0])


def _in_frame(samples: Samples, frame: TimeSeriesGeometry, time: float) -> Samples | None:
    """Return the samples of one frame in coordinates of the frame."""
    half = float(frame.times(0.5) - frame.times(0))
    here = ((samples.points[:, 0] - time).abs() < half).nonzero()[:, 0]
    if not len(here):
        return None
    return Samples(samples.points[here, 1:], samples.target[here], samples.weight[here])
