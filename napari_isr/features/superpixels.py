"""Superpixels of an image, through all its planes, and a graph of those that are alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import cKDTree

from napari_isr.cancellation import check_cancelled, run_cancellable

__all__ = ["Superpixels", "affinities", "slic_planes"]

COMPACTNESS = 20.0  # of SLIC: Lab units that the diameter of a superpixel counts for
ITERATIONS = 5
CONTRAST = 3.0  # how much an edge of mean contrast parts two neighbours
WEAKEST = 1e-4  # affinity of neighbours across the strongest edge
ALIKE = 10  # superpixels that each is joined to for their looks
ALIKENESS = 3.0  # weight of these edges beside those of neighbours
NOTICEABLE = 3.0  # Lab units; less is not told apart from noise
ROUGH = 1.0  # the same for deviations inside of a superpixel

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Superpixels:
    """Which pixels belong together, and what they look like.

    Parameters
    ----------
    labels : (p, h, w) array of int
        Number of each pixel's superpixel, from 0, through all planes.
    size, place, colour, spread : (n,), (n, d), (n, c) and (n, c) arrays
        Pixels, centre, mean colour and its standard deviation of each.
    """

    labels: npt.NDArray[np.int32]
    size: Array
    place: Array
    color: Array
    spread: Array


def slic_planes(colors: Array, places: Array, count: int) -> Superpixels:
    """Cut planes into superpixels by SLIC, each plane for itself.

    Parameters
    ----------
    colours : (p, h, w, c) array
        Planes in units of L*a*b*.
    places : (p, h, w, d) array
        Coordinates of the pixels, the same unit along each axis.
    count : int
        About how many superpixels there are altogether.
    """
    from skimage.segmentation import slic  # takes a moment to load

    labels = np.empty(colors.shape[:3], np.int32)
    total = 0
    # Of a few pixels each is its own: SLIC's superpixels have some.
    each = max(1, min(count // len(colors), labels[0].size // 4))
    for plane, found in zip(colors, labels, strict=True):
        check_cancelled()
        span = max(float(np.ptp(plane)), NOTICEABLE)  # SLIC brings the values to [0, 1] first
        numbers = run_cancellable(
            partial(
                slic,
                plane.astype(np.float32),
                n_segments=each,
                compactness=COMPACTNESS / span,
                max_num_iter=ITERATIONS,
                convert2lab=False,
                start_label=0,
                channel_axis=-1,
            )
        )
        known, numbers = np.unique(numbers, return_inverse=True)
        found[...] = total + numbers.reshape(found.shape)
        total += len(known)
    flat = labels.ravel()
    check_cancelled()
    size = np.bincount(flat, minlength=total).astype(np.float64)

    def means(values: Array) -> Array:
        columns = values.reshape(len(flat), -1).T
        return np.stack([np.bincount(flat, c, total) for c in columns], axis=1) / size[:, None]

    color = means(colors)
    spread = np.sqrt(means((colors - color[labels]) ** 2))
    return Superpixels(labels, size, means(places), color, spread)


def affinities(cells: Superpixels, grid: tuple[int, ...]) -> csr_matrix:
    """How much superpixels belong together: a symmetric matrix (n, n).

    Neighbours do, the more the longer their border is and the less its contrast; and those that
    look alike, wherever they are, as far as they are near.

    Parameters
    ----------
    cells : Superpixels
        The superpixels.
    grid : tuple of int
        Number of planes along each axis before the last two.
    """
    count = len(cells.size)
    pairs, border = adjacent_pairs(cells.labels.reshape(*grid, *cells.labels.shape[1:]), count)
    contrast = ((cells.color[pairs[0]] - cells.color[pairs[1]]) ** 2).sum(1)
    contrast /= mean_or_floor(contrast, NOTICEABLE**2)
    near = (np.exp(-CONTRAST * contrast) + WEAKEST) * border / mean_or_floor(border)
    alike, similarity = similar_pairs(cells)
    values = np.concatenate([near, ALIKENESS * similarity])
    first, second = np.concatenate([pairs, alike], axis=1)
    matrix = coo_matrix((values, (first, second)), shape=(count, count)).tocsr()
    return matrix + matrix.T


def adjacent_pairs(
    labels: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int64], Array]:
    """Pairs (2, m) of neighbouring superpixels, and the lengths of their borders."""
    found = []
    for axis in range(labels.ndim):
        ahead = np.moveaxis(labels, axis, 0).astype(np.int64)
        low, high = np.minimum(ahead[1:], ahead[:-1]), np.maximum(ahead[1:], ahead[:-1])
        found.append((low * count + high)[low != high])
    codes, border = np.unique(np.concatenate(found), return_counts=True)
    return np.stack(np.divmod(codes, count)), border.astype(np.float64)


def similar_pairs(cells: Superpixels) -> tuple[npt.NDArray[np.int64], Array]:
    """Pairs (2, m) of superpixels of similar looks and places, and how similar they are."""
    count = len(cells.size)
    wanted = min(ALIKE, count - 1)
    if wanted < 1:
        return np.zeros((2, 0), np.int64), np.zeros(0)
    looks = np.concatenate(
        [
            cells.color / max(cells.color.std(axis=0).max(), NOTICEABLE),
            cells.place / max(cells.place.std(), 1e-12),
            cells.spread / max(cells.spread.std(), ROUGH),
        ],
        axis=1,
    )
    # The nearest is the superpixel itself, or its double.
    distance, other = cKDTree(looks).query(looks, k=wanted + 1)
    distance, other = distance[:, 1:], other[:, 1:]
    similarity = np.exp(-((distance / mean_or_floor(distance)) ** 2))
    pairs = np.stack([np.repeat(np.arange(count), wanted), other.ravel()])
    keep = pairs[0] != pairs[1]
    return pairs[:, keep], similarity.ravel()[keep]


def mean_or_floor(values: Array, least: float = 1e-12) -> float:
    """Mean of values, of which there may be none, or ``least`` if that is more."""
    return max(float(values.sum()) / max(1, values.size), least)
