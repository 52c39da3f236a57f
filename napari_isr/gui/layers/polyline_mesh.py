"""Closed polylines as a mesh of constant width with soft edges; numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Mesh", "polyline_mesh"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Mesh = tuple[npt.NDArray[np.float32], Ints, npt.NDArray[np.float32]]

MITRE = 2.0  # corners reach out at most this many half widths


def polyline_mesh(
    polylines: Sequence[Floats], bands: Sequence[tuple[float, Sequence[float]]], soft: float
) -> Mesh:
    """Build one mesh of bands along closed polylines.

    Every band is opaque up to its half width and fades out over ``soft`` on both sides, which
    smooths it whatever the graphics card does.

    Parameters
    ----------
    polylines : sequence of (n, 2) arrays
        Vertices; the last one repeats the first.
    bands : sequence of (float, sequence of float)
        For each band its half width and, for each polyline, the mesh value where it is opaque;
        where it is transparent the value is one less. Later bands are painted over earlier ones,
        and in a band later polylines over earlier ones.
    soft : float
        Width of the fade, in units of the vertices as the half widths are.

    Returns
    -------
    vertices : (v, 2) float32 array
    faces : (f, 3) int array
    vertex_values : (v,) float32 array
    """
    points, sizes = _distinct(polylines)
    if not len(points):
        return np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int64), np.zeros(0, np.float32)
    following, before = _neighbors(sizes)
    across = _normals(points, following, before)
    strip = _strip(following)
    vertices, faces, values = [], [], []
    for number, (half, opaque) in enumerate(bands):
        offsets = np.array([-half - soft, -half, half, half + soft], np.float32)
        vertices.append((points[:, None] + across[:, None] * offsets[:, None]).reshape(-1, 2))
        faces.append(strip + number * 4 * len(points))
        shade = np.repeat(np.asarray(opaque, np.float32), sizes)
        values.append((shade[:, None] - np.array([1, 0, 0, 1], np.float32)).reshape(-1))
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(values)


def _distinct(polylines: Sequence[Floats]) -> tuple[npt.NDArray[np.float32], Ints]:
    """All vertices without repeated ends and coinciding neighbours, and how many a polyline has."""
    sizes = np.array([len(line) for line in polylines], np.int64)
    if not sizes.sum():
        return np.zeros((0, 2), np.float32), sizes
    points = np.concatenate([line for line in polylines if len(line)]).astype(np.float32)
    _, before = _neighbors(sizes)
    keep = np.abs(points - points[before]).max(axis=1) > 1e-4
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return points[keep], np.bincount(owner[keep], minlength=len(sizes))


def _neighbors(sizes: Ints) -> tuple[Ints, Ints]:
    """Index of every vertex's successor and predecessor on its own closed polyline."""
    sizes = sizes[sizes > 0]
    stops = np.cumsum(sizes)
    starts = stops - sizes
    index = np.arange(stops[-1])
    following, before = index + 1, index - 1
    following[stops - 1] = starts
    before[starts] = stops - 1
    return following, before


def _normals(points: npt.NDArray[np.float32], following: Ints, before: Ints) -> Floats:
    """Mitred normals (n, 2) at the vertices."""
    along = points[following] - points
    along /= np.sqrt((along**2).sum(axis=1, keepdims=True)) + 1e-12
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    between = normal + normal[before]
    length = np.sqrt((between**2).sum(axis=1, keepdims=True))
    between = np.where(length > 1e-4, between / np.maximum(length, 1e-4), normal)
    cosine = (between * normal).sum(axis=1, keepdims=True)
    mitred: Floats = between / np.maximum(cosine, 1 / MITRE)
    return mitred


def _strip(following: Ints) -> Ints:
    """Triangles of closed bands of four vertices a station."""
    here, there = 4 * np.arange(len(following)), 4 * following
    quads = [(here + k, here + k + 1, there + k, there + k + 1) for k in range(3)]
    triangles = [np.stack(t, axis=1) for a, b, c, d in quads for t in ((a, b, c), (b, d, c))]
    return np.stack(triangles, axis=1).reshape(-1, 3)
