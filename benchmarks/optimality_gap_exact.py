"""Exact best digitally convex set, to tell an optimiser's faults from the constraint's cost.

The sum of weights ``w`` over a set of pixels is maximised. With ``w = 2 p - 1`` that minimises the
squared error of a mask to unaries ``p``; `class_weights` gives the weights of the class-weighted
error. Star and symmetric sets are in `optimality_gap_pointwise`.

References
----------
.. [1] C. Bautista-Santiago, J. M. Diaz-Banez, D. Lara, P. Perez-Lantero, J. Urrutia, I. Ventura,
   "Computing optimal islands", Operations Research Letters 39 (2011) 246-251.
"""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["class_weights", "exact_convex"]

Trace = list[tuple[int, int, NDArray[np.bool_]]]


def class_weights(target: ArrayLike, foreground_weight: float = 0.4) -> NDArray[np.float64]:
    """Weights whose best set minimises the class-weighted mean squared error of a mask.

    For foreground F = {t >= 0.5} and background B, the error of a mask S is a constant minus the
    sum over S of these weights. For a binary target the constant is `foreground_weight`.
    """
    t = np.asarray(target, dtype=float)
    inside = t >= 0.5
    share = np.where(
        inside,
        foreground_weight / max(int(inside.sum()), 1),
        (1 - foreground_weight) / max(int((~inside).sum()), 1),
    )
    return np.asarray(share * (2 * t - 1))


def _directions(width: int, height: int) -> list[tuple[int, int]]:
    """Primitive steps to the right that fit the grid, by increasing slope."""
    steps = [
        (dx, dy)
        for dx in range(1, width)
        for dy in range(1 - height, height)
        if gcd(dx, abs(dy)) == 1
    ]
    return sorted(steps, key=lambda step: step[1] / step[0])


def _lower_chains(
    w: NDArray[np.float64], starts: NDArray[np.intp], trace: Trace | None = None
) -> NDArray[np.float64]:
    """Best lower hulls: minus the least weight strictly below a convex chain, for all end points.

    Parameters
    ----------
    w : (W, H) array
        Weights, column first.
    starts : (n, 2) array
        Left end points (x, y), sorted by x.
    trace : list, optional
        Receives, for each step in order, where the step improved the chain of the only start.

    Returns
    -------
    (W, H, n) array
        For the end point (x, y) and a start: the best chain over the columns from start to end,
        both counted; -inf if there is none.

    Notes
    -----
    Slopes increase along a lower hull, so relaxing the steps once, in the order of their slopes,
    sees every convex chain; steps of one slope are relaxed from left to right, hence primitive
    steps suffice. What is below a step does not depend on the start, so all starts are one
    vector. O(n^3) for n pixels, without the triangles of [1]_.
    """
    width, height = w.shape
    below = np.concatenate([np.zeros((width, 1)), np.cumsum(w, axis=1)], axis=1)
    table = np.full((width, height, len(starts)), -np.inf)
    table[starts[:, 0], starts[:, 1], np.arange(len(starts))] = -below[starts[:, 0], starts[:, 1]]
    buffer = np.empty(table.size)
    for dx, dy in _directions(width, height):
        low, high = max(0, -dy), height - max(0, dy)
        cost = np.zeros((width - dx, high - low))
        for k in range(1, dx + 1):
            rise = -(-k * dy // dx)  # ceiling
            cost += below[k : width - dx + k, low + rise : high + rise]
        improved = np.zeros((width, height), dtype=bool)
        for left in range(0, width - dx, dx):
            right = min(left + dx, width - dx)
            n = int(np.searchsorted(starts[:, 0], right))
            if n == 0:
                continue
            old = table[left + dx : right + dx, low + dy : high + dy, :n]
            new = buffer[: old.size].reshape(old.shape)
            np.subtract(table[left:right, low:high, :n], cost[left:right, :, None], out=new)
            if trace is not None:
                improved[left + dx : right + dx, low + dy : high + dy] = (new > old)[..., 0]
            np.maximum(old, new, out=old)
        if trace is not None:
            trace.append((dx, dy, improved))
    return table


def _lower_boundary(
    w: NDArray[np.float64], start: tuple[int, int], end: tuple[int, int]
) -> NDArray[np.intp]:
    """Lowest y on or above the best chain, for each column from `start` to `end`."""
    trace: Trace = []
    _lower_chains(w, np.array([start]), trace)
    lowest = np.empty(end[0] - start[0] + 1, dtype=np.intp)
    x, y = end
    lowest[-1] = y
    for dx, dy, improved in reversed(trace):
        while improved[x, y]:
            x, y = x - dx, y - dy
            for k in range(dx):
                lowest[x - start[0] + k] = y - (-k * dy // dx)
    return lowest


def exact_convex(w: ArrayLike) -> tuple[NDArray[np.bool_], float]:
    """Digitally convex set of greatest weight.

    A set of pixels is digitally convex if it holds every pixel centre in its convex hull. (Thin
    ones may be disconnected: a hull may pass between the centres of a column.)

    Parameters
    ----------
    w : (H, W) array
        Weights, for instance ``2 * p - 1``.

    Returns
    -------
    mask : (H, W) array of bool
        The best set; empty if no weight is positive.
    value : float
        Its weight.

    Notes
    -----
    A hull is a lower and an upper chain that meet only at its leftmost and rightmost columns, so
    its weight is that of its columns less what is below and above; the two are solved apart
    (`_lower_chains`) and joined over their four ends. Memory is 3 n^2 floats for n pixels.
    """
    weights = np.ascontiguousarray(np.asarray(w, dtype=float).T)  # column first
    if weights.ndim != 2 or not weights.size or not np.isfinite(weights).all():
        raise ValueError("w must be a non-empty two-dimensional array of finite numbers")
    width, height = weights.shape
    flipped = weights[:, ::-1]
    starts = np.indices((width, height)).reshape(2, -1).T
    shape = (width, height, width, height)  # right x, right y, left x, left y
    lower = _lower_chains(weights, starts).reshape(shape)
    upper = _lower_chains(flipped, starts).reshape(shape)[:, ::-1, :, ::-1]
    column = np.concatenate([[0], np.cumsum(weights.sum(axis=1))])
    best, ends = 0.0, None
    for x1 in range(width):  # lower ends at most as high as the upper ends, left and right
        below = np.maximum.accumulate(lower[x1:, :, x1], axis=1)
        above = np.maximum.accumulate(upper[x1:, :, x1, ::-1], axis=2)[:, :, ::-1]
        total = below + above + (column[x1 + 1 :] - column[x1])[:, None, None]
        i, right, left = (int(k) for k in np.unravel_index(np.argmax(total), total.shape))
        if total[i, right, left] > best:
            best, ends = float(total[i, right, left]), (x1, x1 + i, left, right)
    mask = np.zeros((width, height), dtype=bool)
    if ends is not None:
        x1, x2, left, right = ends
        low_right = int(np.argmax(lower[x2, : right + 1, x1, left]))
        high_left = left + int(np.argmax(upper[x2, right, x1, left:]))
        low = _lower_boundary(weights, (x1, left), (x2, low_right))
        top = height - 1
        high = top - _lower_boundary(flipped, (x1, top - high_left), (x2, top - right))
        y = np.arange(height)
        mask[x1 : x2 + 1] = (y >= low[:, None]) & (y <= high[:, None])
    return mask.T.copy(), best
