"""Factors of a sparse matrix, whose memory is given back wherever they are let go of."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from napari_isr._persistent_thread import PersistentThread

__all__ = ["SuperLUFactor"]

Array = npt.NDArray[np.float64]


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
    """One for each process: threads do not come along where it is forked."""
    return PersistentThread("napari-isr factors")
