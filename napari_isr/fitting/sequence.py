"""Projection of sequences: evidence of frames, and fits of moving shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.errors import InputError
from napari_isr.evidence import (
    FOREGROUND_WEIGHT,
    DenseEvidence,
    Evidence,
    LazyEvidence,
    axis_anisotropy,
    remaining_anisotropy,
    signed_evidence,
)
from napari_isr.fitting.projection import FitState, iter_project_shape
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.sequence_fit import STEPS, STEPS_WARM, SequenceFit
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes.base import Shape
from napari_isr.shapes.time_varying import TimeVaryingShape

__all__ = ["SequenceEvidence", "iter_fit", "sequence_evidence_from_array"]

BASE_CELLS = 2048  # of a frame, at which sampled unaries are evaluated to see all of it
NOTHING, ALL = 0.1, 0.4  # correlation of neighbouring pixels: noise has none
CARRYING, UNFOLDING, STAGES = 0.15, 0.4, 0.95  # ends of the parts of a fit on its progress


class SequenceEvidence:
    """Evidence of the frames of a sequence, made when it is asked for.

    Parameters
    ----------
    of : callable
        Maps the number of a frame, and how many frames are asked for, to its evidence.
    timeline : TimeSeriesGeometry
        The sequence.
    """

    def __init__(self, of: Callable[[int, int], Evidence], timeline: TimeSeriesGeometry) -> None:
        self.of, self.timeline = of, timeline

    def with_times(self, every: bool) -> list[tuple[float, Evidence]]:
        """Time (shape coordinate) and evidence of every frame, or of the picked ones."""
        numbers = np.arange(self.timeline.shape[0]) if every else self.timeline.key_frames
        times = self.timeline.times(numbers).astype(np.float32).tolist()
        frames = [self.of(number, len(numbers)) for number in numbers.tolist()]
        return list(zip(times, frames, strict=True))


class _FrameSamples(LazyEvidence):
    """Evidence of one frame of several, from unaries that are evaluated at few points."""

    def __init__(
        self, probability: Callable[[Tensor], Tensor], timeline: TimeSeriesGeometry, count: int
    ) -> None:
        super().__init__(probability, timeline.frame_geometry)
        self.base_block, self.count = self.block_size_for(BASE_CELLS), count

    @cached_property
    def coarse(self) -> DenseEvidence:
        """Evidence of the smallest blocks that are evaluated all over the frame."""
        sides = self.block_shape(self.base_block)
        sizes = [-(-n // side) for n, side in zip(self.frame.shape, sides, strict=True)]
        index = torch.cartesian_prod(*(torch.arange(n) for n in sizes))
        points, values = self.cell_evidence(self.base_block, index)
        places = points.unflatten(0, sizes)
        axes = [places.movedim(dim, 0).flatten(1, -2)[:, 0, dim] for dim in range(self.ndim)]
        stretch = remaining_anisotropy(self.base_block, axis_anisotropy(self.frame.spacing))
        return DenseEvidence(values.unflatten(0, sizes), tuple(axes), stretch=stretch)

    def cell_evidence(
        self, block: int, index: Tensor, known: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Centres (n, d) and evidence (n,) of the blocks with the given indices (n, d)."""
        points, values = super().cell_evidence(block, index, known)
        return points, values / self.count


def sequence_evidence_from_array(
    values: npt.NDArray[Any],
    timeline: TimeSeriesGeometry,
    device: torch.device | str = "cpu",
    foreground_weight: float = FOREGROUND_WEIGHT,
) -> SequenceEvidence:
    """Evidence of probabilities or a mask (t, ...) that are known at every pixel.

    A frame counts by how far its pixels agree with their neighbours: one of pure noise says
    nothing, though its pixels add up to something.

    Parameters
    ----------
    values : (n1, ..., nd) array
        Probabilities.
    timeline : TimeSeriesGeometry
        The sequence.
    device : torch.device or str, optional
        Where the evidence is wanted.
    foreground_weight : float, optional
        See :func:`napari_isr.evidence.signed_evidence`.
    """

    def of(number: int, count: int) -> Evidence:
        part = np.ascontiguousarray(values[number], dtype=np.float32)
        probability = torch.from_numpy(part).to(device)
        evidence = signed_evidence(probability, foreground_weight)
        weight = frame_reliability(probability) / (probability.numel() * count)
        return DenseEvidence(
            evidence * weight, timeline.frame_geometry.normalized_axes(probability)
        )

    return SequenceEvidence(of, timeline)


