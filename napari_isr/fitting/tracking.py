"""Tracking of a box through a sequence by the Viterbi algorithm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_isr.evidence import DenseEvidence

__all__ = ["BoxTrack", "restrict_to_window", "track_box"]

CELLS = 1024  # places of the box that are compared in a frame
GROWTH = 1.4  # ratio of successive sides
INERTIA = 0.05  # of the evidence of a good frame, for a move by one side of the box
MARGIN = 1.25  # sides of the box that a window around it has, to each side of its centre


@dataclass(frozen=True)
class BoxTrack:
    """The way of a box.

    Parameters
    ----------
    places : (frames, d) tensor
        Its centres, shape coordinates of a frame.
    side : float
        Its sides.
    """

    places: Tensor
    side: float


def track_box(grids: list[DenseEvidence]) -> BoxTrack:
    """Find the box track with the most evidence by the Viterbi algorithm.

    A move costs the more the longer it is, with its square, so that frames that say nothing are
    passed on the straight line between their neighbours. Dynamic programming (Viterbi) over all
    places, for each of a series of sides.

    Parameters
    ----------
    grids : list of DenseEvidence
        Of the frames, all of the same cells.

    Returns
    -------
    Path
    """
    block = grids[0].block_size_for(CELLS)
    coarse = [grid.coarsen(block) for grid in grids]
    values = torch.stack([grid.values for grid in coarse])
    points, cell = coarse[0].points, coarse[0].cell_size
    square = torch.cdist(points, points).square()
    best, found, side, tried = -torch.inf, BoxTrack(points[:1], cell), 1.0, set[int]()
    while side < GROWTH * max(values.shape[1:]):
        width = 2 * round((side - 1) / 2) + 1
        side *= GROWTH
        if width in tried:
            continue
        tried.add(width)
        sums = _box_sums(values, width).flatten(1)
        peak = sums.amax(1).clamp_min(0).mean()
        cost = INERTIA * peak / (width * cell) ** 2 * square
        total, way = _viterbi(sums, cost)
        if total > best:
            best, found = total, BoxTrack(points[way], width * cell)
    return found


def restrict_to_window(grid: DenseEvidence, place: Tensor, side: float) -> DenseEvidence:
    """Restrict the evidence to a box. Pixels outside it count against the object."""
    near = torch.ones_like(grid.values, dtype=torch.bool)
    for dim, (axis, x) in enumerate(zip(grid.axes, place, strict=True)):
        within = (axis - x).abs() <= max(MARGIN * side, grid.cell_size)
        near &= within.view([-1 if d == dim else 1 for d in range(grid.ndim)])
    far = -grid.values.abs().mean()
    return DenseEvidence(torch.where(near, grid.values, far), grid.axes)


def _box_sums(values: Tensor, width: int) -> Tensor:
    """Return sums (frames, ...) over a box of ``width`` cells around each cell."""
    for dim in range(1, values.ndim):
        moved = values.movedim(dim, -1)
        table = F.pad(moved.cumsum(-1), (1, 0))
        index = torch.arange(moved.shape[-1], device=values.device)
        high = (index + width // 2 + 1).clamp_max(moved.shape[-1])
        low = (index - width // 2).clamp_min(0)
        values = (table[..., high] - table[..., low]).movedim(-1, dim)
    return values


def _viterbi(scores: Tensor, cost: Tensor) -> tuple[float, Tensor]:
    """Largest sum of scores (frames, n) less the cost (n, n) of the moves, and the places."""
    total, before = scores[0], []
    for score in scores[1:]:
        value, origin = (total - cost).max(1)
        before.append(origin)
        total = value + score
    place = total.argmax()
    best, way = float(total[place]), [place]
    for origin in reversed(before):
        place = origin[place]
        way.append(place)
    return best, torch.stack(way[::-1])
