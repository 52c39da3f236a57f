"""Independent checks of convexity, of functions and of masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import TOLERANCE, Check, Logit, Mask

__all__ = ["check_convex", "convexity_defects", "points_in_convex_hull_nd", "quasiconcavity_gap"]

PAIRS = 1024  # segments on which the function is tested
BESIDE = 1e-9  # of a pixel, by which a centre may lie outside a facet in space
FLAT = 1e-12  # slopes of facets along a row that are none
CHUNK = 2**20  # rows times facets at once


def check_convex(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a mask, and the function it was made from, are convex.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        Nothing is asked of it.

    Returns
    -------
    list of Check
    """
    checks = [
        Check(name="empty masks", value=float(not mask.any())),
        Check(name="pixels missing from the hull", value=float(convexity_defects(mask).sum())),
    ]
    check_cancelled()
    if logit is not None and mask.any():
        gap = quasiconcavity_gap(logit, mask)
        checks.append(
            Check(name="dip of the logit between mask pixels", value=gap, limit=TOLERANCE)
        )
    return checks


def quasiconcavity_gap(logit: Logit, mask: Mask, seed: int = 0) -> float:
    """Largest relative dip of the logit below its ends on segments between mask pixels.

    The superlevel sets of a quasi-concave function are convex: on a segment it never falls below
    the smaller of its values at the ends.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) to the logit (n,).
    mask : (n1, ..., nd) bool array
        Where the ends are drawn from.
    seed : int, optional
        Of the draw.

    Returns
    -------
    float
        0 where the function is quasi-concave on the segments; relative to the logit's size.
    """
    inside = np.flatnonzero(mask)
    check_cancelled()
    rng = np.random.default_rng(seed)
    chosen = inside[rng.integers(len(inside), size=(2, PAIRS))]
    first, second = np.stack(np.unravel_index(chosen, mask.shape), axis=-1).astype(np.float64)
    between = first + rng.random((PAIRS, 1)) * (second - first)
    check_cancelled()
    at_first, at_second, at_between = logit(first), logit(second), logit(between)
    dip = np.minimum(at_first, at_second) - at_between
    size = np.maximum(1.0, np.abs(at_first) + np.abs(at_second))
    return float(np.max(dip / size).clip(min=0))


def convexity_defects(mask: Mask) -> Mask:
    """Pixels whose centre lies in the hull of the mask's pixel centres, but not in the mask.

    Exact in two dimensions (integer arithmetic); in more, up to a billionth of a pixel.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The mask, 2 or more axes.

    Returns
    -------
    (n1, ..., nd) bool array
        Empty if and only if the mask is digitally convex.
    """
    if not mask.any():
        return np.zeros_like(mask)
    hull = _hull_2d(mask) if mask.ndim == 2 else _hull_nd(mask)
    return hull & ~mask


def _hull_2d(mask: Mask) -> Mask:
    """All pixel centres in the hull, row by row between the hull's left and right chain."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask[rows].argmax(axis=1)
    right = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    every = np.arange(rows[0], rows[-1] + 1)
    start = -_chain_floor(rows, -left, every)
    stop = _chain_floor(rows, right, every)
    columns = np.arange(mask.shape[1])
    hull = np.zeros_like(mask)
    hull[every] = (columns >= start[:, None]) & (columns <= stop[:, None])
    return hull


def _chain_floor(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], at: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Floor of the upper concave chain over the points (row, column), at whole rows."""
    chain: list[tuple[int, int]] = []
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(chain) > 1:
            (r1, c1), (r2, c2) = chain[-2:]
            if (c2 - c1) * (r - r1) > (c - c1) * (r2 - r1):
                break
            chain.pop()
        chain.append((r, c))
    corner_rows, corner_columns = np.array(chain, dtype=np.int64).T
    index = np.clip(np.searchsorted(corner_rows, at, side="right"), 1, len(chain)) - 1
    index = np.minimum(index, max(len(chain) - 2, 0))
    after = np.minimum(index + 1, len(chain) - 1)
    run = np.maximum(corner_rows[after] - corner_rows[index], 1)
    rise = corner_columns[after] - corner_columns[index]
    floor: npt.NDArray[np.int64] = rise * (at - corner_rows[index]) // run
    columns_at: npt.NDArray[np.int64] = corner_columns[index] + floor
    return columns_at


def _hull_nd(mask: Mask) -> Mask:
    """All pixel centres in the hull, from the hull's facets."""
    pixels = np.argwhere(mask)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    # A flat set has no facets in full dimension: test it within its own axes.
    wide = high > low
    hull = np.zeros_like(mask)
    window = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    if wide.sum() < 2:
        hull[window] = True
        return hull
    flat, sizes = pixels[:, wide], (high - low + 1)[wide]
    facets = _facets(flat)
    if facets is None:  # the pixels lie in a skew plane: only they themselves can be told
        return mask
    hull[window] = _filled_facets(facets, low[wide], sizes).reshape(high - low + 1)
    return hull


def _facets(points: npt.NDArray[np.int64]) -> npt.NDArray[np.float64] | None:
    """Normals and offsets (f, d + 1) of a hull's facets; None if it has no volume."""
    try:
        found: npt.NDArray[np.float64] = ConvexHull(points).equations
    except QhullError:
        return None
    return found


def _filled_facets(
    facets: npt.NDArray[np.float64], low: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> Mask:
    """Pixel centres within facets, in a box at ``low``, row by row.

    The rows run along the last axis, so that facets are looked at once for each row and not for
    each pixel.
    """
    rows = np.stack(np.meshgrid(*map(np.arange, sizes[:-1]), indexing="ij"), -1)
    rows = rows.reshape(-1, len(sizes) - 1) + low[:-1]
    columns = np.arange(sizes[-1]) + low[-1]
    slopes, found = facets[:, -2], np.zeros((len(rows), sizes[-1]), bool)
    rising, falling = slopes > FLAT, slopes < -FLAT
    level = ~(rising | falling)
    step = max(1, CHUNK // len(facets))
    for start in range(0, len(rows), step):
        check_cancelled()
        room = BESIDE - facets[:, -1] - rows[start : start + step] @ facets[:, :-2].T
        first = (room[:, falling] / slopes[falling]).max(axis=1, initial=-np.inf)
        last = (room[:, rising] / slopes[rising]).min(axis=1, initial=np.inf)
        crossed = np.all(room[:, level] >= 0, axis=1, keepdims=True)
        inside = (columns >= first[:, None]) & (columns <= last[:, None])
        found[start : start + step] = inside & crossed
    return found


def points_in_convex_hull_nd(points: npt.NDArray[np.int64], queries: npt.NDArray[np.int64]) -> Mask:
    """Which queries (m, d) lie in the hull of points (n, d), up to a billionth of a pixel."""
    facets = _facets(points)
    if facets is None:  # the points lie in a skew plane: only they themselves can be told
        known = {tuple(p) for p in points.tolist()}
        return np.array([tuple(q) in known for q in queries.tolist()], dtype=bool)
    inside = np.ones(len(queries), dtype=bool)
    for *normal, offset in facets:
        inside &= queries @ np.array(normal) + offset <= BESIDE
    return inside
