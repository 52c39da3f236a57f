"""Factors of a sparse matrix: what they solve, and where they are freed."""

import threading

import numpy as np
import pytest
from scipy.sparse import csc_matrix, diags

from napari_isr.features.random_walker import SuperLUFactor


@pytest.mark.parametrize("ordered", [True, False])
def test_it_solves(ordered):
    matrix = csc_matrix(diags([-1.0, 3.0, -1.0], [-1, 0, 1], shape=(40, 40)))
    right = np.random.default_rng(0).random((40, 3))
    found = SuperLUFactor(matrix, ordered=ordered).solve(right)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-12)


def test_it_is_freed_in_the_thread_that_made_it():
    """SciPy leaks what is freed in another one."""
    freed, done = [], threading.Event()

    class Beside:
        def __del__(self):
            freed.append(threading.current_thread().name)
            done.set()

    factor = SuperLUFactor(csc_matrix(np.eye(3)), ordered=False)
    factor._made.append(Beside())
    made = [factor]
    del factor
    other = threading.Thread(target=made.clear)
    other.start()
    other.join()
    assert done.wait(30)
    assert freed == ["napari-isr factors"]
