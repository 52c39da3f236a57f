"""The ellipsoid that explains the most evidence: where shapes start from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_isr.evidence import DenseEvidence

__all__ = ["Ellipsoid", "fit_ellipsoid", "unit_directions"]

GROWTH = 1.3  # ratio of successive box sides, and how far beyond itself an ellipsoid looks


@dataclass(frozen=True)
class Ellipsoid:
    """``{center + radii @ u : |u| <= 1}`` and how much evidence it holds.

    Parameters
    ----------
    center : (d,) tensor
        Shape coordinates.
    radii : (d, d) tensor
        Symmetric, positive definite.
    evidence : float
        Sum of the evidence inside.
    """

    center: Tensor
    radii: Tensor
    evidence: float

    @property
    def size(self) -> Tensor:
        """Geometric mean of the half axes."""
        volume: Tensor = torch.linalg.det(self.radii)
        return volume.pow(1 / len(self.center))


def fit_ellipsoid(grid: DenseEvidence, rounds: int = 4) -> Ellipsoid:
    """Ellipsoid with about the most evidence inside.

    The best cube over all places and a series of sizes is found exactly by summed-area tables,
    so that noise or a second object far away has no pull. Then moments of the foreground nearby
    and the best radius, found exactly by sorting, take turns.

    Parameters
    ----------
    grid : DenseEvidence
        The evidence.
    rounds : int, optional
        How often.

    Returns
    -------
    Ellipsoid
    """
    points, evidence = grid.points, grid.values.flatten()
    center, sides = _best_cube(grid)
    radii = torch.diag(sides / 2 * GROWTH)
    best = Ellipsoid(center, radii, -math.inf)
    for _ in range(rounds):
        distance = (torch.linalg.inv(radii) @ (points - center).T).square_().sum(0).sqrt_()
        order = distance.argsort()
        value, last = evidence[order].cumsum(0).max(0)
        radius = distance[order[last]].clamp(0.3, 3.0)
        radii = radii * radius
        if float(value) > best.evidence:
            best = Ellipsoid(center, radii, float(value))
        near = (distance < GROWTH * radius) & (evidence > 0)
        center, radii = _moments(points, evidence * near, floor=grid.cell_size / 2)
    return best


def _moments(points: Tensor, mass: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Center and radii of the uniform ellipsoid with the moments of the mass."""
    mass = torch.where(mass.sum() > 0, mass, torch.ones_like(mass))
    mass = mass / mass.sum()
    center = mass @ points
    offset = points - center
    values, vectors = torch.linalg.eigh((offset.T * mass) @ offset)
    radii = (values.clamp_min(0) * (points.shape[1] + 2)).sqrt()
    # A line or a single point of foreground must still give a set with an inside.
    radii = torch.maximum(radii, (0.05 * radii[-1:]).clamp_min(floor))
    return center, (vectors * radii) @ vectors.T


def _best_cube(grid: DenseEvidence) -> tuple[Tensor, Tensor]:
    """Center (d,) and sides (d,) of the cube of cells with the most evidence."""
    table = grid.values
    for dim in range(grid.ndim):
        table = table.cumsum(dim)
    table = F.pad(table, (1, 0) * grid.ndim)
    best, place = -math.inf, ([0] * grid.ndim, list(grid.values.shape))
    side, tried = 1.0, set[int]()
    while side < GROWTH * max(grid.values.shape):
        if round(side) not in tried:
            tried.add(round(side))
            counts = [min(round(side), n) for n in grid.values.shape]
            sums = table
            for dim, count in enumerate(counts):
                size = sums.shape[dim] - count
                sums = sums.narrow(dim, count, size) - sums.narrow(dim, 0, size)
            value, index = sums.flatten().max(0)
            if float(value) > best:
                # torch.unravel_index would load a computer algebra system for this.
                corner = [int(i) for i in np.unravel_index(int(index), tuple(sums.shape))]
                best, place = float(value), (corner, counts)
        side *= GROWTH
    members = [a[i : i + n] for a, i, n in zip(grid.axes, *place, strict=True)]
    center = torch.stack([m.mean() for m in members])
    return center, torch.stack([m[-1] - m[0] + grid.cell_size for m in members])


def unit_directions(count: int, ndim: int, like: Tensor) -> Tensor:
    """Unit vectors (count, ndim), evenly spread, the same at every call.

    Circle: equal angles. Higher: normal quantiles of a low-discrepancy sequence (the fractional
    parts of multiples of powers of the generalised golden ratio), scaled to length 1.

    Parameters
    ----------
    count, ndim : int
        How many vectors, of how many coordinates.
    like : tensor
        Gives device and dtype.

    Returns
    -------
    (count, ndim) tensor
    """
    index = torch.arange(count, device=like.device, dtype=torch.float64)
    if ndim == 2:
        angle = index * (2 * math.pi / count)
        return torch.stack([angle.cos(), angle.sin()], dim=1).to(like.dtype)
    ratio = 2.0
    for _ in range(64):  # the root of x**(ndim + 1) = x + 1
        ratio = (1 + ratio) ** (1 / (ndim + 1))
    columns = [(0.5 + (index + 1) * ratio ** -(k + 1)) % 1 for k in range(ndim)]
    normal = torch.special.ndtri(torch.stack(columns, dim=1).clamp(1e-6, 1 - 1e-6))
    return F.normalize(normal, dim=1).to(like.dtype)
