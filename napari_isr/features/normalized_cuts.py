"""Superpixels and normalized cuts of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.features.cache import Arrays, FeatureCache, content_hash_key
from napari_isr.features.color import to_lab_or_scaled
from napari_isr.features.source_image import PlaneReader, SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = ["NormalizedCutFeatures", "Superpixels", "affinities", "normalized_cuts", "slic_planes"]

Array = npt.NDArray[np.float32]
VERSION = 1  # of the computation: what is kept by another version is not used
SIDE = 512  # of the square with as many pixels as are looked at, all planes together
SUPERPIXELS = 1000
PLANES = 16  # of a stack that are looked at; the others are taken for the nearest of them
SHIFT = 1e-4  # below the least eigenvalue, 0, so that there is something to invert
STIFF = 1e-3  # eigenvalue below which a cut is as good as free
COMPACTNESS = 20.0  # of SLIC: Lab units that the diameter of a superpixel counts for
ITERATIONS = 5
CONTRAST = 3.0  # how much an edge of mean contrast parts two neighbours
WEAKEST = 1e-4  # affinity of neighbours across the strongest edge
ALIKE = 10  # superpixels that each is joined to for their looks
ALIKENESS = 3.0  # weight of these edges beside those of neighbours
NOTICEABLE = 3.0  # Lab units; less is not told apart from noise
ROUGH = 1.0  # the same for deviations inside of a superpixel
Floats = npt.NDArray[np.floating]


class NormalizedCutFeatures:
    """Normalised cuts of a graph of superpixels: 16 features that need no weights.

    They also stand in for the semantic features where there are no weights. Each feature parts the
    image softly in two, where it has strong edges and between what looks unlike; the first ones
    are the best cuts.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    cache : FeatureCache
        Keeps superpixels and cuts.
    name : str, optional
        What the block is called: ``"semantic"`` where it stands in.

    References
    ----------
    .. [1] Shi & Malik, "Normalized cuts and image segmentation", IEEE TPAMI 2000.
    .. [2] Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods",
       IEEE TPAMI 2012.
    """

    source = "normalised cuts of superpixels"
    width = 16

    def __init__(
        self, image: SourceImage, frame: ImageGeometry, cache: FeatureCache, name: str = "spectral"
    ) -> None:
        self.frame, self.cache, self.name = frame, cache, name
        # In a volume of time and depth as many steps along either axis.
        most = int(PLANES ** (1 / max(1, frame.ndim - 2)) + 1e-9)
        self.axes = [
            np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
            for n in frame.shape[:-2]
        ]
        self.grid = tuple(len(axis) for axis in self.axes)
        self.planes = PlaneReader(image, frame, round(SIDE / math.sqrt(math.prod(self.grid))))
        self._key: str | None = None

    def at(self, points: npt.NDArray[np.floating]) -> Array:
        """Features (n, 16) at pixel coordinates (n, d): those of the superpixel there."""
        found = self._found()
        features = np.empty((len(points), self.width), np.float32)
        last = np.array(self.planes.size) - 1
        for plane, chosen, where in self.planes.group_by_plane(points):
            nearest = [np.abs(a - i).argmin() for a, i in zip(self.axes, plane, strict=True)]
            index = int(np.ravel_multi_index(nearest, self.grid)) if nearest else 0
            rows, columns = np.clip(np.rint(where), 0, last).astype(int).T
            features[chosen] = found["cuts"][found["labels"][index, rows, columns]]
        return features

    def _found(self) -> Arrays:
        """Superpixels (p, h, w) and their features (n, 16)."""
        if self._key is None:
            self._key = content_hash_key(
                "spectral", VERSION, self.grid, self.frame.spacing, self._pixels()
            )
        return self.cache.get_or_compute(self._key, self._compute, self._fits)

    def _fits(self, arrays: Arrays) -> bool:
        if set(arrays) != {"labels", "cuts"}:
            return False
        labels, cuts = np.asarray(arrays["labels"]), arrays["cuts"]
        shape = (math.prod(self.grid), *self.planes.size)
        return (
            labels.shape == shape
            and labels.dtype.kind in "iu"
            and cuts.shape == (int(labels.max()) + 1, self.width)
        )

    def _pixels(self) -> Array:
        return np.stack([self.planes.pixels(plane) for plane in product(*self.axes)])

    def _compute(self) -> Arrays:
        colors = to_lab_or_scaled(self._pixels())
        cells = slic_planes(colors, self._places(), SUPERPIXELS)
        check_cancelled()
        cuts = normalized_cuts(affinities(cells, self.grid), cells.size, self.width)
        return {"labels": cells.labels, "cuts": cuts.astype(np.float32)}

    def _places(self) -> npt.NDArray[np.float64]:
        """Physical coordinates (p, h, w, d) of the pixels that are looked at."""
        sizes = zip(self.planes.size, self.frame.shape[-2:], strict=True)
        inside = [(np.arange(n) + 0.5) * size / n for n, size in sizes]
        axes = [a * s for a, s in zip([*self.axes, *inside], self.frame.spacing, strict=True)]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return places.reshape(-1, *self.planes.size, self.frame.ndim)


def normalized_cuts(
    affinity: csr_matrix, size: npt.NDArray[np.floating], count: int
) -> npt.NDArray[np.float64]:
    r"""Eigenvectors of the random walk on a graph, the slowest first.

    Solves :math:`(D - W) y = \lambda D y`. Each vector has zero mean and the variance
    :math:`1 / (\lambda + \epsilon)` over all pixels, times one factor that makes the mean variance
    1: better cuts count for more.

    Parameters
    ----------
    affinity : (n, n) sparse matrix
        Symmetric, not negative.
    size : (n,) array
        Pixels of each node.
    count : int
        Number of vectors; those that a small graph does not have are zero.

    Returns
    -------
    (n, count) array
        The sign of a vector is that which makes its largest value positive.
    """
    nodes = len(size)
    vectors = np.zeros((nodes, count))
    wanted = min(count + 1, nodes)  # the first is constant
    if wanted < 2:
        return vectors
    degree = np.asarray(affinity.sum(axis=1)).ravel() + 1e-12
    root = diags(1 / np.sqrt(degree))
    laplacian = identity(nodes) - root @ affinity @ root
    if nodes <= 2 * wanted:
        values, found = np.linalg.eigh(laplacian.toarray())
    else:
        start = 1.5 + np.cos(np.arange(nodes))  # any that is the same each time
        values, found = run_cancellable(
            lambda: eigsh(laplacian.tocsc(), wanted, sigma=-SHIFT, v0=start)
        )
    order = np.argsort(values)[1:wanted]
    found = found[:, order] / np.sqrt(degree)[:, None]
    share = size / size.sum()
    found = found - share @ found
    found /= np.sqrt(np.maximum(share @ found**2, 1e-24))
    found *= np.sign(found[np.abs(found).argmax(axis=0), range(len(order))])
    weight = 1 / (np.maximum(values[order], 0) + STIFF)
    vectors[:, : len(order)] = found * np.sqrt(weight * count / weight.sum())
    return vectors


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
    size: Floats
    place: Floats
    color: Floats
    spread: Floats


def slic_planes(colors: Floats, places: Floats, count: int) -> Superpixels:
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

    def means(values: Floats) -> Floats:
        columns = values.reshape(len(flat), -1).T
        return np.stack([np.bincount(flat, c, total) for c in columns], axis=1) / size[:, None]

    color = means(colors)
    spread = np.sqrt(means((colors - color[labels]) ** 2))
    return Superpixels(labels, size, means(places), color, spread)


def affinities(cells: Superpixels, grid: tuple[int, ...]) -> csr_matrix:
    """Return the affinities of superpixels, a symmetric matrix (n, n).

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
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Pairs (2, m) of neighbouring superpixels, and the lengths of their borders."""
    found = []
    for axis in range(labels.ndim):
        ahead = np.moveaxis(labels, axis, 0).astype(np.int64)
        low, high = np.minimum(ahead[1:], ahead[:-1]), np.maximum(ahead[1:], ahead[:-1])
        found.append((low * count + high)[low != high])
    codes, border = np.unique(np.concatenate(found), return_counts=True)
    return np.stack(np.divmod(codes, count)), border.astype(np.float64)


def similar_pairs(cells: Superpixels) -> tuple[npt.NDArray[np.int64], Floats]:
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


def mean_or_floor(values: Floats, least: float = 1e-12) -> float:
    """Mean of values, of which there may be none, or ``least`` if that is more."""
    return max(float(values.sum()) / max(1, values.size), least)
