"""Exact best star-shaped and symmetric sets of pixels, both in linear time.

As in `optimality_gap_exact`, the sum of weights over a set is maximised.

References
----------
.. [1] O. Veksler, "Star Shape Prior for Graph-Cut Image Segmentation", ECCV 2008.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

__all__ = ["exact_star", "exact_symmetric", "mirror_maps", "rotation_maps"]


def exact_star(
    w: ArrayLike, center: tuple[int, int], rays: Literal["discrete", "exact"] = "discrete"
) -> tuple[NDArray[np.bool_], float]:
    """Star-shaped set about a pixel, of greatest weight.

    Parameters
    ----------
    w : (H, W) array
        Weights.
    center : (row, column)
        Centre pixel; in every set but the empty one.
    rays : {"discrete", "exact"}
        "discrete": a pixel needs the next one towards the centre on its discretised ray [1]_.
        "exact": a pixel needs the pixels whose centres lie on the segment to the centre, which
        is what the samples of any star in the plane obey, however thin its spikes: an upper bound.

    Returns
    -------
    mask : (H, W) array of bool
        The best set; empty if none that holds the centre has a positive weight.
    value : float
        Its weight.

    Notes
    -----
    Each pixel needs one other, so the requirements are a tree and the best closure is a sum over
    subtrees; the graph cut of [1]_, which this problem is without a boundary term, is not needed.
    """
    weights = np.asarray(w, dtype=float)
    height, width = weights.shape
    if not (0 <= center[0] < height and 0 <= center[1] < width):
        raise ValueError(f"center {center} is not a pixel of a {height} x {width} grid")
    offset = np.indices(weights.shape).reshape(2, -1).T - np.asarray(center)
    radius = np.abs(offset).max(axis=1)
    safe = np.maximum(radius, 1)
    if rays == "discrete":  # one step along the longer axis; halves round away from zero
        scaled = 2 * np.abs(offset) * (safe - 1)[:, None] + safe[:, None]
        inner = np.sign(offset) * (scaled // (2 * safe[:, None]))
    elif rays == "exact":
        inner = offset - offset // np.maximum(np.gcd(*offset.T), 1)[:, None]
    else:
        raise ValueError(f"rays must be 'discrete' or 'exact', not {rays!r}")
    parent = np.ravel_multi_index(tuple((inner + np.asarray(center)).T), weights.shape)
    subtree = weights.ravel().copy()
    order = np.argsort(radius, kind="stable")[1:]
    shells = np.split(order, np.flatnonzero(np.diff(radius[order])) + 1) if len(order) else []
    for shell in reversed(shells):
        np.add.at(subtree, parent[shell], np.maximum(subtree[shell], 0))
    chosen = subtree > 0
    for shell in shells:
        chosen[shell] &= chosen[parent[shell]]
    mask = chosen.reshape(weights.shape)
    return mask, float(weights[mask].sum())


def mirror_maps(point: tuple[float, float], angle: float) -> NDArray[np.float64]:
    """Identity and reflection about the line through `point` at `angle`, for `exact_symmetric`.

    The line runs along (row, column) = (sin angle, cos angle): at 0 it is a row. Radians.
    """
    s, c = np.sin(2 * angle), np.cos(2 * angle)
    return _about(point, np.array([np.eye(2), [[-c, s], [s, c]]]))


def rotation_maps(center: tuple[float, float], order: int) -> NDArray[np.float64]:
    """Return the ``order`` rotations about ``center`` (row, column) for ``exact_symmetric``."""
    turns = 2 * np.pi * np.arange(order) / order
    rows = np.cos(turns), -np.sin(turns), np.sin(turns), np.cos(turns)
    return _about(center, np.stack(rows, axis=1).reshape(-1, 2, 2))


def _about(point: tuple[float, float], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear maps (n, 2, 2) as homogeneous maps that fix `point`."""
    maps = np.tile(np.eye(3), (len(linear), 1, 1))
    maps[:, :2, :2] = linear
    maps[:, :2, 2] = np.asarray(point) - maps[:, :2, :2] @ np.asarray(point, dtype=float)
    return maps


def exact_symmetric(
    p: ArrayLike, maps: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Best symmetric set in closed form: threshold the mean of the unaries over each orbit.

    Parameters
    ----------
    p : (H, W) array
        Unaries in [0, 1].
    maps : (n, 3, 3) array
        All elements of the group, homogeneous, on (row, column, 1) pixel coordinates.

    Returns
    -------
    mask : (H, W) array of bool
        Best set: the symmetrised unaries are above 0.5.
    symmetrised : (H, W) array
        Mean of `p` over the images of each pixel that are in the grid.

    Notes
    -----
    Exact where the maps take pixel centres to pixel centres; else up to bilinear interpolation.
    """
    unaries = np.asarray(p, dtype=float)
    points = np.indices(unaries.shape).reshape(2, -1)
    images = maps[:, :2, :2] @ points + maps[:, :2, 2:]
    values = [
        map_coordinates(unaries, image.round(9), order=1, mode="constant", cval=np.nan)
        for image in images
    ]
    symmetrized = np.nanmean(values, axis=0).reshape(unaries.shape)
    return symmetrized > 0.5, symmetrized
