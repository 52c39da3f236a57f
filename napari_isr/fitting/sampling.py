"""Sample points of fits: large cells, refined at the boundary, and scribbles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit
from napari_isr.scribbles import BACKGROUND, Scribbles
from napari_isr.shapes.base import Shape

__all__ = [
    "Samples",
    "add_scribble_evidence",
    "boundary_samples",
    "stroke_samples",
    "violated_scribbles",
]

EVEN = {False: 3, True: 32}  # one in so many samples covers the image evenly; fine or not
SPLITS = (4, 2)  # children per axis, if they fit into the budget
SOFT = 1.0  # logits around the boundary that are looked at closely too
REACH = 0.6  # of a cell that the boundary may lie beyond its centre; 0.5 if the logit were linear
TOLERATED = 1.25  # of the budget, if one more split fits into it
STROKE_SAMPLE = 200  # stroke pixels of each class that a shape sees
STROKE_WEIGHT = 50.0  # pixels that one stroke pixel counts for
QUICK_LOOK = 2000  # stroke pixels that are looked at first, to see whether any is not honoured


@dataclass(frozen=True)
class Samples:
    """Points with what they should be and how much each counts.

    Parameters
    ----------
    points : (n, d) tensor
        Shape coordinates.
    target : (n,) tensor
        1 for foreground, 0 for background.
    weight : (n,) tensor
        Non-negative importance.
    """

    points: Tensor
    target: Tensor
    weight: Tensor

    @classmethod
    def from_evidence(cls, points: Tensor, evidence: Tensor) -> Samples:
        """Make samples whose targets are the signs and whose weights are the sizes of evidence."""
        return cls(points, (evidence > 0).to(evidence.dtype), evidence.abs())

    def __add__(self, other: Samples) -> Samples:
        """Both sets of points."""
        return Samples(
            torch.cat([self.points, other.points]),
            torch.cat([self.target, other.target]),
            torch.cat([self.weight, other.weight]),
        )

    def with_weight_factor(self, factor: float) -> Samples:
        """Multiply the weights by ``factor``."""
        return Samples(self.points, self.target, self.weight * factor)

    def to(self, device: torch.device) -> Samples:
        """Copy the samples to another device."""
        return Samples(self.points.to(device), self.target.to(device), self.weight.to(device))

    def objective(self, logit: Tensor) -> Tensor:
        """Weighted squared error of the sigmoid, eq. 1 of the source: a scalar."""
        return self.weight @ (torch.sigmoid(logit) - self.target).square()

    def evidence_inside(self, logit: Tensor) -> float:
        """Sum of the evidence (foreground minus background weight) where the logit is positive."""
        return float(self.weight @ ((2 * self.target - 1) * (logit > 0)))


def boundary_samples(evidence: Evidence, shape: Shape, budget: int, fine: bool = False) -> Samples:
    """Sample finely where the shape's boundary runs, coarsely elsewhere.

    A part of the budget covers the image evenly. Cells that the boundary may cross are split,
    and those of their children that it may cross again, down to single pixels or to the end of
    the budget. That balances the classes too: about half of the small cells lie inside, however
    small the object.

    Parameters
    ----------
    evidence : Evidence
        Evidence for and against the object.
    shape : Shape
        The current shape.
    budget : int
        About how many points to return.
    fine : bool, optional
        Nearly all of them at the boundary, few for the rest of the image.

    Returns
    -------
    Samples
    """
    block = evidence.block_size_for(budget // EVEN[fine])
    coarse = evidence.coarsen(block)
    with torch.no_grad():
        logit = shape(coarse.points).view_as(coarse.values)
    near = _crossed(
        shape, coarse.points, logit.flatten(), _changes(logit), block * evidence.cell_size
    )
    cells = _Cells(coarse.points, coarse.values.flatten(), near)
    index = near.view_as(logit).nonzero()
    kept, total = [], near.numel()
    while block > 1:
        rest = budget * TOLERATED - total
        children = {r: math.prod(_ratios(evidence, block, r)) for r in SPLITS if r <= block}
        fitting = [r for r, count in children.items() if len(index) * count <= rest]
        if not len(index) or not fitting:
            break
        child = block // fitting[0]
        total += len(index) * children[fitting[0]]
        kept.append(cells.chosen(~cells.crossed))
        cells, index = _split(index, evidence, shape, block, child)
        block = child
    kept.append((cells.points, cells.values))
    points, values = zip(*kept, strict=True)
    return Samples.from_evidence(torch.cat(points), torch.cat(values))


@dataclass(frozen=True)
class _Cells:
    """Cells of one size: centres, evidence, whether the boundary may cross them."""

    points: Tensor
    values: Tensor
    crossed: Tensor

    def chosen(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Centres and evidence of some."""
        index = mask.nonzero()[:, 0]  # once for both: much quicker than by the mask
        return self.points.index_select(0, index), self.values.index_select(0, index)