def frame_reliability(probability: Tensor) -> float:
    """Estimate the reliability of a frame in [0, 1] from the correlation of adjacent pixels."""
    centered = probability - probability.mean()
    total = float(centered.square().mean())
    if total < 1e-12:  # even: it says the same everywhere
        return 1.0
    found = []
    for dim in range(centered.ndim):
        size = centered.shape[dim] - 1
        if size:
            pair = centered.narrow(dim, 0, size) * centered.narrow(dim, 1, size)
            found.append(float(pair.mean()) / total)
    correlation = min(found, default=1.0)
    return min(1.0, max(0.0, (correlation - NOTHING) / (ALL - NOTHING)))


def iter_fit(
    shape: Shape,
    evidence: Evidence | SequenceEvidence,
    *,
    strokes: Samples | None = None,
    warm: bool = False,
) -> Iterator[FitState]:
    """Fit any shape, a moving one to its frames; see :func:`iter_project_shape`."""
    if not isinstance(shape, TimeVaryingShape):
        assert not isinstance(evidence, SequenceEvidence)
        yield from iter_project_shape(shape, evidence, strokes=strokes, warm=warm)
        return
    if isinstance(evidence, LazyEvidence):
        evidence = _sampled_frames(evidence)
    assert isinstance(evidence, SequenceEvidence)
    fit = SequenceFit(shape, evidence.with_times(shape.over_time == "frames"), strokes)
    if not any(bool((grid.values > 0).any()) for grid in fit.coarse_grids()):
        raise InputError(
            "no pixel of any frame is more likely object than background, so there is nothing to "
            "fit: draw a stroke in the object, or check that the unaries are above 0.5 inside it"
        )
    yield from _one_by_one(fit, warm) if shape.over_time == "frames" else _together(fit, warm)


def _sampled_frames(evidence: LazyEvidence) -> SequenceEvidence:
    """Return the evidence of single frames."""
    timeline = evidence.frame
    assert isinstance(timeline, TimeSeriesGeometry)

    def of(number: int, count: int) -> Evidence:
        def probability(points: Tensor) -> Tensor:
            when = points.new_full((len(points), 1), number)
            return evidence.probability(torch.cat([when, points], dim=1))

        return _FrameSamples(probability, timeline, count)

    return SequenceEvidence(of, timeline)


def _together(fit: SequenceFit, warm: bool) -> Iterator[FitState]:
    """Fit all frames at once, from soft and coarse to sharp and free."""
    shape = fit.shape
    cold = fit.initialize(warm)
    steps, objective = (STEPS if cold else STEPS_WARM), float("inf")
    yield FitState(0.0, objective)
    for count, objective in enumerate(fit.propagate_key_frame() if cold else (), start=1):
        yield FitState(CARRYING * (1 - 1 / (1 + count / steps)), objective)
    for count, state in enumerate(fit.fit_along_front(steps), start=1):
        objective = state.objective
        share = min(1.0, count / (2 * steps))
        yield FitState(CARRYING + (UNFOLDING - CARRYING) * share, objective)
    stages = shape.stages if cold else shape.frame_shape.warm_stages or shape.stages[-2:]
    total, done = sum(stage.iterations for stage in stages), 0
    for number, stage in enumerate(stages):
        for state in fit.run(stage):
            objective = state.objective
            share = (done + min(state.iteration, stage.iterations)) / total
            yield FitState(UNFOLDING + (STAGES - UNFOLDING) * share, objective)
        done += stage.iterations
        if number == 0 and len(stages) > 1:
            fit.update_presence()
    fit.finish()
    yield FitState(1.0, objective, done=True)


def _one_by_one(fit: SequenceFit, warm: bool) -> Iterator[FitState]:
    """Fit each frame from the shape of its neighbor, outward from the most reliable frame."""
    shape, count = fit.shape, len(fit.frames)
    support = [float(grid.values.clamp_min(0).sum()) for grid in fit.coarse_grids()]
    seed = int(np.argmax(support))
    order = [*range(seed, count), *range(seed - 1, -1, -1)]
    before: dict[int, Shape] = {}
    objectives = []
    known = warm and shape.explained_fraction is not None
    for step, index in enumerate(order):
        time, evidence = fit.frames[index]
        neighbor = before.get(index - 1 if index > seed else index + 1)
        inner = copy.deepcopy(neighbor) if neighbor is not None else shape.shape_at(time)
        if known:
            inner = shape.shape_at(time)
            inner.explained_fraction = shape.explained_fraction
        objective = float("nan")
        there = True
        try:
            for state in iter_project_shape(
                inner,
                evidence,
                strokes=fit.scribbles_of(time),
                warm=known or neighbor is not None,
            ):
                objective = state.objective
                yield FitState((step + state.progress) / (count + 1), objective)
        except InputError:  # nothing in this frame is for the object
            there = False
        if there:
            before[index] = inner
            objectives.append(objective)
        shape.set_control(index, inner)
        shape.sharpness.copy_(inner.sharpness)
        shape.presence[index] = 1.0 if there else -1.0
    fit.finish()
    yield FitState(1.0, float(np.mean(objectives)), done=True)
