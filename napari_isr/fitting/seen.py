"""What is known of the frames that a moving shape is fitted to, and what it explains of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.fitting.sampling import Samples, add_scribble_evidence
from napari_isr.shapes.time_varying import TimeVaryingShape

__all__ = ["START_CELLS", "FrameSet", "concatenate_samples", "to_sequence_samples"]

START_CELLS = 2048  # of a frame, in which the object is looked for


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
        """The strokes of a frame, in coordinates of the frame."""
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


def to_sequence_samples(samples: Samples, time: float) -> Samples:
    """Samples of a frame as those of the sequence."""
    when = torch.full_like(samples.points[:, :1], time)
    return Samples(torch.cat([when, samples.points], dim=1), samples.target, samples.weight)


def concatenate_samples(parts: list[Samples]) -> Samples:
    """All samples together."""
    return Samples(
        torch.cat([p.points for p in parts]),
        torch.cat([p.target for p in parts]),
        torch.cat([p.weight for p in parts]),
    )
