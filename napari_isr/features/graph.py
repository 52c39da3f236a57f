"""A graph of neighbouring cells: how strokes spread along an image."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu

__all__ = ["CellGraph"]

CONTRAST = 3.0  # how much an edge of mean contrast holds a walker up
LEAK = 1e-6  # conductance of the strongest edge
STRIDE = 0.1  # length of a step across no contrast, in steps of mean contrast
FAR = 1e9  # distance where there is no way


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

    References
    ----------
    .. [1] Grady, "Random walks for image segmentation", IEEE TPAMI 2006, section III.
    .. [2] Bai & Sapiro, "Geodesic matting", IJCV 2009, section 2.
    """

    def __init__(self, colours: npt.NDArray[np.floating], diagonal: bool = True) -> None:
        self.sizes = colours.shape[:-1]
        self.count = int(np.prod(self.sizes))
        first, second, length = _neighbours(self.sizes, diagonal)
        flat = colours.reshape(self.count, -1).astype(np.float64)
        square = ((flat[first] - flat[second]) ** 2).sum(1) / length**2
        square /= square.mean() + 1e-12 if len(square) else 1.0
        conductance = np.exp(-CONTRAST * square) / length + LEAK
        graph = self._matrix(conductance, first, second)
        graph = graph + graph.T
        self._laplacian = (diags(np.asarray(graph.sum(1)).ravel() + 1e-9) - graph).tocsr()
        steps = np.sqrt(square) * length
        steps /= steps.mean() + 1e-12 if len(steps) else 1.0
        self._distances = self._matrix(STRIDE * length + steps, first, second)

    def _matrix(
        self,
        values: npt.NDArray[np.float64],
        first: npt.NDArray[np.int64],
        second: npt.NDArray[np.int64],
    ) -> csr_matrix:
        return coo_matrix((values, (first, second)), shape=(self.count, self.count)).tocsr()

    def random_walk(self, seeds: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
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
        fixed = seeds >= 0
        reached = np.zeros((self.count, classes))
        reached[np.flatnonzero(fixed), seeds[fixed]] = 1
        free = np.flatnonzero(~fixed)
        if len(free):
            rows = self._laplacian[free]
            # Symmetric and positive definite: no pivoting, and an ordering that keeps it sparse.
            factor = splu(
                rows[:, free].tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0,
                options={"SymmetricMode": True},
            )
            reached[free] = factor.solve(-(rows[:, fixed] @ reached[fixed]))
        reached = np.clip(reached, 0, 1)
        total = reached.sum(1, keepdims=True)
        return np.where(total > 0, reached / np.maximum(total, 1e-300), 1 / classes)

    def geodesic(self, seeds: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
        """Length of the shortest way to a seed of each class, along and across contrasts.

        Parameters
        ----------
        seeds, classes
            As for :meth:`random_walk`.

        Returns
        -------
        (n, classes) array
        """
        columns = []
        for k in range(classes):
            found = dijkstra(
                self._distances,
                directed=False,
                indices=np.flatnonzero(seeds == k),
                min_only=True,
            )
            columns.append(np.minimum(found, FAR))
        return np.stack(columns, axis=1)


def _neighbours(
    sizes: tuple[int, ...], diagonal: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Pairs of neighbouring cells, each once, and their distances."""
    index = np.arange(int(np.prod(sizes))).reshape(sizes)
    first, second, length = [], [], []
    for offset in product((-1, 0, 1), repeat=len(sizes)):
        steps = sum(map(abs, offset))
        # Of an offset and its opposite, only the one whose first step is forward.
        if offset <= (0,) * len(sizes) or steps > (len(sizes) if diagonal else 1):
            continue
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, sizes, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, sizes, strict=True))
        first.append(index[here].ravel())
        second.append(index[there].ravel())
        length.append(np.full(first[-1].size, np.sqrt(steps)))
    return np.concatenate(first), np.concatenate(second), np.concatenate(length)
