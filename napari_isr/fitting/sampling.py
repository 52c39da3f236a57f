"""Few points that stand for many pixels: large cells, split where the boundary runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_isr.evidence import Evidence
from napari_isr.shapes.base import Shape

__all__ = ["Samples", "boundary_samples"]


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
        """Points whose target is the sign of the evidence and whose weight is its size."""
        return cls(points, (evidence > 0).to(evidence.dtype), evidence.abs())

    def __add__(self, other: Samples) -> Samples:
        """Both sets of points."""
        return Samples(
            torch.cat([self.points, other.points]),
            torch.cat([self.target, other.target]),
            torch.cat([self.weight, other.weight]),
        )

    def to(self, device: torch.device) -> Samples:
        """The same on another device."""
        return Samples(self.points.to(device), self.target.to(device), self.weight.to(device))

    def objective(self, logit: Tensor) -> Tensor:
        """Weighted squared error of the sigmoid, eq. 1 of the source: a scalar."""
        return self.weight @ (torch.sigmoid(logit) - self.target).square()

    def evidence_inside(self, logit: Tensor) -> float:
        """Sum of the evidence (foreground minus background weight) where the logit is positive."""
        return float(self.weight @ ((2 * self.target - 1) * (logit > 0)))


def boundary_samples(evidence: Evidence, shape: Shape, budget: int) -> Samples:
    """Samples that are fine where the shape's boundary runs, coarse elsewhere.

    Half of the budget covers the grid evenly. Cells that the boundary may cross are replaced by
    their children, as fine as the other half allows. That balances the classes too: about half
    of the children lie inside, however small the object.

    Parameters
    ----------
    evidence : Evidence
        Evidence for and against the object.
    shape : Shape
        The current shape.
    budget : int
        About how many points to return.

    Returns
    -------
    Samples
    """
    block = evidence.block_for(budget // 2)
    coarse = evidence.coarsen(block)
    with torch.no_grad():
        logit = shape(coarse.points).view_as(coarse.values)
    band = _crossed(logit)
    count, child = int(band.sum()), 1
    while child < block and count * (block // child) ** evidence.ndim > budget:
        child *= 2
    if child == block:
        return Samples.from_evidence(coarse.points, coarse.values.flatten())
    kept = ~band.flatten()
    away = Samples.from_evidence(coarse.points[kept], coarse.values.flatten()[kept])
    index = _children(band, block // child)
    stop = torch.tensor([-(-n // child) for n in evidence.sizes], device=index.device)
    points, values = evidence.cells(child, index[(index < stop).all(1)])
    return away + Samples.from_evidence(points, values)


def _children(chosen: Tensor, ratio: int) -> Tensor:
    """Indices (m, d) of the children of the chosen cells, ``ratio`` of them along each axis."""
    step = torch.arange(ratio, device=chosen.device)
    offsets = torch.cartesian_prod(*[step] * chosen.ndim)
    return (chosen.nonzero()[:, None] * ratio + offsets).flatten(0, 1)


def _crossed(logit: Tensor, reach: float = 1.5) -> Tensor:
    """Cells that the zero level may cross.

    A logit whose size is below ``reach`` times its change to a neighbour is zero within about
    that many cells, by linear interpolation.
    """
    change = torch.zeros_like(logit)
    for dim in range(logit.ndim):
        size = logit.shape[dim]
        if size > 1:
            step = logit.diff(dim=dim).abs()
            for start in (0, 1):
                part = change.narrow(dim, start, size - 1)
                torch.maximum(part, step, out=part)
    return logit.abs() <= reach * change
