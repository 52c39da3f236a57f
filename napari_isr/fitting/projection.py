"""Projection of unaries on a shape (eq. 1 of the source)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError
from napari_isr.evidence import Evidence
from napari_isr.fitting.front_propagation import fit_along_front
from napari_isr.fitting.sampling import Samples, add_scribble_evidence, boundary_samples
from napari_isr.fitting.solvers import minimize
from napari_isr.shapes.base import FitStage, Shape
from napari_isr.shapes.sparse_jacobian import SparseJacobianShape

__all__ = ["FitState", "iter_project_shape"]

IN_SPACE = 3  # times as many sample points: a boundary in space is a surface, not a curve
MAX_LOGIT_SLOPE_PER_CELL = 8.0  # slope of the logit, per finest cell
WARM_CELLS = 1024
FEW_CELLS = 2  # that the radius of an object is long: then a start says little
MOST_START_CELLS = 65_536  # where an object is smaller than the cells it is looked for in
CLEARLY = 0.98  # of what the final shape explains: a start that explains less is worse
WARM_START_MIN_EXPLAINED = 0.85  # of what it explained: then a warm fit looks for no other start
OVERLOOKED = 1.1  # times the objective: so much more shows when the final set is looked at anew
UNFOLDING_CELLS = 16384
UNFOLDING_STEPS, UNFOLDING_STEPS_WARM = 24, 5
UNFOLDING_SHARE = 0.4  # of the progress


@dataclass(frozen=True)
class FitState:
    """State of a projection after one step; the shape itself is improved in place.

    Parameters
    ----------
    progress : float
        From 0 to 1.
    objective : float
        Weighted squared error of the sigmoid at the current samples.
    done : bool
        True in the last state.
    """

    progress: float
    objective: float
    done: bool = False


def iter_project_shape(
    shape: Shape,
    evidence: Evidence,
    *,
    strokes: Samples | None = None,
    warm: bool = False,
    budget: int | None = None,
    fine: bool = True,
) -> Iterator[FitState]:
    """Fit a shape to evidence, from soft and simple to sharp and free.

    The result depends on the arguments only: cells are sampled on a fixed pattern. The generator
    may be closed after any state and the fit taken up later with ``warm=True``.

    Parameters
    ----------
    shape : Shape
        Improved in place; on the device and of the dtype of the evidence.
    evidence : Evidence
        Evidence for and against the object.
    strokes : Samples, optional
        Further points, with weights of their own.
    warm : bool, optional
        Start from the shape's current parameters where they fit better than a fresh start.
    budget : int, optional
        About how many points each stage looks at; default: the shape's own.
    fine : bool, optional
        With the fine stages, and with idle parts put to use; of no use to who goes on from here
        with a soft boundary, or only sketches.

    Yields
    ------
    ProjectionState

    Raises
    ------
    InputError
        If no evidence is for the object.
    """
    if not _any_foreground(evidence) and (strokes is None or not bool(strokes.target.any())):
        raise InputError(
            "no pixel is more likely object than background, so there is nothing to fit: "
            "draw a stroke in the object, or check that the unaries are above 0.5 inside it"
        )
    if budget is None:
        budget = shape.sample_budget * (1 if shape.ndim == 2 else IN_SPACE)
    fit = _Fit(shape, evidence, strokes, budget)
    cold = fit.begin(warm)
    stages = _stages(shape, evidence, warm=not cold, fine=fine)
    fallback = copy.deepcopy(shape.state_dict()) if cold else None
    total = sum(stage.iterations for stage in stages)
    objective, before = float("inf"), 0.0
    steps = UNFOLDING_STEPS if cold else UNFOLDING_STEPS_WARM
    for count, objective in enumerate(fit.unfold(steps), start=1):
        before = UNFOLDING_SHARE * min(1.0, count / steps)
        yield FitState(before, objective)
    share = (0.99 - before) / total
    for stage in stages:
        for count, objective in enumerate(fit.run(stage), start=1):
            yield FitState(before + share * min(count, stage.iterations), objective)
        before += share * stage.iterations
    if cold and shape.may_leave_fragments and fit.overlooked(objective):
        for objective in fit.run(stages[-1]):
            yield FitState(0.99, objective)
    fit.finish(fallback, stages[-1])
    yield FitState(1.0, objective, done=True)


def _any_foreground(evidence: Evidence) -> bool:
    return float(evidence.coarsen(1).values.max()) > 0


def _stages(shape: Shape, evidence: Evidence, *, warm: bool, fine: bool) -> tuple[FitStage, ...]:
    if fine:
        return shape.stages_for(math.prod(evidence.shape), warm=warm)
    coarse = shape.stages_for(0, warm=warm)
    return tuple(
        replace(stage, reassign_idle_parts=False) for stage in coarse if not stage.boundary_only
    )


class _Fit:
    """One projection: the shape, what it is fitted to, and how finely that is sampled."""

    def __init__(
        self, shape: Shape, evidence: Evidence, strokes: Samples | None, budget: int
    ) -> None:
        self.shape, self.evidence, self.strokes, self.budget = shape, evidence, strokes, budget

    def samples(self, detail: int = 1, fine: bool = False) -> Samples:
        chosen = self.shape.own_samples(self.evidence, self.budget)
        if chosen is not None:
            samples = Samples.from_evidence(*chosen)
        else:
            samples = boundary_samples(self.evidence, self.shape, detail * self.budget, fine)
        return samples if self.strokes is None else samples + self.strokes

    def begin(self, warm: bool) -> bool:
        """Load the best start and return whether it is a fresh one."""
        known = self.shape.explained_fraction
        if warm and known is not None and self._explained() >= WARM_START_MIN_EXPLAINED * known:
            return False
        starts = [copy.deepcopy(self.shape.state_dict())] if warm else []
        score, best, fresh = self._best(starts, self.shape.start_cells)
        block = self.evidence.block_size_for(self.shape.start_cells)
        least = self.evidence.block_size_for(MOST_START_CELLS)
        while block > least and (score <= 0 or self._few_cells(best, block)):
            # An object not much larger than the cells: look more closely.
            block //= 2
            cells = math.prod(-(-n // block) for n in self.evidence.shape)
            score, best, fresh = self._best(starts, cells)
        self.shape.load_state_dict(best)
        return fresh

    def _few_cells(self, start: dict[str, Tensor], block: int) -> bool:
        return bool(start["scale"] < FEW_CELLS * block * self.evidence.cell_size)

    def _best(
        self, known: Sequence[dict[str, Tensor]], cells: int
    ) -> tuple[float, dict[str, Tensor], bool]:
        """Score and state of the best start, and whether it is none of the known ones."""
        coarse = self.evidence.coarsen(self.evidence.block_size_for(cells))
        samples = Samples.from_evidence(coarse.points, coarse.values.flatten())
        coarse = coarse.on_coordinate_grid()
        if self.strokes is not None:
            samples = samples + self.strokes
            coarse = add_scribble_evidence(coarse, self.strokes)
        starts = [*known, *self.shape.initial_states(coarse)]
        scores = [self._score(start, samples) for start in starts]
        if not known and self.shape.n_candidates > 1:
            starts, scores = self._after_one_stage(starts, scores, samples)
        best = scores.index(max(scores))
        return scores[best], starts[best], best >= len(known)

    def _after_one_stage(
        self, starts: list[dict[str, Tensor]], scores: list[float], samples: Samples
    ) -> tuple[list[dict[str, Tensor]], list[float]]:
        """Fit the best few starts for one stage: what they make of it tells more than they do."""
        order = sorted(range(len(starts)), key=lambda i: -scores[i])[: self.shape.n_candidates]
        reached = []
        for index in order:
            self.shape.load_state_dict(starts[index])
            for _ in self.run(self.shape.stages[0]):
                pass
            reached.append(copy.deepcopy(self.shape.state_dict()))
        return reached, [self._score(state, samples) for state in reached]

    def _score(self, start: dict[str, Tensor], samples: Samples) -> float:
        check_cancelled()
        self.shape.load_state_dict(start)
        with torch.no_grad():
            return samples.evidence_inside(self.shape(samples.points))

    def run(self, stage: FitStage) -> Iterator[float]:
        """Objective after each step of one stage."""
        self._sharpen(stage)
        free = self.shape.coarse_parameters() if stage.coarse else None
        samples = self.samples(stage.oversampling, stage.boundary_only)
        if stage.reassign_idle_parts:
            self.shape.reassign_idle_parts(samples.points)
        for step in minimize(self.shape, samples, iterations=stage.iterations, free=free):
            yield step.objective

    def unfold(self, steps: int) -> Iterator[float]:
        """Bring shapes that can get stuck on the way near the goal; objective of each step."""
        if isinstance(self.shape, SparseJacobianShape):
            grid = self.evidence.coarsen(self.evidence.block_size_for(UNFOLDING_CELLS))
            if self.strokes is not None:
                grid = add_scribble_evidence(grid, self.strokes)
            yield from fit_along_front(self.shape, grid, steps)

    def _sharpen(self, stage: FitStage) -> None:
        # A slope much steeper than a cell cannot be seen at the samples: it would only make the
        # objective flat between them.
        limit = MAX_LOGIT_SLOPE_PER_CELL * self.shape.scale / self.evidence.cell_size
        self.shape.sharpness.copy_(torch.clamp(limit, min=2.0, max=stage.sharpness))

    def overlooked(self, objective: float) -> bool:
        """Return True if the samples of the last stage were too coarse for the set."""
        samples = self.samples()
        with torch.no_grad():
            now = float(samples.objective(self.shape(samples.points)))
        return now > OVERLOOKED * objective

    def finish(self, fallback: dict[str, Tensor] | None, last: FitStage) -> None:
        """Return to where a cold fit began if it lost evidence, so that it never collapses."""
        if fallback is not None:
            final = copy.deepcopy(self.shape.state_dict())
            samples = self.samples()
            reached = self._score(final, samples)
            # The cells of the final shape are good enough to see that it is clearly better.
            if self._score(fallback, samples) < CLEARLY * reached:
                self.shape.load_state_dict(final)
            else:
                self._sharpen(last)
                if self._score(copy.deepcopy(self.shape.state_dict()), self.samples()) <= reached:
                    self.shape.load_state_dict(final)
        self.shape.explained_fraction = self._explained()

    def _explained(self) -> float:
        """Evidence inside the shape as part of all that is for the object; coarse and quick."""
        coarse = self.evidence.coarsen(self.evidence.block_size_for(WARM_CELLS))
        samples = Samples.from_evidence(coarse.points, coarse.values.flatten())
        if self.strokes is not None:
            samples = samples + self.strokes
        with torch.no_grad():
            inside = samples.evidence_inside(self.shape(samples.points))
        return inside / max(float(samples.weight @ samples.target), 1e-30)
