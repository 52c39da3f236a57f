"""Random walker segmentation, updated incrementally for new seeds."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from napari_isr._persistent_thread import PersistentThread
from napari_isr.cancellation import check_cancelled

__all__ = ["IncrementalRandomWalker", "SuperLUFactor"]

Probabilities = npt.NDArray[np.float64]
FEW = 24  # seeds that are added to a solved system; of more, to solve it anew is quicker
AT_ONCE = 8  # right sides in one call: more of them do not fit the processor's cache
Array = npt.NDArray[np.float64]


class IncrementalRandomWalker:
    r"""Probabilities that a random walker first meets a seed of each class.

    The Dirichlet problem :math:`L_{ff} u_f = -L_{fs} u_s` of the free cells is factorised. When a
    few seeds :math:`n` with values :math:`v` are added, nothing is factorised again: the flows
    :math:`\lambda` that hold them follow from
    :math:`E^T L_{ff}^{-1} E \lambda = u_n - v`, with one column of :math:`L_{ff}^{-1} E` for each
    new seed, and the solution is :math:`u - L_{ff}^{-1} E \lambda`. It is the same up to rounding.

    Parameters
    ----------
    laplacian : (n, n) sparse matrix
        Of the graph; symmetric, positive definite.
    order : (n,) array of int, optional
        Order of elimination that keeps the factors sparse. Default: found for each system.
    """

    def __init__(self, laplacian: csr_matrix, order: npt.NDArray[np.int64] | None = None) -> None:
        self._laplacian, self._order = laplacian, order
        self._seeds = np.zeros(0, np.int64)  # of the factorised system
        self._free = np.zeros(0, np.int64)
        self._factor: Any = None
        self._solved: Probabilities = np.zeros((0, 0))  # of the free cells, all classes but 0

    def solve(self, seeds: npt.NDArray[np.int64], classes: int) -> Probabilities:
        """Solve for seeds.

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
        added = self._added(seeds)
        if added is None:
            self._solve(seeds, classes)
            added = np.zeros(0, np.int64)
        reached = np.zeros((len(seeds), classes))
        reached[self._free, 1:] = self._with(added, seeds, classes)
        fixed = np.flatnonzero(seeds >= 0)
        reached[fixed] = 0
        reached[:, 0] = 1 - reached[:, 1:].sum(1)
        reached[fixed] = np.eye(classes)[seeds[fixed]]
        reached = np.clip(reached, 0, 1)
        total = reached.sum(1, keepdims=True)
        return np.where(total > 0, reached / np.maximum(total, 1e-300), 1 / classes)

    def prefactorize(self, seeds: npt.NDArray[np.int64], classes: int) -> None:
        """Factorise for these seeds, so that those which come next are few."""
        added = self._added(seeds)
        if added is None or len(added):
            self._solve(seeds, classes)

    def _added(self, seeds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """Free cells that have become seeds; None where the system is to be solved anew."""
        if len(self._seeds) != len(seeds):
            return None
        old = self._seeds >= 0
        if (self._seeds[old] != seeds[old]).any():
            return None
        added: npt.NDArray[np.int64] = np.flatnonzero(seeds[self._free] >= 0)
        return added if len(added) <= FEW else None

    def _solve(self, seeds: npt.NDArray[np.int64], classes: int) -> None:
        free = np.flatnonzero(seeds < 0)
        if self._order is not None:
            free = self._order[seeds[self._order] < 0]
        fixed = np.flatnonzero(seeds >= 0)
        factor, solved = None, np.zeros((len(free), classes - 1))
        if len(free):
            rows = self._laplacian[free]
            factor = SuperLUFactor(rows[:, free].tocsc(), ordered=self._order is not None)
            if classes > 1:
                values = np.eye(classes)[seeds[fixed]][:, 1:]
                solved = factor.solve(np.asarray(-(rows[:, fixed] @ values), order="F"))
        # All together, and last: above it may be stopped.
        self._seeds, self._free, self._factor, self._solved = seeds.copy(), free, factor, solved

    def _with(
        self, added: npt.NDArray[np.int64], seeds: npt.NDArray[np.int64], classes: int
    ) -> Probabilities:
        """Solution (free cells, classes - 1) with some of the free cells held."""
        solved = self._solved
        if classes - 1 > solved.shape[1]:  # of a class that had no seed before
            more = classes - 1 - solved.shape[1]
            solved = np.concatenate([solved, np.zeros((len(solved), more))], axis=1)
        if not len(added):
            return solved
        columns = np.empty((len(solved), len(added)), order="F")
        for start in range(0, len(added), AT_ONCE):
            some = added[start : start + AT_ONCE]
            sources = np.zeros((len(solved), len(some)), order="F")
            sources[some, np.arange(len(some))] = 1
            columns[:, start : start + AT_ONCE] = self._factor.solve(sources)
            check_cancelled()
        wanted = np.eye(classes)[seeds[self._free[added]]][:, 1:]
        flows = np.linalg.solve(columns[added], solved[added] - wanted)
        changed: Probabilities = solved - columns @ flows
        return changed


class SuperLUFactor:
    """The factors of a symmetric, positive definite matrix, by SuperLU.

    SciPy keeps account of SuperLU's memory by thread: what is freed in another thread than it was
    made in is not freed at all (https://github.com/scipy/scipy/issues/15921). That was 5 MB for
    each image of 96 x 96 pixels that was looked at. So one thread that stays makes all factors and
    frees them.

    Parameters
    ----------
    matrix : (n, n) sparse matrix
    ordered : bool
        Whether rows and columns are in an order that keeps the factors sparse.
    """

    def __init__(self, matrix: csc_matrix, *, ordered: bool) -> None:
        self._made: list[Any] = []
        self._thread = _thread(os.getpid())
        make = partial(
            splu,
            matrix,
            permc_spec="NATURAL" if ordered else "MMD_AT_PLUS_A",
            diag_pivot_thresh=0,  # none is needed
            options={"SymmetricMode": True},
        )
        self._thread.call(lambda: self._made.append(make()))

    def solve(self, right: Array) -> Array:
        """Solve for right sides (n,) or (n, k), in the thread that calls."""
        found: Array = self._made[0].solve(right)
        return found

    def __del__(self) -> None:
        self._thread.post(self._made.clear)


@cache
def _thread(process: int) -> PersistentThread:
    """Return one thread for each process. Threads do not survive a fork."""
    return PersistentThread("napari-isr factors")
