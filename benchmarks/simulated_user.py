"""A robot that corrects a mask with one stroke at a time, as a careful person would.

Written from the description in Caelles et al., *The 2018 DAVIS Challenge on Video Object
Segmentation*, arXiv:1803.00557, section 3: take the largest region that is wrong, thin it to its
skeleton, follow the longest path of the skeleton, and draw a smooth stroke along it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from skimage.draw import line
from skimage.morphology import skeletonize

__all__ = ["BACKGROUND", "OBJECT", "first_strokes", "next_stroke", "stroke_along"]

BACKGROUND, OBJECT = 1, 2
SMOOTH = 4.0  # pixels along the path
Mask = NDArray[np.bool_]
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to half of a pixel's neighbours
THICK = np.ones((3, 3), bool)  # what the pen draws


def first_strokes(truth: Mask, counted: Mask) -> NDArray[np.uint8]:
    """Return one stroke along the whole object and one along the whole background."""
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[stroke_along(largest(truth & counted))] = OBJECT
    strokes[stroke_along(largest(~truth & counted))] = BACKGROUND
    return strokes


def next_stroke(found: Mask, truth: Mask, counted: Mask, strokes: NDArray) -> NDArray[np.uint8]:
    """Add a stroke in the largest wrong region.

    Pixels that have a stroke are left out: nobody draws the same stroke twice.

    Parameters
    ----------
    found, truth, counted : (H, W) arrays of bool
        The mask so far, the right one, and where it is known.
    strokes : (H, W) array of int
        0 unlabelled, 1 background, 2 object.

    Returns
    -------
    (H, W) array of uint8
        Equal to ``strokes`` if nothing is wrong.
    """
    free = counted & (strokes == 0)
    missed, extra = largest(truth & ~found & free), largest(found & ~truth & free)
    more = strokes.astype(np.uint8)
    if np.count_nonzero(missed) >= np.count_nonzero(extra):
        more[stroke_along(missed)] = OBJECT
    else:
        more[stroke_along(extra)] = BACKGROUND
    return more


def largest(mask: Mask) -> Mask:
    """Return the largest 4-connected component of a mask."""
    parts, count = ndimage.label(mask)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()


def stroke_along(region: Mask) -> Mask:
    """Return a stroke, 3 pixels wide, along the longest path of the skeleton of a region."""
    drawn = np.zeros_like(region)
    if not region.any():
        return drawn
    path = longest_path(skeletonize(np.pad(region, 1))) - 1
    smooth = ndimage.gaussian_filter1d(path.astype(float), SMOOTH, axis=0, mode="nearest")
    corners = np.rint(smooth).astype(int)
    drawn[tuple(corners[0])] = True
    for start, stop in pairwise(corners):
        drawn[line(*start, *stop)] = True
    drawn = ndimage.binary_dilation(drawn, THICK) & region
    if not drawn.any():  # smoothed out of a thin, bent region
        drawn[tuple(path.T)] = True
    return drawn


def longest_path(skeleton: Mask) -> NDArray[np.intp]:
    """Return the pixels (n, 2) of the longest shortest path between ends of a skeleton.

    The end farthest from any pixel begins a longest path of a tree; where there are loops, the
    path is a long one.
    """
    pixels = np.argwhere(skeleton)
    number = np.full(skeleton.shape, -1)
    number[skeleton] = np.arange(len(pixels))
    starts, stops, lengths = [], [], []
    for row, column in STEPS:
        near = number[pixels[:, 0] + row, pixels[:, 1] + column]  # the border holds no skeleton
        starts.append(np.flatnonzero(near >= 0))
        stops.append(near[near >= 0])
        lengths.append(np.full(len(stops[-1]), np.hypot(row, column)))
    edges = np.concatenate(lengths), (np.concatenate(starts), np.concatenate(stops))
    graph = coo_array(edges, shape=(len(pixels),) * 2).tocsr()
    one_end = farthest(dijkstra(graph, directed=False, indices=0))
    distances, before = dijkstra(graph, directed=False, indices=one_end, return_predecessors=True)
    path = [farthest(distances)]
    while path[-1] != one_end:
        path.append(before[path[-1]])
    return pixels[path]


def farthest(distances: NDArray) -> int:
    """Index of the largest distance that is finite."""
    return int(np.where(np.isfinite(distances), distances, -1).argmax())