def _split(
    parents: Tensor, evidence: Evidence, shape: Shape, block: int, child: int
) -> tuple[_Cells, Tensor]:
    """Children of cells of the given indices (n, d), and indices of those that are crossed."""
    ratios = _ratios(evidence, block, block // child)
    counts = [torch.arange(r, device=parents.device) for r in ratios]
    offsets = torch.cartesian_prod(*counts)
    index = (parents[:, None] * torch.tensor(ratios, device=parents.device) + offsets).flatten(0, 1)
    ragged = any(
        n % side for n, side in zip(evidence.shape, evidence.block_shape(block), strict=True)
    )
    ends = zip(evidence.shape, evidence.block_shape(child), strict=True)
    stop = torch.tensor([-(-n // side) for n, side in ends], device=index.device)
    points, values = evidence.cell_evidence(
        child, torch.minimum(index, stop - 1) if ragged else index
    )
    with torch.no_grad():
        logit = shape(points)
    # How the logit changes is seen within each parent.
    inner = logit.view(-1, *ratios)
    split = [d for d, ratio in enumerate(ratios, start=1) if ratio > 1]
    changes = [inner.diff(dim=d).abs_().flatten(1).amax(1) for d in split]
    # Along an axis that is not split it changes about as much.
    reach = sum(changes[1:], start=changes[0]) * (len(ratios) / len(split))
    reach = reach.repeat_interleave(len(offsets))
    crossed = _crossed(shape, points, logit, reach, child * evidence.cell_size)
    if ragged:  # some of the children lie beyond the end
        exists = (index < stop).all(1)
        index, points, values = index[exists], points[exists], values[exists]
        crossed = crossed[exists]
    return _Cells(points, values, crossed), index.index_select(0, crossed.nonzero()[:, 0])


def _ratios(evidence: Evidence, block: int, ratio: int) -> list[int]:
    """Children along each axis of blocks that are split by a ratio."""
    sides = zip(evidence.block_shape(block), evidence.block_shape(block // ratio), strict=True)
    return [parent // child for parent, child in sides]


def _crossed(shape: Shape, points: Tensor, logit: Tensor, change: Tensor, side: float) -> Tensor:
    """Return a mask of cells that the soft zone around the zero level may intersect.

    ``change`` is by how much the logit differs between neighbours, summed over the axes. Cells
    larger than the details that the shape may have there are crossed too.
    """
    crossed = logit.abs() <= SOFT + REACH * change
    detail = shape.feature_size(points)
    return crossed if detail is None else crossed | (side > detail)


def _changes(logit: Tensor) -> Tensor:
    """Largest change (n,) of the logit to a neighbour on a grid, summed over the axes."""
    total = torch.zeros_like(logit)
    for dim, size in enumerate(logit.shape):
        if size > 1:
            step = logit.diff(dim=dim).abs()
            ends = [step.narrow(dim, 0, 1), step, step.narrow(dim, size - 2, 1)]
            wide = torch.cat(ends, dim=dim)
            total += torch.maximum(wide.narrow(dim, 0, size), wide.narrow(dim, 1, size))
    return total.flatten()


def add_scribble_evidence(grid: DenseEvidence, strokes: Samples) -> DenseEvidence:
    """Add the weight of scribbles to the cells of a grid."""
    index: list[Tensor | None] = []
    for axis, x in zip(grid.axes, strokes.points.T, strict=True):
        middles = (axis[1:] + axis[:-1]) / 2
        index.append(torch.bucketize(x.contiguous(), middles))
    evidence = strokes.weight * (2 * strokes.target - 1)
    return DenseEvidence(grid.values.index_put(index, evidence, accumulate=True), grid.axes)


def stroke_samples(strokes: Scribbles, label: int, frame: ImageGeometry) -> Samples:
    """Make samples of one object from scribbles, weighted above single pixels.

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
