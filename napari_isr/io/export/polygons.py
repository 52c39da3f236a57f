"""Polygons of objects: nested rings with rounded vertices.

Rings are (n, 2) arrays (row, column) in output pixels that begin at the image's corner: the centre
of the first pixel lies at (0.5, 0.5). The first vertex is not repeated at the end. Outer rings turn
clockwise on the screen, holes against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skimage.measure import points_in_poly

from napari_isr.certificates.convex_hull import hull_corners

__all__ = ["Polygon", "nest_rings", "pixel_contours", "signed_area", "snap_ring"]

Ring = npt.NDArray[np.float64]
Polygon = list[Ring]  # the outer ring, then its holes

STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # right, down, left, up


def snap_ring(ring: Ring, step: float, *, convex: bool = False) -> Ring:
    """Put vertices on multiples of a step, and drop those that say nothing.

    Parameters
    ----------
    ring : (n, 2) array
        It may be closed.
    step : float
        In pixels.
    convex : bool, optional
        The ring goes around a convex set: take the hull of the rounded vertices, in whole numbers,
        so that it is convex without any tolerance.

    Returns
    -------
    (m, 2) array
        Fewer than 3 vertices if there is no area.
    """
    whole = np.rint(ring / step).astype(np.int64)
    whole = (
        hull_corners(whole) if convex else whole[(whole != np.roll(whole, 1, axis=0)).any(axis=1)]
    )
    # Division, for 1/1000 is not exact and its multiples would have long decimals.
    return whole / round(1 / step)


def nest_rings(rings: Sequence[Ring]) -> list[Polygon]:
    """Sort rings into outer ones with their holes, and turn them.

    Parameters
    ----------
    rings : sequence of (n, 2) arrays
        Of one set, not crossing; all outer rings turn one way and all holes the other.
    """
    areas = [signed_area(ring) for ring in rings]
    known = [(a, r) for a, r in zip(areas, rings, strict=True) if len(r) > 2 and a != 0]
    if not known:
        return []
    # No hole is larger than what it is in.
    sign = np.sign(max(known, key=lambda pair: abs(pair[0]))[0])
    outer = [[ring if sign > 0 else ring[::-1]] for area, ring in known if area * sign > 0]
    boxes = np.array([[*p[0].min(axis=0), *p[0].max(axis=0)] for p in outer])
    for area, ring in known:
        if area * sign < 0:
            point = ring[0]
            near = np.flatnonzero((boxes[:, :2] <= point).all(1) & (boxes[:, 2:] >= point).all(1))
            around = [i for i in near if points_in_poly(point[None], outer[i][0])[0]]
            if around:
                home = min(around, key=lambda i: abs(signed_area(outer[i][0])))
                outer[home].append(ring if sign > 0 else ring[::-1])
    return outer


def signed_area(ring: Ring) -> float:
    """Area of a ring (row, column), positive if it turns clockwise on the screen."""
    row, column = (ring - ring[:1]).T
    return float(column @ np.roll(row, -1) - row @ np.roll(column, -1)) / 2


def pixel_contours(mask: npt.NDArray[np.bool_]) -> list[Ring]:
    """Outlines of a mask along the edges of its pixels.

    Pixels that touch at a corner only are not joined, so that a mask in one 4-connected piece
    without holes has one simple polygon.

    Parameters
    ----------
    mask : (H, W) bool array

    Returns
    -------
    list of (n, 2) arrays
        Corners only, in whole pixels.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    first = int(rows[0]), int(columns[0])
    inside = np.pad(mask[first[0] : rows[-1] + 1, first[1] : columns[-1] + 1], 1)
    middle = inside[1:-1, 1:-1]
    around = inside[:-2, 1:-1], inside[1:-1, 2:], inside[2:, 1:-1], inside[1:-1, :-2]
    corners = (0, 0), (0, 1), (1, 1), (1, 0)  # where the edge on each side of a pixel begins
    edges: dict[tuple[int, int, int], None] = {}
    for turn, (other, corner) in enumerate(zip(around, corners, strict=True)):
        begins = np.argwhere(middle & ~other) + corner
        edges.update(dict.fromkeys((row, column, turn) for row, column in begins.tolist()))
    rings = []
    while edges:
        row, column, turn = next(iter(edges))
        ring: list[tuple[int, int]] = []
        last = None
        while (row, column, turn) in edges:
            del edges[row, column, turn]
            if turn != last:
                ring.append((row, column))
            last = turn
            row, column = row + STEPS[turn][0], column + STEPS[turn][1]
            # First to the right, along the same pixel.
            turns = ((turn + change) % 4 for change in (1, 0, 3))
            turn = next((t for t in turns if (row, column, t) in edges), turn)
        rings.append(np.array(_without_first_if_straight(ring, last), np.float64) + first)
    return rings


def _without_first_if_straight(
    ring: list[tuple[int, int]], last: int | None
) -> list[tuple[int, int]]:
    """Drop the first vertex of a trace if it lies on a straight side."""
    step = (ring[1][0] > ring[0][0]) - (ring[1][0] < ring[0][0])
    along = (ring[1][1] > ring[0][1]) - (ring[1][1] < ring[0][1])
    return ring[1:] if last is not None and STEPS[last] == (step, along) else ring
