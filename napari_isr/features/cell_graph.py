"""A graph of neighbouring cells: how strokes spread along an image."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import dijkstra

from napari_isr.features.random_walker import IncrementalRandomWalker

__all__ = ["CellGraph"]

CONTRAST = 3.0  # how much an edge of mean contrast holds a walker up
LEAK = 1e-6  # conductance of the strongest edge
STRIDE = 0.1  # length of a step across no contrast, in steps of mean contrast
FAR = 1e9  # distance where there is no way
DISSECTED = 16  # cells of a grid that is not split further

Ways = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class CellGraph:
    r"""Cells of an image, joined to their neighbours by edges that know the contrast.

    The squared contrast :math:`c_{ij}^2` of two cells is their squared distance in colour over
    their squared distance in space, divided by its mean over the image.

    Parameters
    ----------
    colours : (n1, ..., nd, c) array
        Colours of the cells, in units that mean the same for every channel.
    diagonal : bool, optional
        Join cells that touch at a corner only, too (in a plane).
    ways : pair of (m,) arrays of int, optional
        Cells that are joined from frame to frame instead of those that lie at the same place; the
        first axis is time.

    References
    ----------
    .. [1] Grady, "Random walks for image segmentation", IEEE TPAMI 2006, section III.
    .. [2] Bai & Sapiro, "Geodesic matting", IJCV 2009, section 2.
    """

    def __init__(
        self, colors: npt.NDArray[np.floating], diagonal: bool = True, ways: Ways | None = None
    ) -> None:
        self.sizes = colors.shape[:-1]
        self.count = int(np.prod(self.sizes))
        first, second, length = _neighbors(self.sizes, diagonal, ways)
        flat = colors.reshape(self.count, -1).astype(np.float64)
        square = ((flat[first] - flat[second]) ** 2).sum(1) / length**2
        square /= square.mean() + 1e-12 if len(square) else 1.0
        conductance = np.exp(-CONTRAST * square) / length + LEAK
        graph = self._matrix(conductance, first, second)
        graph = graph + graph.T
        laplacian = (diags(np.asarray(graph.sum(1)).ravel() + 1e-9) - graph).tocsr()
        plane = len(self.sizes) == 2
        self._walker = IncrementalRandomWalker(
            laplacian, _dissection(*self.sizes) if plane else None
        )
        steps = np.sqrt(square) * length
        steps /= steps.mean() + 1e-12 if len(steps) else 1.0
        self._distances = self._matrix(STRIDE * length + steps, first, second)
        self._lengths: dict[bytes, npt.NDArray[np.float64]] = {}

    def _matrix(
        self,
        values: npt.NDArray[np.float64],
        first: npt.NDArray[np.int64],
        second: npt.NDArray[np.int64],
    ) -> csr_matrix:
        return coo_matrix((values, (first, second)), shape=(self.count, self.count)).tocsr()

    def random_walk_probabilities(
        self, seeds: npt.NDArray[np.int64], classes: int
    ) -> npt.NDArray[np.float64]:
        """Probability that a random walker first meets a seed of each class.

        Parameters
        ----------
        seeds : (n,) array of int
            Class of each cell, -1 where it is not known.
        classes : int
            Number of classes; each has a seed.

        Returns
        -------
        (n, classes) array
            Rows add up to 1.
        """
        return self._walker.solve(seeds, classes)

    def prefactorize(self, seeds: npt.NDArray[np.int64], classes: int) -> None:
        """Make ready for a few more seeds: see :meth:`IncrementalRandomWalker.prefactorize`."""
        self._walker.prefactorize(seeds, classes)

    def geodesic_distances(
        self, seeds: npt.NDArray[np.int64], classes: int
    ) -> npt.NDArray[np.float64]:
        """Length of the shortest way to a seed of each class, along and across contrasts.

        Parameters
        ----------
        seeds, classes
            As for :meth:`random_walk_probabilities`.

        Returns
        -------
        (n, classes) array
        """
        columns, known = [], self._lengths
        self._lengths = {}  # of the last call: a stroke changes the seeds of one class
        for k in range(classes):
            of_class = np.flatnonzero(seeds == k)
            key = of_class.tobytes()
            found = known.get(key)
            if found is None:
                found = dijkstra(self._distances, directed=False, indices=of_class, min_only=True)
            self._lengths[key] = found
            columns.append(np.minimum(found, FAR))
        return np.stack(columns, axis=1)


def _dissection(height: int, width: int) -> npt.NDArray[np.int64]:
    """Order the cells of a grid so that eliminating them one by one keeps the factors sparse.

    Nested dissection: both halves of the grid, then the line of cells between them.
    """
    cells = np.arange(height * width).reshape(height, width)
    parts: list[npt.NDArray[np.int64]] = []

    def split(part: npt.NDArray[np.int64]) -> None:
        longer = part.T if part.shape[0] < part.shape[1] else part
        if part.size <= DISSECTED:
            parts.append(part.ravel())
            return
        middle = len(longer) // 2
        split(longer[:middle])
        split(longer[middle + 1 :])
        parts.append(longer[middle])

    split(cells)
    return np.concatenate(parts)


def _neighbors(
    sizes: tuple[int, ...], diagonal: bool, ways: Ways | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Pairs of neighbouring cells, each once, and their distances."""
    index = np.arange(int(np.prod(sizes))).reshape(sizes)
    first, second, length = [], [], []
    for offset in product((-1, 0, 1), repeat=len(sizes)):
        steps = sum(map(abs, offset))
        if ways is not None and offset[0] != 0:
            continue
        # Of an offset and its opposite, only the one whose first step is forward.
        if offset <= (0,) * len(sizes) or steps > (len(sizes) if diagonal else 1):
            continue
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, sizes, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, sizes, strict=True))
        first.append(index[here].ravel())
        second.append(index[there].ravel())
        length.append(np.full(first[-1].size, np.sqrt(steps)))
    if ways is not None:
        first.append(ways[0])
        second.append(ways[1])
        length.append(np.ones(len(ways[0])))
    return np.concatenate(first), np.concatenate(second), np.concatenate(length)
