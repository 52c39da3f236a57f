"""Ellipsoid that explains the most evidence, from which fits start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_isr.evidence import DenseEvidence

__all__ = ["Ellipsoid", "fit_ellipsoid", "unit_directions"]

# Ratio of successive cube sides, and of the moments' neighborhood to the ellipsoid.
GROWTH = 1.3
# Limits of a radius relative to the current ellipsoid.
MIN_RADIUS_RATIO, MAX_RADIUS_RATIO = 0.3, 3.0
# Smallest ratio of half axes.
MIN_AXIS_RATIO = 0.05


@dataclass(frozen=True)
class Ellipsoid:
    """``{center + radii @ u : |u| <= 1}`` and the evidence inside.

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
    """Find the ellipsoid with about the most evidence inside.

    Summed-area tables find the best cube over all positions and a series of sizes exactly, so that
    noise or a distant second object has no influence. Then two steps alternate: moments of the
    foreground nearby, and the best radius, which sorting finds exactly.

    Parameters
    ----------
    grid : DenseEvidence
        The evidence.
    rounds : int, optional
        Number of alternations.

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
        radius = distance[order[last]].clamp(MIN_RADIUS_RATIO, MAX_RADIUS_RATIO)
        radii = radii * radius
        if float(value) > best.evidence:
            best = Ellipsoid(center, radii, float(value))
        near = (distance < GROWTH * radius) & (evidence > 0)
        center, radii = _moments(points, evidence * near, floor=grid.cell_size / 2)
    return best


def _moments(points: Tensor, mass: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Return center and radii of the uniform ellipsoid with the moments of a mass (n,)."""
    mass = torch.where(mass.sum() > 0, mass, torch.ones_like(mass))
    mass = mass / mass.sum()
    center = mass @ points
    offset = points - center
    values, vectors = torch.linalg.eigh((offset.T * mass) @ offset)
    radii = (values.clamp_min(0) * (points.shape[1] + 2)).sqrt()
    # A line or a single point of foreground must also give a set with an interior.
    radii = torch.maximum(radii, (MIN_AXIS_RATIO * radii[-1:]).clamp_min(floor))
    return center, (vectors * radii) @ vectors.T


def _best_cube(grid: DenseEvidence) -> tuple[Tensor, Tensor]:
    """Return center (d,) and sides (d,) of the cube of cells with the most evidence."""
    table = grid.values
    for dim in range(grid.ndim):
        table = table.cumsum(dim)
    table = F.pad(table, (1, 0) * grid.ndim)
    best, found = -math.inf, ([0] * grid.ndim, list(grid.values.shape))
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
                # torch.unravel_index would import sympy.
                corner = [int(i) for i in np.unravel_index(int(index), tuple(sums.shape))]
                best, found = float(value), (corner, counts)
        side *= GROWTH
    members = [a[i : i + n] for a, i, n in zip(grid.axes, *found, strict=True)]
    center = torch.stack([m.mean() for m in members])
    return center, torch.stack([m[-1] - m[0] + grid.cell_size for m in members])


def unit_directions(count: int, ndim: int, like: Tensor) -> Tensor:
    """Return evenly spread unit vectors (count, ndim), the same at every call.

    On the circle they have equal angles. In more dimensions they are normalized normal quantiles of
    a low-discrepancy sequence: the fractional parts of multiples of powers of the generalized
    golden ratio.

    Parameters
    ----------
    count, ndim : int
        Number of vectors and of coordinates.
    like : tensor
        Device and dtype of the result.

    Returns
    -------
    (count, ndim) tensor
    """
    index = torch.arange(count, device=like.device, dtype=torch.float64)
    if ndim == 2:
        angle = index * (2 * math.pi / count)
        return torch.stack([angle.cos(), angle.sin()], dim=1).to(like.dtype)
    ratio = 2.0
    # The generalized golden ratio is the root of x**(ndim + 1) = x + 1.
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (ndim + 1))
    columns = [(0.5 + (index + 1) * ratio ** -(k + 1)) % 1 for k in range(ndim)]
    normal = torch.special.ndtri(torch.stack(columns, dim=1).clamp(1e-6, 1 - 1e-6))
    return F.normalize(normal, dim=1).to(like.dtype)
