"""Convex hulls of points and of pixels in any number of dimensions.

Whole numbers that span a point, a line or a plane are handled in integer arithmetic, in spaces of
any dimension. Hulls with more dimensions use the facets of Qhull, within a tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from napari_isr.cancellation import check_cancelled

__all__ = ["convex_hull_mask", "hull_candidates", "hull_corners", "points_in_convex_hull"]

Pixels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Points = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# Fraction of the extent of the points. Points that are nearer to the hull lie in it.
RELATIVE_TOLERANCE = 1e-9
# Pixels by which a pixel center may lie outside a facet in three or more dimensions.
FACET_TOLERANCE = 1e-9
# Component of a unit normal along a row, below which the facet is parallel to the row.
PARALLEL_SLOPE = 1e-12
# Number of values (rows times facets) that are processed at once.
VALUES_PER_BLOCK = 2**20


def hull_corners(points: Pixels) -> Pixels:
    """Return the corners of the convex hull of points in the plane, in integer arithmetic.

    Parameters
    ----------
    points : (n, 2) array of int
        One point or more.

    Returns
    -------
    (k, 2) array of int
        Corners in order around the hull, starting at the smallest point in lexicographic order.
        Points on straight sides are no corners. One or two corners if the hull has no area.
    """
    ordered = _row_ends(points).tolist()
    if len(ordered) > 1:
        ordered = _convex_chain(ordered)[:-1] + _convex_chain(ordered[::-1])[:-1]
    return np.array(ordered, dtype=np.int64)


def points_in_convex_hull(
    points: Points, queries: Points, tolerance: float = RELATIVE_TOLERANCE
) -> Mask:
    """Return whether each query lies in the convex hull of points.

    The hull of points that do not span the space is tested within the affine subspace that they
    span. The test of whole numbers is exact if the hull has at most two dimensions.

    Parameters
    ----------
    points : (n, d) array of int or float
        One point or more.
    queries : (m, d) array of int or float
        Points to test.
    tolerance : float, optional
        Fraction of the extent of ``points``, for floats only. A query that is nearer to the hull
        lies in it. Whole numbers in three dimensions or more have a tolerance of a billionth.

    Returns
    -------
    (m,) bool array
    """
    whole = points.dtype.kind in "iu" and queries.dtype.kind in "iu"
    if whole:
        reach = 0.0
        own, at, inside = _integer_coordinates(points, queries)
    else:
        reach = tolerance * (float(np.ptp(points, axis=0).max()) or 1.0)
        own, at, inside = _orthogonal_coordinates(points, queries, reach)
    low, high = own.min(axis=0), own.max(axis=0)
    inside &= ((at >= low - reach) & (at <= high + reach)).all(axis=1)
    rank = own.shape[1]
    if rank < 2:
        return inside
    if whole and rank == 2:
        facets = _integer_facets(hull_corners(own))
    else:
        facets = ConvexHull(own).equations
        reach = reach or FACET_TOLERANCE
    remaining = np.flatnonzero(inside)
    # Most points are outside many facets. In random order, few remain after a few facets.
    for *normal, offset in np.random.default_rng(0).permutation(facets):
        remaining = remaining[at[remaining] @ np.array(normal) + offset <= reach]
        if not len(remaining):
            break
    inside[:] = False
    inside[remaining] = True
    return inside


def convex_hull_mask(mask: Mask) -> Mask:
    """Return all pixels whose centers lie in the convex hull of the pixel centers of a mask.

    The result is exact if the hull has at most two dimensions. The tolerance of hulls with more
    dimensions is a billionth of a pixel.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        One axis or more.

    Returns
    -------
    (n1, ..., nd) bool array
    """
    hull = np.zeros_like(mask)
    if not mask.any():
        return hull
    pixels = _row_ends_of_mask(mask)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    window = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    axes, basis, factor = _linear_span(pixels - pixels[0])
    if len(axes) < mask.ndim:
        # The projection onto these axes is injective: fill the projection and map it back.
        projected = np.zeros((high - low + 1)[axes], dtype=bool)
        projected[tuple((pixels - low)[:, axes].T)] = True
        filled = np.argwhere(convex_hull_mask(projected)) if axes else np.zeros((1, 0), np.int64)
        scaled = (filled + (low - pixels[0])[axes]) @ basis
        whole = scaled[(scaled % factor == 0).all(axis=1)] // factor
        hull[tuple((whole + pixels[0]).T)] = True
    elif mask.ndim == 1:
        hull[window] = True
    elif mask.ndim == 2:
        hull[window] = _fill_between_chains(pixels - low, high - low + 1)
    else:
        hull[window] = _fill_between_facets(ConvexHull(pixels - low).equations, high - low + 1)
    return hull


def hull_candidates(points: Floats) -> Floats:
    """Return a subset of points that contains all corners of the convex hull.

    Points with the same first coordinate lie in a hyperplane. A corner of the hull is also a
    corner of the hull within that hyperplane.

    Parameters
    ----------
    points : (n, d) array of float
        Points of which many share their first coordinate, such as the lifted pixels of rows.

    Returns
    -------
    (m, d) array of float
    """
    order = np.argsort(points[:, 0], kind="stable")
    kept = []
    for index in np.split(order, np.flatnonzero(np.diff(points[order, 0])) + 1):
        part = points[index]
        try:
            kept.append(part[ConvexHull(part[:, 1:]).vertices] if len(part) > 4 else part)
        except QhullError:  # The part does not span the hyperplane.
            kept.append(part)
        check_cancelled()
    return np.concatenate(kept)


def _cross(start: Sequence[Any], middle: Sequence[Any], end: Sequence[Any]) -> Any:
    """Return twice the signed area of a triangle, positive for a turn from axis 0 to axis 1."""
    first = (middle[0] - start[0]) * (end[1] - start[1])
    return first - (middle[1] - start[1]) * (end[0] - start[0])


def _convex_chain(ordered: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Return the chain from the first to the last point that turns left at each corner.

    This is one half of the monotone chain algorithm [1]_.

    References
    ----------
    .. [1] Andrew, "Another efficient algorithm for convex hulls in two dimensions", Information
       Processing Letters 9 (1979).
    """
    chain: list[Sequence[int]] = []
    for point in ordered:
        while len(chain) > 1 and _cross(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _row_ends(points: Pixels) -> Pixels:
    """Return the first and last point of each row, in lexicographic order."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    change = np.flatnonzero(np.diff(ordered[:, 0]))
    ends = np.concatenate([[0], change, change + 1, [len(ordered) - 1]])
    return np.unique(ordered[ends], axis=0)


def _row_ends_of_mask(mask: Mask) -> Pixels:
    """Return the first and last pixel of each row along the last axis, shape (n, d).

    All corners of the convex hull are among these pixels.
    """
    lines = mask.reshape(-1, mask.shape[-1])
    index = np.flatnonzero(lines.any(axis=1))
    rows = np.stack(np.unravel_index(index, mask.shape[:-1] or (1,)), axis=1)[:, : mask.ndim - 1]
    first = lines[index].argmax(axis=1)
    last = mask.shape[-1] - 1 - lines[index, ::-1].argmax(axis=1)
    return np.concatenate([np.column_stack([rows, first]), np.column_stack([rows, last])])


def _linear_span(offsets: Pixels) -> tuple[list[int], Pixels, int]:
    """Return axes and a basis of the linear subspace that offsets span, without rounding.

    Gauss-Jordan elimination of the Gram matrix, which spans the same subspace.

    Parameters
    ----------
    offsets : (n, d) array of int
        Differences of points.

    Returns
    -------
    axes : list of int
        As many axes as the subspace has dimensions. The projection onto them is injective.
    basis : (rank, d) array of int
        The vector with the coordinates ``c`` along ``axes`` is ``c @ basis / factor``.
    factor : int
        Common denominator.
    """
    rows = [[Fraction(value) for value in row] for row in (offsets.T @ offsets).tolist()]
    axes: list[int] = []
    for axis in range(offsets.shape[1]):
        rank = len(axes)
        pivot = next((i for i in range(rank, len(rows)) if rows[i][axis]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        rows[rank] = [value / rows[rank][axis] for value in rows[rank]]
        for i, row in enumerate(rows):
            if i != rank:
                factor = row[axis]
                rows[i] = [a - factor * b for a, b in zip(row, rows[rank], strict=True)]
        axes.append(axis)
    found = rows[: len(axes)]
    common = math.lcm(*(value.denominator for row in found for value in row))
    basis = np.array([[int(value * common) for value in row] for row in found], dtype=np.int64)
    return axes, basis.reshape(len(axes), offsets.shape[1]), common


def _integer_coordinates(points: Pixels, queries: Pixels) -> tuple[Points, Points, Mask]:
    """Return coordinates in the affine span of points, and which queries lie in the span.

    Returns
    -------
    own, at : (n, rank) and (m, rank) arrays of int
        Coordinates of the points and of the queries.
    within : (m,) bool array
    """
    points, queries = points.astype(np.int64), queries.astype(np.int64)
    axes, basis, factor = _linear_span(points - points[0])
    own, at = (points - points[0])[:, axes], (queries - points[0])[:, axes]
    within: Mask = (at @ basis == factor * (queries - points[0])).all(axis=1)
    return own, at, within


def _orthogonal_coordinates(
    points: Floats, queries: Floats, reach: float
) -> tuple[Points, Points, Mask]:
    """Return orthogonal coordinates in the affine span of points, as for whole numbers.

    Directions in which the points extend by less than ``reach`` do not count as spanned.
    """
    origin = points.mean(axis=0)
    # The triangular factor has the same singular values and axes, and never more than d rows.
    _, sizes, axes = np.linalg.svd(np.linalg.qr(points - origin, mode="r"), full_matrices=True)
    rank = int(np.count_nonzero(sizes > reach * np.sqrt(len(points))))
    own, at = (points - origin) @ axes.T, (queries - origin) @ axes.T
    within: Mask = (np.abs(at[:, rank:]) <= reach).all(axis=1)
    return own[:, :rank], at[:, :rank], within


def _integer_facets(corners: Pixels) -> Pixels:
    """Return the sides of a polygon as rows ``normal, offset``: ``normal @ x + offset <= 0``."""
    row, column = (np.roll(corners, -1, axis=0) - corners).T
    return np.column_stack([column, -row, row * corners[:, 1] - column * corners[:, 0]])


def _fill_between_chains(ends: Pixels, sizes: Pixels) -> Mask:
    """Fill each row between the left and the right chain of a hull in the plane.

    Parameters
    ----------
    ends : (2 n, 2) array of int
        First pixels of all rows, then last pixels, each in the order of the rows.
    sizes : (2,) array of int
        Size of the result.

    Returns
    -------
    (n1, n2) bool array
    """
    first, last = np.split(ends, 2)
    columns = np.arange(sizes[1])
    start = _chain_ceiling(first, sizes[0])
    stop = -_chain_ceiling(last * (1, -1), sizes[0])
    filled: Mask = (columns >= start[:, None]) & (columns <= stop[:, None])
    return filled


def _chain_ceiling(points: Pixels, count: int) -> Pixels:
    """Return the smallest whole column (count,) that is not left of the convex chain, by row."""
    chain = np.array(_convex_chain(points.tolist()), dtype=np.int64)
    rows = np.arange(count)
    index = np.clip(np.searchsorted(chain[:, 0], rows, side="right") - 1, 0, len(chain) - 2)
    run, rise = (chain[index + 1] - chain[index]).T
    ceiling: Pixels = chain[index, 1] - (-rise * (rows - chain[index, 0])) // run
    return ceiling


def _fill_between_facets(facets: Floats, sizes: Pixels) -> Mask:
    """Fill each row along the last axis between the facets of a hull.

    Parameters
    ----------
    facets : (f, d + 1) array of float
        Rows ``normal, offset``: ``normal @ x + offset <= 0`` inside.
    sizes : (d,) array of int
        Size of the result.

    Returns
    -------
    (n1, ..., nd) bool array
    """
    rows = np.indices(tuple(sizes[:-1].tolist())).reshape(len(sizes) - 1, -1).T
    columns = np.arange(sizes[-1])
    slopes, filled = facets[:, -2], np.zeros((len(rows), sizes[-1]), bool)
    rising, falling = slopes > PARALLEL_SLOPE, slopes < -PARALLEL_SLOPE
    parallel = ~(rising | falling)
    step = max(1, VALUES_PER_BLOCK // len(facets))
    for start in range(0, len(rows), step):
        check_cancelled()
        slack = FACET_TOLERANCE - facets[:, -1] - rows[start : start + step] @ facets[:, :-2].T
        first = (slack[:, falling] / slopes[falling]).max(axis=1, initial=-np.inf)
        last = (slack[:, rising] / slopes[rising]).min(axis=1, initial=np.inf)
        crossed = np.all(slack[:, parallel] >= 0, axis=1, keepdims=True)
        inside = (columns >= first[:, None]) & (columns <= last[:, None])
        filled[start : start + step] = inside & crossed
    return filled.reshape(sizes)
