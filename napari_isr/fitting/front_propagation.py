"""Continuation of fits along a front that propagates to a distant target.

A connected set that is fitted all at once gets stuck: a tentacle that has to grow along a bent
tube takes the short cut through the background, and the notch between two tentacles is cut in
from wherever the image happens to be darkest. So the goal is first cleaned up on a coarse grid
until it is one piece without holes, and then every cell gets the time at which a front reaches
it: fronts of the object run from the shape through the goal, fronts of the background from
outside through the rest. Cells whose time has not come are left out of the fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from napari_isr.cancellation import check_cancelled
from napari_isr.evidence import DenseEvidence
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.solvers import sparse_gauss_newton
from napari_isr.shapes.base import Shape
from napari_isr.shapes.sparse_jacobian import SparseJacobianShape

__all__ = ["fit_along_front", "front_arrival_samples", "target_mask"]

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

CELLS = 2048  # of the grid around the goal
MARGIN = 3  # cells
FRONT_STEP_CELLS = 2.0  # cells that a front advances between two fits
FRONT_SHARPNESS = 10.0
PARTS = 24  # pieces of the goal that are looked at, the largest first
NEGLIGIBLE = 2e-3  # evidence of a piece, relative to that of the largest


def fit_along_front(shape: SparseJacobianShape, grid: DenseEvidence, most: int) -> Iterator[float]:
    """Bring a shape near the goal that the evidence suggests, in the right order.

    Parameters
    ----------
    shape : SparseJacobianShape
        Improved in place; where it is now is where the fronts start.
    grid : DenseEvidence
        Evidence, that of the strokes included; some 10,000 cells.
    most : int
        Steps at most.

    Yields
    ------
    float
        Objective of the cells whose time has come, after each step.
    """
    table = front_arrival_samples(shape, grid)
    if table is None:
        return
    samples, time, cell = table
    last = float(time[np.isfinite(time)].max())
    steps = min(most, math.ceil(last / FRONT_STEP_CELLS))
    if steps < 2:  # as good as there
        return
    limit = 3 * shape.scale / cell
    shape.sharpness.copy_(torch.clamp(limit, min=2.0, max=FRONT_SHARPNESS))
    for step in range(1, steps + 1):
        due = torch.from_numpy(time <= last * step / steps).to(grid.values.device)
        ripe = Samples(samples.points[due], samples.target[due], samples.weight[due])
        for state in sparse_gauss_newton(shape, ripe, iterations=2, tolerance=0.0):
            yield state.objective


def front_arrival_samples(
    shape: Shape, grid: DenseEvidence, cells: int = CELLS
) -> tuple[Samples, Values, float] | None:
    """Cells of the goal and around it, and when the front from where the shape is reaches each.

    Parameters
    ----------
    shape : Shape
        Where it is now is where the fronts start.
    grid : DenseEvidence
        Evidence.
    cells : int, optional
        How many are looked at, at most.

    Returns
    -------
    Samples, (n,) array, float
        The cells, the times, and the side of a cell; None where the shape misses the goal.
    """
    grid = _around_goal(shape, grid, cells)
    values = grid.values.cpu().numpy().astype(np.float64)
    inside = _inside(shape, grid)
    goal = target_mask(values)
    if not (goal & inside).any():  # nothing to start from, or nowhere to go
        return None
    time = _arrival(goal, inside)
    typical = 0.3 * np.median(np.abs(values))
    samples = Samples(
        grid.points,
        torch.from_numpy(goal.ravel()).to(grid.values),
        torch.from_numpy(np.maximum(np.abs(values), typical).ravel()).to(grid.values),
    )
    return samples, time.ravel(), grid.cell_size


def target_mask(values: Values) -> Mask:
    """Return one component without holes that contains most of the evidence.

    Pieces of the foreground are joined to the largest one along the cheapest ways, where that
    gains evidence; then the same is done for the background, which opens holes to the outside.

    Parameters
    ----------
    values : (n1, ..., nd) array
        Evidence of the cells.

    Returns
    -------
    (n1, ..., nd) bool array
    """
    within = tuple(slice(1, -1) for _ in values.shape)
    wide = np.pad(values, 1, constant_values=-np.abs(values).max(initial=0.0))
    labels, count = ndimage.label(wide > 0)
    gains = ndimage.sum_labels(wide, labels, np.arange(1, count + 1))
    goal = _joined(wide, wide > 0, 1 + int(np.argmax(gains))) if count else wide > 0
    labels, _ = ndimage.label(~goal)
    outside = _joined(-wide, ~goal, int(labels.flat[0]))
    result: Mask = ~outside[within]
    return result


def _joined(values: Values, mask: Mask, main: int) -> Mask:
    """Join the component ``main`` with the components that outweigh the path to them."""
    labels, count = ndimage.label(mask)
    result: Mask = labels == main
    gains = ndimage.sum_labels(values, labels, np.arange(1, count + 1))
    order = [k for k in np.argsort(-gains)[:PARTS] if gains[k] > NEGLIGIBLE * gains.max()]
    cost = np.maximum(-values, 0) + 1e-3 * np.abs(values).mean()
    for part in (int(k) + 1 for k in order if k + 1 != main):
        member = labels == part
        if result[member].any():  # a way to another part came through
            continue
        distance, before = _travel(np.where(result, 0, cost), result)
        cell = int(np.flatnonzero(member)[distance[member].argmin()])
        if distance.flat[cell] > gains[part - 1]:
            continue
        while not result.flat[cell]:
            result.flat[cell] = True
            cell = int(before[cell])
        result |= member
    return result


def _travel(
    cost: Values, start: Mask, open_cells: Mask | None = None
) -> tuple[Values, npt.NDArray[np.int32]]:
    """Cheapest ways from the start to every cell: their cost, and the cell before each."""
    check_cancelled()
    index = np.arange(cost.size).reshape(cost.shape)
    lower = np.concatenate([index.take(range(n - 1), a).ravel() for a, n in _sides(index)])
    upper = np.concatenate([index.take(range(1, n), a).ravel() for a, n in _sides(index)])
    source, target = np.r_[lower, upper], np.r_[upper, lower]
    if open_cells is not None:
        passable = open_cells.ravel()[source] & open_cells.ravel()[target]
        source, target = source[passable], target[passable]
    # Explicit zeros would be no edges at all.
    price = np.maximum(cost.ravel()[target], 1e-12)
    graph = csr_matrix((price, (source, target)), shape=(cost.size, cost.size))
    distance, before, _ = dijkstra(
        graph, indices=np.flatnonzero(start), return_predecessors=True, min_only=True
    )
    return distance.reshape(cost.shape), before


def _sides(index: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    return list(enumerate(index.shape))


def _arrival(goal: Mask, inside: Mask) -> Values:
    """When the front reaches each cell, in cells; 0 where nothing is to be done."""
    time = np.zeros(goal.shape)
    within = tuple(slice(1, -1) for _ in goal.shape)
    grown, _ = _travel(np.ones(goal.shape), goal & inside, goal)
    rest, outside = (np.pad(part, 1, constant_values=True) for part in (~goal, ~goal & ~inside))
    cut, _ = _travel(np.ones(rest.shape), outside, rest)
    time = np.where(goal & ~inside, grown, time)
    return np.where(~goal & inside, cut[within], time)


def _inside(shape: Shape, grid: DenseEvidence) -> Mask:
    with torch.no_grad():
        mask: Mask = (shape(grid.points) > 0).view_as(grid.values).cpu().numpy().astype(bool)
    return mask


def _near_start(shape: Shape, grid: DenseEvidence) -> Mask:
    """Cells within two radii of where the shape began: it may be smaller than a cell."""
    offset = (grid.points - shape.anchor).abs().amax(1)
    near = (offset <= 2 * shape.scale) | (offset == offset.min())
    mask: Mask = near.view_as(grid.values).cpu().numpy().astype(bool)
    return mask


def _around_goal(shape: Shape, grid: DenseEvidence, cells: int) -> DenseEvidence:
    """Crop the grid to the surroundings of the target, coarsened if it is fine."""
    block = grid.block_size_for(cells)
    coarse = grid.coarsen(block)
    values = coarse.values.cpu().numpy().astype(np.float64)
    needed = np.argwhere(target_mask(values) | _inside(shape, coarse) | _near_start(shape, coarse))
    low = (needed.min(axis=0) - MARGIN).clip(0) * block
    high = (needed.max(axis=0) + 1 + MARGIN) * block
    part = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    axes = tuple(axis[s] for axis, s in zip(grid.axes, part, strict=True))
    cut = DenseEvidence(grid.values[part], axes)
    return cut.coarsen(cut.block_size_for(cells))
