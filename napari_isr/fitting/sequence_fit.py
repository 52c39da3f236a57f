"""Fit of a moving shape to all key frames, at once or one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.fitting.front_propagation import (
    FRONT_SHARPNESS,
    FRONT_STEP_CELLS,
    front_arrival_samples,
)
from napari_isr.fitting.projection import MAX_LOGIT_SLOPE_PER_CELL, WARM_START_MIN_EXPLAINED
from napari_isr.fitting.sampling import Samples, add_scribble_evidence, boundary_samples
from napari_isr.fitting.solvers import Step, sparse_gauss_newton
from napari_isr.fitting.tracking import BoxTrack, restrict_to_window, track_box
from napari_isr.fitting.tube_initialization import (
    extrapolate,
    fit_key_frame,
    motion_autocorrelation,
    transfer_to_frame,
)
from napari_isr.shapes.base import FitStage
from napari_isr.shapes.sparse_jacobian import SparseJacobianShape
from napari_isr.shapes.time_varying import TimeVaryingShape
from napari_isr.shapes.tube import Tube, TubeCrossSection

__all__ = ["START_CELLS", "FrameSet", "SequenceFit", "concatenate_samples", "to_sequence_samples"]

KEY_CELLS = 16384  # of the frame in which it unfolds first
GOAL_CELLS = 6144  # of all frames together, in which it unfolds
STEPS, STEPS_WARM = 10, 2  # of unfolding
MORE = 4  # times as many steps as alone, where all parameters hang together
LEAST = 240  # points of a frame
POINTS = 6400  # of all frames together
STILL = 0.02  # less of a frame's evidence explained than before: then nothing has to unfold there
GONE = -0.05  # evidence in a frame's shape, per typical frame: below, the object is not there
START_CELLS = 2048  # of a frame, in which the object is looked for


@dataclass(frozen=True)
class _Initialization:
    """The way of the object, where each frame's shape began, what it holds; who is trusted."""

    path: BoxTrack
    states: list[dict[str, Tensor]]
    sizes: list[float]
    trusted: list[int]


class FrameSet:
    """Frames with their evidence and strokes, and a moving shape that is held against them.

    Parameters
    ----------
    shape : TimeVaryingShape
        The shape.
    frames : sequence of (float, Evidence)
        Time (shape coordinate) and evidence of each frame, rising.
    strokes : Samples or None
        Further points of the sequence.
    """

    def __init__(
        self, shape: TimeVaryingShape, frames: list[tuple[float, Evidence]], strokes: Samples | None
    ) -> None:
        self.shape, self.frames, self.strokes = shape, frames, strokes
        self._coarse: list[DenseEvidence] | None = None

    def scribbles_of(self, time: float) -> Samples | None:
        """Return the scribbles of a frame in coordinates of the frame."""
        if self.strokes is None:
            return None
        times = [t for t, _ in self.frames]
        middle = [(a + b) / 2 for a, b in pairwise(times)]
        nearest = np.searchsorted(middle, self.strokes.points[:, 0].cpu().numpy())
        here = torch.from_numpy(np.flatnonzero(nearest == times.index(time)))
        if not len(here):
            return None
        here = here.to(self.strokes.points.device)
        return Samples(
            self.strokes.points[here, 1:], self.strokes.target[here], self.strokes.weight[here]
        )

    def coarse_grids(self) -> list[DenseEvidence]:
        """Evidence of each frame on a few cells, that of its strokes included."""
        if self._coarse is None:
            self._coarse = [self.grid(t, e, START_CELLS) for t, e in self.frames]
        return self._coarse

    def grid(self, time: float, evidence: Evidence, cells: int) -> DenseEvidence:
        """Evidence of a frame on about so many cells, that of its strokes included."""
        grid, drawn = evidence.coarsen(evidence.block_size_for(cells)), self.scribbles_of(time)
        return grid if drawn is None else add_scribble_evidence(grid, drawn)

    @torch.no_grad()
    def evidence_inside(self) -> list[float]:
        """Evidence inside the shape of each frame."""
        found = []
        for (time, _), grid in zip(self.frames, self.coarse_grids(), strict=True):
            logit = self.shape.load_at(time)(grid.points)
            found.append(float(grid.values.flatten() @ (logit > 0).to(logit)))
        return found

    def explained_per_frame(self, inside: list[float]) -> list[float]:
        """Evidence inside the shape of each frame, as part of all of it that is for the object."""
        total = [float(grid.values.clamp_min(0).sum()) for grid in self.coarse_grids()]
        return [x / max(t, 1e-30) for x, t in zip(inside, total, strict=True)]

    def explained_fraction(self, inside: list[float] | None = None) -> float:
        """Evidence inside the shape, as part of all that is for the object."""
        total = sum(float(grid.values.clamp_min(0).sum()) for grid in self.coarse_grids())
        there = [self.shape.is_present(time) for time, _ in self.frames]
        inside = self.evidence_inside() if inside is None else inside
        return sum(np.where(there, inside, 0.0)) / max(total, 1e-30)


