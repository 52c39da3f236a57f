"""Convex hulls of points with any coordinates, in any number of dimensions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from napari_isr.cancellation import check_cancelled

__all__ = ["hull_candidates", "points_in_convex_hull"]

TOLERANCE = 1e-9

Points = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def points_in_convex_hull(points: Points, queries: Points, tolerance: float = TOLERANCE) -> Mask:
    """Which points lie in the convex hull of others.

    Points that span less than all dimensions are looked at within what they span.

    Parameters
    ----------
    points : (n, d) array
        Spans the hull; one point at least.
    queries : (m, d) array
        What is asked.
    tolerance : float, optional
        Part of the points' extent; what is nearer to the hull than that lies in it.

    Returns
    -------
    (m,) bool array
    """
    origin = points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(points - origin, full_matrices=True)
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    rank = int(np.count_nonzero(sizes > tolerance * extent * np.sqrt(len(points))))
    at = (queries - origin) @ axes.T
    inside: Mask = (np.abs(at[:, rank:]) <= tolerance * extent).all(axis=1)
    own = ((points - origin) @ axes.T)[:, :rank]
    low, high = own.min(axis=0), own.max(axis=0)
    at, reach = at[:, :rank], tolerance * extent
    inside &= ((at >= low - reach) & (at <= high + reach)).all(axis=1)
    if rank < 2:
        return inside
    left = np.flatnonzero(inside)
    # Most points are outside many facets: one after the other, few are left to look at.
    for *normal, offset in np.random.default_rng(0).permutation(ConvexHull(own).equations):
        left = left[at[left] @ np.array(normal) + offset <= reach]
        if not len(left):
            break
    inside[:] = False
    inside[left] = True
    return inside


def hull_candidates(points: Points) -> Points:
    """Points among which all corners of the hull are; of many pixels only few are left.

    Those with the same first coordinate lie in a plane, and a corner of the hull is one of the
    hull in that plane.

    Parameters
    ----------
    points : (n, d) array
        Such as lifted pixels, the rows of which have one first coordinate.
    """
    order = np.argsort(points[:, 0], kind="stable")
    ends = np.flatnonzero(np.diff(points[order, 0])) + 1
    kept = []
    for index in np.split(order, ends):
        part = points[index]
        try:
            kept.append(part[ConvexHull(part[:, 1:]).vertices] if len(part) > 4 else part)
        except QhullError:  # flat
            kept.append(part)
        check_cancelled()
    return np.concatenate(kept)
