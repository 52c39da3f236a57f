"""Outlines without the vertices that nobody sees; numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["simplify_polyline"]

ROUNDS = 5  # each leaves half of the vertices at least


def simplify_polyline(line: npt.NDArray[np.floating], tolerance: float) -> npt.NDArray[np.floating]:
    """Leave out vertices of a polyline that lie almost between their neighbours.

    In rounds: of every second vertex those go that are nearer than the tolerance to the chord of
    their neighbours. A smooth line strays by about a third more than the tolerance at most, as its
    last round counts for nearly all. Both ends stay, so a closed line stays closed.

    Parameters
    ----------
    line : (n, 2) float array
    tolerance : float
        Distance from the line, in units of the vertices.

    Returns
    -------
    (m, 2) float array
        Some of the vertices, in their order.
    """
    for _ in range(ROUNDS):
        if len(line) < 5:
            break
        before, here, after = line[:-2:2], line[1:-1:2], line[2::2]
        count = min(len(here), len(after))
        chord, way = after[:count] - before[:count], here[:count] - before[:count]
        across = np.abs(chord[:, 0] * way[:, 1] - chord[:, 1] * way[:, 0])
        along = (chord * way).sum(1)
        length = (chord**2).sum(1)
        # A spike comes back to where it left: it lies beyond its chord, not between its ends.
        between = (along >= 0) & (along <= length)
        drop = between & (across <= tolerance * np.sqrt(length))
        if not drop.any():
            break
        keep = np.ones(len(line), bool)
        keep[1 : 2 * count : 2] = ~drop
        line = line[keep]
    return line