class SequenceFit(FrameSet):
    """One fit of a moving shape to the evidence of some frames.

    Parameters
    ----------
    shape : TimeVaryingShape
        Improved in place.
    frames : sequence of (float, Evidence)
        Time (shape coordinate) and evidence of each frame, rising.
    strokes : Samples or None
        Further points of the sequence.
    """

    def __init__(
        self, shape: TimeVaryingShape, frames: list[tuple[float, Evidence]], strokes: Samples | None
    ) -> None:
        super().__init__(shape, frames, strokes)
        self._begun: _Initialization | None = None
        self._still: list[bool] = [False] * len(frames)

    def finish(self) -> None:
        """Store the presence of the object, and what the fit explains, for the next fit."""
        inside = self.update_presence()
        self.shape.explained_fraction, self.shape.held = (
            self.explained_fraction(inside),
            self.explained_per_frame(inside),
        )

    # ---------------------------------------------------------------------------- the start

    def initialize(self, warm: bool) -> bool:
        """Find a start, unless the shape fits; return whether it is a fresh one."""
        known = self.shape.explained_fraction
        if warm and known is not None:
            inside, before = self.evidence_inside(), self.shape.held
            if self.explained_fraction(inside) >= WARM_START_MIN_EXPLAINED * known:
                if before is not None and len(before) == len(inside):
                    pairs = zip(self.explained_per_frame(inside), before, strict=True)
                    self._still = [now >= then - STILL for now, then in pairs]
                return False
        grids = self.coarse_grids()
        path = track_box(grids)
        states, sizes = [], []
        for grid, place in zip(grids, path.places, strict=True):
            window = restrict_to_window(grid, place, path.side)
            found = self.shape.frame_shape.initial_states(window)[0]
            self.shape.frame_shape.load_state_dict(found)
            logit = self.shape.frame_shape(grid.points)
            sizes.append(float(grid.values.flatten() @ (logit > 0).to(logit)))
            states.append(found)
        typical = float(np.median([s for s in sizes if s > 0] or [1.0]))
        trusted = [k for k, size in enumerate(sizes) if size > 0.2 * typical]
        if not trusted:
            trusted = [int(np.argmax(sizes))]
        self._begun = _Initialization(path, states, sizes, trusted)
        self._set_off(states, trusted)
        return True

    def _set_off(self, states: list[dict[str, Tensor]], trusted: list[int]) -> None:
        self._set_controls_from_frames(states, trusted)
        self.shape.start = {k: v.detach().clone() for k, v in self.shape.state_dict().items()}
        self.update_presence()

    def propagate_key_frame(self) -> Iterator[float]:
        """Unfold the set of the clearest frame alone, and carry it to all; objective."""
        inner = self.shape.frame_shape
        begun = self._begun
        if begun is None or not isinstance(inner, TubeCrossSection):
            return
        path, states = begun.path, begun.states
        best = int(np.argmax(begun.sizes))
        time, evidence = self.frames[best]
        inner.load_state_dict(states[best])
        grid = restrict_to_window(
            self.grid(time, evidence, KEY_CELLS), path.places[best], path.side
        )
        yield from fit_key_frame(inner, evidence, grid, self.scribbles_of(time))
        key = {name: value.clone() for name, value in inner.state_dict().items()}
        self._set_off(
            [transfer_to_frame(inner, key, states[best], state) for state in states], begun.trusted
        )

    @torch.no_grad()
    def _set_controls_from_frames(
        self, states: list[dict[str, Tensor]], trusted: list[int]
    ) -> None:
        """Set the controls; between frames that can be trusted, those that lie between."""
        times = [self.frames[k][0] for k in trusted]
        inner = self.shape.frame_shape
        lasting = _extrapolation_damping([states[k] for k in trusted], times)
        for index, knot in enumerate(self.shape.knots.tolist()):
            after = int(np.searchsorted(times, knot))
            low, high = max(after - 1, 0), min(after, len(times) - 1)
            low_state, high_state = states[trusted[low]], states[trusted[high]]
            gap = times[high] - times[low]
            share = min(max((knot - times[low]) / gap, 0.0), 1.0) if gap > 0 else 0.0
            mixed = {
                name: torch.lerp(value, high_state[name], share)
                if value.is_floating_point()
                else value
                for name, value in low_state.items()
            }
            inner.load_state_dict(mixed)
            if isinstance(inner, TubeCrossSection) and len(trusted) > 1:
                end, next_ = (0, 1) if knot < times[0] else (-1, -2)
                away = abs(knot - times[end]) / abs(times[end] - times[next_])
                if not times[0] <= knot <= times[-1]:
                    steps = away * lasting[end]
                    extrapolate(inner, states[trusted[end]], states[trusted[next_]], steps)
            self.shape.set_control(index, inner)
        self.shape.scale.copy_(self.shape.get_buffer("of_scale").mean())

    # -------------------------------------------------------------------------- on the way

    def update_presence(self) -> list[float]:
        """Mark the frames that contain the object, and return the evidence inside each.

        Returns :meth:`inside`.
        """
        found = self.evidence_inside()
        inside = np.array(found)
        typical = float(np.median(inside[inside > 0])) if (inside > 0).any() else 1.0
        gain = inside / max(typical, 1e-30) - GONE
        there = _best_run(gain) if isinstance(self.shape, Tube) else gain > 0
        if not there.any():
            there[int(gain.argmax())] = True
        times = np.array([t for t, _ in self.frames])
        knots = self.shape.knots.tolist()
        nearest = [int(np.abs(times - knot).argmin()) for knot in knots]
        values = torch.tensor([1.0 if there[k] else -1.0 for k in nearest])
        self.shape.presence.copy_(values.to(self.shape.presence))
        return found

    def _there(self) -> list[tuple[float, Evidence]]:
        return [(t, e) for t, e in self.frames if self.shape.is_present(t)]

    def samples(self, detail: int = 1) -> Samples:
        """Sample points of all frames, dense near the boundary of each."""
        frames = self._there()
        budget = max(LEAST, POINTS // len(frames)) * detail
        parts = []
        for time, evidence in frames:
            found = boundary_samples(evidence, self.shape.load_at(time), budget)
            parts.append(to_sequence_samples(found, time))
        if self.strokes is not None:
            parts.append(self.strokes)
        return concatenate_samples(parts)

    def run(self, stage: FitStage) -> Iterator[Step]:
        """Run one stage of the fit."""
        self.set_sharpness(stage.sharpness)
        sparse = isinstance(self.shape.frame_shape, SparseJacobianShape)
        yield from sparse_gauss_newton(
            self.shape,
            self.samples(stage.oversampling),
            iterations=stage.iterations * (1 if sparse else MORE),
            damping=10.0 if sparse else 0.3,
        )

    def set_sharpness(self, sharpness: float) -> None:
        """Set the slope of the logit; steeper than a cell cannot be seen at the samples."""
        limit = MAX_LOGIT_SLOPE_PER_CELL * self.shape.scale / self.frames[0][1].cell_size
        self.shape.sharpness.copy_(torch.clamp(limit, min=2.0, max=sharpness))

    def fit_along_front(self, most: int) -> Iterator[Step]:
        """Bring deformed shapes near their goals, all frames in step; where they are near, stay."""
        if not isinstance(self.shape.frame_shape, SparseJacobianShape) or all(self._still):
            return
        frames = self._there()
        parts, ticks, cell = [], [], 0.0
        for (time, evidence), known, still in zip(
            self.frames, self.coarse_grids(), self._still, strict=True
        ):
            if not self.shape.is_present(time):
                continue
            if still:
                known = known.coarsen(2)
                stay = Samples.from_evidence(known.points, known.values.flatten())
                parts.append(to_sequence_samples(stay, time))
                ticks.append(torch.zeros(len(stay.points)))
                continue
            grid = self.grid(time, evidence, START_CELLS * 2)
            table = front_arrival_samples(self.shape.load_at(time), grid, GOAL_CELLS // len(frames))
            if table is None:
                continue
            parts.append(to_sequence_samples(table[0], time))
            ticks.append(torch.from_numpy(table[1]))
            cell = max(cell, table[2])
        if not cell:
            return
        samples, tick = concatenate_samples(parts), torch.cat(ticks)
        last = float(tick[tick.isfinite()].max())
        steps = min(most, int(np.ceil(last / FRONT_STEP_CELLS)))
        if steps < 2:
            return
        limit = 3 * self.shape.scale / cell
        self.shape.sharpness.copy_(torch.clamp(limit, min=2.0, max=FRONT_SHARPNESS))
        for step in range(1, steps + 1):
            due = (tick <= last * step / steps).to(samples.points.device)
            ripe = Samples(samples.points[due], samples.target[due], samples.weight[due])
            yield from sparse_gauss_newton(self.shape, ripe, iterations=2, tolerance=0.0)


def _extrapolation_damping(states: list[dict[str, Tensor]], times: list[float]) -> Tensor:
    """Return damping (2, 2) of motion and growth before the first and after the last state."""
    found = []
    for order in (slice(None, None, -1), slice(None)):
        when = torch.tensor(times[order], dtype=torch.float64)
        anchors = torch.stack([state["anchor"] for state in states[order]]).double().cpu()
        sizes = torch.stack([state["scale"] for state in states[order]]).double().cpu()
        found.append([motion_autocorrelation(x, when) for x in (anchors, sizes.log()[:, None])])
    return torch.tensor(found)


def _best_run(gain: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return the run of frames with the largest sum of gains."""
    total = np.concatenate([[0.0], np.cumsum(gain)])
    best = max(
        ((i, j) for i in range(len(gain)) for j in range(i + 1, len(gain) + 1)),
        key=lambda ends: (total[ends[1]] - total[ends[0]], ends[1] - ends[0]),
    )
    there = np.zeros(len(gain), bool)
    there[best[0] : best[1]] = True
    return there


def to_sequence_samples(samples: Samples, time: float) -> Samples:
    """Return the samples of a frame as samples of the sequence."""
    when = torch.full_like(samples.points[:, :1], time)
    return Samples(torch.cat([when, samples.points], dim=1), samples.target, samples.weight)


def concatenate_samples(parts: list[Samples]) -> Samples:
    """Concatenate samples."""
    return Samples(
        torch.cat([p.points for p in parts]),
        torch.cat([p.target for p in parts]),
        torch.cat([p.weight for p in parts]),
    )
