"""Preview of contours from the previous run after a new stroke."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_isr.cancellation import check_cancelled
from napari_isr.evidence import LazyEvidence, coarse_axes, signed_evidence
from napari_isr.features.cell_grid import GridField
from napari_isr.features.edge_refinement import ROUNDS, STEPS, DualVariables, EdgeRefiner
from napari_isr.features.scribble_proximity import ScribbleProximity
from napari_isr.fitting.projection import iter_project_shape
from napari_isr.fitting.sampling import boundary_samples, stroke_samples, violated_scribbles
from napari_isr.fitting.solvers import minimize
from napari_isr.geometry.image import meshgrid_points
from napari_isr.rendering.rasterize import grid_contours, trace_contours
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.predicted_unaries import object_probability
from napari_isr.segmentation.shape_stage import PREVIEW_CELLS, FittedShape
from napari_isr.segmentation.update import Contours, Update

__all__ = ["ContourPreview"]

QUICK_STEPS = 12  # of the cut, from where it ended before the stroke
ITERATIONS, TOLERANCE = 3, 1e-2  # of a shape's fit
STILL, LARGE_EVIDENCE_CHANGE = (
    3e-4,
    0.05,
)  # changes of the evidence: of nothing, and beyond a few steps


@dataclass(frozen=True)
class _PreviewState:
    """State of a finished run: log-odds of the objects on fine and coarse cells."""

    classes: tuple[int, ...]
    answer: GridField  # log-odds of the objects against the background
    base: npt.NDArray[np.float32]  # those at the base points (n, objects)
    believed: Tensor  # the probabilities there (n, classes)
    odds: npt.NDArray[np.float32]  # on coarse cells, before boundaries are moved to edges
    settled: npt.NDArray[np.float32]  # afterwards
    flows: DualVariables  # the cut's dual variables there
    near: npt.NDArray[np.float32]  # what the distances to the strokes say there
    still: npt.NDArray[np.float32]  # what a sketch makes of it without a new stroke
    weight: Callable[[bool], float]  # of foreground in the evidence


class ContourPreview:
    """Outlines that follow new strokes at once, from what the last run believed.

    What takes long in a run is left as it was: the predictor and the random walk from the strokes.
    Renewed are the distances to the strokes, the classes' colours and the boundaries at edges, on
    coarse cells and from where they were. By as much as that changes there, the answer of the last
    run is changed; and to that the shapes are fitted: with few steps from where they are, or as in
    a run where much changed. A shape that honours all strokes and whose evidence did not change
    stays where it is.

    Nothing of it is kept: the whole answer, which follows, is the same as without a sketch.

    Parameters
    ----------
    edges : EdgeRefiner
        Of the image, a plane.
    nearness : ScribbleProximity or None
        To the strokes, if that counts.
    device : torch.device
        Where the shapes live.
    """

    def __init__(
        self, edges: EdgeRefiner, nearness: ScribbleProximity | None, device: torch.device
    ) -> None:
        self.edges, self.nearness = edges, nearness
        self.frame, self.device = edges.frame, device
        self._axes = coarse_axes(self.frame)
        self._points = meshgrid_points(self._axes)
        self._ground: _PreviewState | None = None

    def update(self, unaries: ObjectUnaries, strokes: Scribbles) -> None:
        """Take up what a run believed; it is quick, but best done while nobody waits.

        Stopped halfway, what was known stays: older, but good enough to start from.

        Parameters
        ----------
        unaries : ObjectUnaries
            Of the run. There is nothing to start from where they know no edges.
        strokes : Scribbles
            Of the run.
        """
        learned = unaries.learned
        odds, settled = (
            (learned.coarse_log_odds, learned.edge_refined) if learned is not None else (None, None)
        )
        if unaries.given or learned is None or odds is None or not isinstance(settled, GridField):
            self._ground = None
            return
        answer = GridField(settled.values[..., 1:], self.frame)
        cut, seeds = self.edges.coarse_cut, self._seeds(strokes, unaries.classes)
        flows = cut.zero_duals(len(odds))
        rough = cut.refine(odds, seeds, flows, odds, ROUNDS, STEPS)
        still = cut.refine(odds, seeds, [f.copy() for f in flows], rough, 1, QUICK_STEPS)
        base = answer.at(self._points)
        near = self._near(strokes, unaries.classes)
        parts = (
            answer,
            base,
            _table(base),
            odds,
            rough,
            flows,
            near,
            still,
            learned.foreground_weight,
        )
        self._ground = _PreviewState(unaries.classes, *parts)

    def iter_contours(
        self, strokes: Scribbles, shapes: Mapping[int, FittedShape]
    ) -> Iterator[Update]:
        """Outlines of one object after the other; none if the last run was of other objects.

        Parameters
        ----------
        strokes : Scribbles
            All, the new ones included.
        shapes : mapping of int to FittedShape
            The shape of each object; afterwards they are as before.
        """
        ground = self._ground
        if ground is None or tuple(shapes) != ground.classes[1:]:
            return
        change = self._change(ground, strokes)
        base = _table(ground.base + change.at(self._points))
        sizes = [len(axis) for axis in self._axes]
        for index, (label, fitted) in enumerate(shapes.items(), start=1):
            check_cancelled()
            probability = base[:, index].unflatten(0, sizes).numpy()
            raw = grid_contours(probability - 0.5, self._axes, self.frame)
            outline = None
            if fitted.shape is not None:
                weight = ground.weight(fitted.shape.fills_occlusions)
                old, new = (object_probability(table, index) for table in (ground.believed, base))
                known = new.unflatten(0, sizes)
                evidence = self._evidence(ground.answer, change, index, known, weight)
                moved = _change(*(signed_evidence(p, weight) for p in (old, new)))
                outline = self._outline(fitted, moved, evidence, strokes, label)
            yield Update("features", 0.0, label, predictor_contours=raw, contours=outline)

    def _seeds(self, strokes: Scribbles, classes: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Classes (h, w) of the coarse cells with strokes."""
        cells, every = self.edges.coarse, np.searchsorted(classes, strokes.labels)
        return cells.label_cells(strokes.points, every, len(classes)).reshape(cells.sizes)

    def _near(self, strokes: Scribbles, classes: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Log-odds (objects, h, w) of the distances to strokes; 0 where they do not count."""
        sizes = self.edges.coarse.sizes
        if self.nearness is None or self.nearness.cells.sizes != sizes:
            return np.zeros((len(classes) - 1, *sizes), np.float32)
        every = np.searchsorted(classes, strokes.labels)
        logs = self.nearness.geodesic_log_probabilities(strokes.points, every, len(classes))
        return (logs[:, 1:] - logs[:, :1]).T.reshape(-1, *sizes).astype(np.float32)

    def _change(self, ground: _PreviewState, strokes: Scribbles) -> GridField:
        """Return the change of log-odds that scribbles cause."""
        flows = [flow.copy() for flow in ground.flows]
        seeds = self._seeds(strokes, ground.classes)
        odds = ground.odds + self._near(strokes, ground.classes) - ground.near
        cut = self.edges.coarse_cut
        now = cut.refine(odds, seeds, flows, ground.settled, 1, QUICK_STEPS)
        return GridField(np.moveaxis(now - ground.still, 0, -1), self.frame)

    def _evidence(
        self, answer: GridField, change: GridField, index: int, base: Tensor, weight: float
    ) -> LazyEvidence:
        """Evidence of an object; its probabilities (n1, n2) at the base points are known."""

        def probability(points: Tensor) -> Tensor:
            where = points.cpu().numpy()
            return object_probability(_table(answer.at(where) + change.at(where)), index).to(
                self.device
            )

        return LazyEvidence(probability, self.frame, base.to(self.device), weight)

    def _outline(
        self,
        fitted: FittedShape,
        change: float,
        evidence: LazyEvidence,
        strokes: Scribbles,
        label: int,
    ) -> Contours:
        """Outline of a shape after few steps towards changed evidence, if it is not there yet."""
        shape = fitted.shape
        assert shape is not None
        there = change < STILL and violated_scribbles(shape, strokes, label, self.frame) is None
        if there and fitted.outline is not None:
            return fitted.outline
        start = {name: value.clone() for name, value in shape.state_dict().items()}
        explained = shape.explained_fraction
        told = stroke_samples(strokes, label, self.frame).to(self.device)
        try:
            if change > LARGE_EVIDENCE_CHANGE:
                for _ in iter_project_shape(shape, evidence, strokes=told, warm=True, fine=False):
                    check_cancelled()
            else:
                samples = boundary_samples(evidence, shape, shape.sample_budget) + told
                for _ in minimize(shape, samples, iterations=ITERATIONS, tolerance=TOLERANCE):
                    check_cancelled()
            return trace_contours(
                lambda points: self._logit(shape, points), self.frame, PREVIEW_CELLS
            )
        finally:
            shape.load_state_dict(start)
            shape.explained_fraction = explained

    @torch.no_grad()
    def _logit(self, shape: nn.Module, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Logit (n,) at pixel coordinates (n, 2): to look at, so single precision will do."""
        where = torch.from_numpy(self.frame.to_normalized(points)).float().to(self.device)
        values: npt.NDArray[np.float64] = shape(where).cpu().double().numpy()
        return values


def _table(odds: npt.NDArray[np.float32]) -> Tensor:
    """Return probabilities (n, classes) from log-odds (n, objects) against the background."""
    return torch.from_numpy(np.pad(odds, ((0, 0), (1, 0)))).softmax(1)


def _change(old: Tensor, new: Tensor) -> float:
    """Return the relative change of the evidence (n,) of an object."""
    return float((new - old).abs().sum() / old.abs().sum().clamp_min(1e-30))
