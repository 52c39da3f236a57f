"""Initial centers, axes and orders of symmetric shapes, which explain the most evidence.

Evidence is summed in polar bins about candidate centers. A symmetry maps the bins onto each other.
The best symmetric set of bins has a closed form: the bins with a positive sum over the symmetry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from napari_isr.evidence import DenseEvidence
from napari_isr.shapes.ellipsoid import Ellipsoid, fit_ellipsoid, unit_directions

__all__ = [
    "average_over_reflections",
    "average_over_rotations",
    "best_bin_sum",
    "candidate_orders",
    "coarsen_if_large",
    "n_sectors_for",
    "polar_histogram",
    "search_centers",
    "search_mirror_axes",
    "search_mirror_planes",
    "search_rotation_order",
    "sum_over_leading_axes",
]

# Cells of the evidence on which candidate centers are scored.
SEARCH_CELLS = 1024
# Rings that a cell may span before cells are split.
MAX_RINGS_PER_CELL = 3
# Cells along the reach of a table after cells are split.
MIN_CELLS_PER_REACH = 24
# Candidate centers along each axis, refinements of their grid, and its initial half side in radii.
GRID_CENTERS, GRID_ROUNDS, GRID_REACH = 5, 2, 0.6
# Penalty of candidates far from the middle of the grid, for candidates that score equally.
TIE_PENALTY = 1e-3
# Candidate angles of a mirror axis, normals of a mirror plane, and its shifts in object radii.
N_AXES, N_PLANE_NORMALS, PLANE_SHIFTS = 36, 32, (-0.2, 0.0, 0.2)
# Orders from which "auto" chooses.
AUTO_ORDERS = range(2, 9)
# Fraction of the best score that a higher order needs: all sets of order 6 are also of order 3.
HIGHER_ORDER_SCORE = 0.96

Score = Callable[[Tensor], Tensor]
"""Function of polar tables (..., sectors, rings): the evidence (...) of the best set of bins."""


def polar_histogram(
    grid: DenseEvidence, centers: Tensor, reach: Tensor, sectors: int, rings: int
) -> Tensor:
    """Sum evidence in polar bins about each of several centers.

    Parameters
    ----------
    grid : DenseEvidence
        The evidence.
    centers : (m, d) tensor
        Candidate centers. In more than two dimensions, sectors are the cells of
        :func:`~napari_isr.shapes.ellipsoid.unit_directions`.
    reach : scalar tensor
        Radius of the outermost ring. Evidence beyond it is left out.
    sectors, rings : int
        Numbers of bins. Sector 0 is centered at angle 0.

    Returns
    -------
    (m, sectors, rings) tensor
    """
    grid = refine_cells_near(grid, centers, reach, rings)
    # One coordinate at a time, and an extra ring for all cells beyond the reach, are faster.
    offsets = [x - c[:, None] for x, c in zip(grid.points.T, centers.T, strict=True)]
    squares = [offset.square() for offset in offsets]
    radius = sum(squares[1:], start=squares[0]).sqrt_()
    ring = (radius * (rings / reach)).clamp_max_(rings).int()
    if grid.ndim == 2:
        angle = torch.atan2(*offsets)
        sector = (angle * (sectors / (2 * math.pi))).round_().int().remainder_(sectors)
    else:
        sector = torch.stack(offsets, dim=2) @ unit_directions(sectors, grid.ndim, like=centers).T
        sector = sector.argmax(2).int()
    table = torch.arange(len(centers), device=centers.device, dtype=torch.int32)[:, None]
    index = (table * sectors + sector) * (rings + 1) + ring
    values = grid.values.flatten().expand(len(centers), -1).flatten()
    flat = values.new_zeros(len(centers) * sectors * (rings + 1))
    flat.index_add_(0, index.flatten(), values)
    return flat.view(len(centers), sectors, rings + 1)[..., :-1]


def refine_cells_near(
    grid: DenseEvidence, centers: Tensor, reach: Tensor, rings: int
) -> DenseEvidence:
    """Split the cells within reach of the centers, if the object has few cells."""
    cells = float(reach) / grid.cell_size
    if MAX_RINGS_PER_CELL * cells >= rings:
        return grid
    low, high = centers.amin(0) - reach - grid.cell_size, centers.amax(0) + reach + grid.cell_size
    values, axes = grid.values, []
    for dim, axis in enumerate(grid.axes):
        side = float(axis[1] - axis[0]) if len(axis) > 1 else grid.cell_size
        parts = math.ceil(MIN_CELLS_PER_REACH * side / float(reach))
        shifts = (torch.arange(parts).to(centers) + 0.5) / parts - 0.5
        index = ((axis >= low[dim]) & (axis <= high[dim])).nonzero()[:, 0]
        values = values.index_select(dim, index).repeat_interleave(parts, dim) / parts
        axes.append((axis[index, None] + side * shifts).flatten())
    return DenseEvidence(values, tuple(axes))


def coarsen_if_large(grid: DenseEvidence, size: Tensor) -> DenseEvidence:
    """Return fewer cells, if they still resolve an object of a radius."""
    block = grid.block_size_for(SEARCH_CELLS)
    return grid.coarsen(block) if size > 4 * block * grid.cell_size else grid


def search_centers(
    grid: DenseEvidence,
    score: Callable[[DenseEvidence, Tensor, Tensor], Tensor],
    keep: int = 1,
    fixed: Tensor | None = None,
    ellipsoid: Ellipsoid | None = None,
    candidates: int = GRID_CENTERS,
) -> tuple[Tensor, Tensor]:
    """Find the centers with the best scores on a grid about the object, which is refined.

    Parameters
    ----------
    grid : DenseEvidence
        The evidence.
    score : callable
        Maps centers (m, d) and the object's radius to scores (m,).
    keep : int, optional
        Number of centers to return.
    fixed : (d,) tensor, optional
        Center that the user fixed: the only candidate.
    ellipsoid : Ellipsoid, optional
        Ellipsoid of the object. Default: it is fitted.
    candidates : int, optional
        Number of candidates along each axis, in the plane.

    Returns
    -------
    centers : (keep, d) tensor
        Best first.
    size : scalar tensor
        Radius of the object.
    """
    ellipsoid = fit_ellipsoid(grid) if ellipsoid is None else ellipsoid
    size = ellipsoid.size.clamp_min(grid.cell_size)
    if fixed is not None:
        # From this center, the object reaches to its far side.
        return fixed[None], torch.maximum(size, (fixed - ellipsoid.center).norm() / 2)
    grid = coarsen_if_large(grid, size)
    step = torch.linspace(-1, 1, candidates if grid.ndim == 2 else 3).to(size)
    offsets = torch.cartesian_prod(*[step] * grid.ndim)
    centers, spread = ellipsoid.center[None], ellipsoid.radii * GRID_REACH
    for _ in range(GRID_ROUNDS):
        centers = (centers[:1] + offsets @ spread).contiguous()
        values = score(grid, centers, size)
        # Among equal scores, up to noise, the middle of the grid is safer.
        values = values - TIE_PENALTY * values.abs().max() * offsets.norm(dim=1)
        centers = centers[values.argsort(descending=True)[:keep]]
        spread = spread / (len(step) - 1)
    return centers, size


def average_over_rotations(tables: Tensor, order: int) -> Tensor:
    """Average polar tables (..., sectors, rings) over turns by ``sectors / order`` sectors."""
    parts = tables.unflatten(-2, (order, -1)).mean(-3)
    return torch.cat([parts] * order, dim=-2)


def average_over_reflections(tables: Tensor) -> Tensor:
    """Average polar tables (..., sectors, rings) and their mirror images, for each axis.

    Returns
    -------
    (..., axes, sectors, rings) tensor
        As many axes as sectors. The angle between neighbors is half a sector.
    """
    index = torch.arange(tables.shape[-2], device=tables.device)
    images = tables[..., (index[:, None] - index) % len(index), :]
    return (tables.unsqueeze(-3) + images) / 2


def search_mirror_axes(
    grid: DenseEvidence,
    score: Score,
    reach: float,
    rings: int,
    keep: int = 1,
    fixed: Tensor | None = None,
    ellipsoid: Ellipsoid | None = None,
) -> list[tuple[Tensor, Tensor, float]]:
    """Return centers (d,), object radii and angles of mirror axes, best first."""

    def rate(level: DenseEvidence, centers: Tensor, size: Tensor) -> Tensor:
        tables = polar_histogram(level, centers, reach * size, N_AXES, rings // 2)
        return score(average_over_reflections(tables)).amax(-1)

    centers, size = search_centers(grid, rate, fixed=fixed, ellipsoid=ellipsoid)
    values = score(
        average_over_reflections(polar_histogram(grid, centers[:1], reach * size, N_AXES, rings))
    )[0]
    # Neighboring angles are one candidate.
    peaks = (values >= values.roll(1)) & (values >= values.roll(-1))
    order = torch.where(peaks, values, -math.inf).argsort(descending=True)[:keep]
    return [(centers[0], size, int(i) * math.pi / N_AXES) for i in order.tolist() if bool(peaks[i])]


def search_mirror_planes(
    grid: DenseEvidence, ellipsoid: Ellipsoid, keep: int = 1
) -> list[tuple[Tensor, Tensor]]:
    """Return points (d,) on mirror planes and orthonormal bases (d, d), best first.

    The last column of a basis is normal to the plane. The candidates are the axes of the object
    and evenly spread normals. Their score compares every cell with its mirror image.
    """
    normals = torch.linalg.eigh(ellipsoid.radii).eigenvectors.T
    normals = torch.cat([normals, unit_directions(N_PLANE_NORMALS, grid.ndim, like=normals)])
    values, offset = grid.values.flatten(), grid.points - ellipsoid.center
    found = []
    for normal in normals:
        for shift in PLANE_SHIFTS:
            distance = shift * ellipsoid.size
            image = grid.points - 2 * ((offset @ normal) - distance)[:, None] * normal
            index = [
                torch.bucketize(x.contiguous(), (axis[1:] + axis[:-1]) / 2)
                for x, axis in zip(image.T, grid.axes, strict=True)
            ]
            score = (values + grid.values[tuple(index)]).clamp_min(0).sum()
            found.append((float(score), ellipsoid.center + distance * normal, normal))
    found.sort(key=lambda item: -item[0])
    planes = []
    for _, point, normal in found[:keep]:
        basis = torch.linalg.qr(torch.cat([normal[:, None], torch.eye(grid.ndim).to(normal)], 1))
        planes.append((point, basis.Q.roll(-1, 1)))
    return planes


def candidate_orders(option: int | str) -> Sequence[int]:
    """Return the orders to try: the one given, or all orders for ``auto``."""
    return AUTO_ORDERS if option == "auto" else [int(option)]


def best_bin_sum(tables: Tensor) -> Tensor:
    """Return the evidence (...) of the best set of bins in tables (..., sectors, rings)."""
    return tables.clamp_min(0).sum((-1, -2))


def n_sectors_for(order: int) -> int:
    """Return a number of sectors that ``order`` divides."""
    return order * math.ceil(N_AXES / order)


def search_rotation_order(
    grid: DenseEvidence,
    orders: Sequence[int],
    score: Score,
    reach: float,
    rings: int,
    fixed: Tensor | None = None,
    ellipsoid: Ellipsoid | None = None,
) -> tuple[int, Tensor, Tensor]:
    """Return order, center (2,) and object radius of the best rotational symmetry.

    Among orders that explain nearly the same evidence, the highest one is the most specific.
    """
    ellipsoid = fit_ellipsoid(grid) if ellipsoid is None else ellipsoid
    # The first grid of centers is the same for all orders, so its tables are kept.
    known: dict[int, tuple[Tensor, Tensor]] = {}
    found = []
    for order in orders:

        def rate(level: DenseEvidence, centers: Tensor, size: Tensor, order: int = order) -> Tensor:
            sectors = n_sectors_for(order)
            if sectors in known and torch.equal(known[sectors][0], centers):
                return score(average_over_rotations(known[sectors][1], order))
            tables = polar_histogram(level, centers, reach * size, sectors, rings)
            if level is not grid:
                known.setdefault(sectors, (centers, tables))
            return score(average_over_rotations(tables, order))

        centers, size = search_centers(grid, rate, fixed=fixed, ellipsoid=ellipsoid)
        value = float(rate(grid, centers[:1], size)) if len(orders) > 1 else 0.0
        found.append((value, order, centers[0], size))
    enough = HIGHER_ORDER_SCORE * max(value for value, *_ in found)
    _, order, center, size = max((f for f in found if f[0] >= enough), key=lambda f: f[1])
    return order, center, size


def sum_over_leading_axes(grid: DenseEvidence) -> DenseEvidence:
    """Sum the evidence over all axes but the last two."""
    if grid.ndim == 2:
        return grid
    return DenseEvidence(grid.values.flatten(0, -3).sum(0), grid.axes[-2:])
