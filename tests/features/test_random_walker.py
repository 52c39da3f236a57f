"""The random walk when seeds are added: the same answer as from nothing."""

import numpy as np
import pytest

from napari_isr.cancellation import Cancelled
from napari_isr.features import random_walker as walker
from napari_isr.features.cell_grid import CellGraph, _dissection
from napari_isr.features.random_walker import FEW, IncrementalRandomWalker


@pytest.fixture
def graph():
    return CellGraph(np.random.default_rng(0).random((24, 31, 3)))


def first(graph):
    seeds = np.full(graph.count, -1)
    seeds[[3, 40, 41]] = 0
    seeds[[300, 301]] = 1
    return seeds


def fresh(graph, seeds, classes):
    return IncrementalRandomWalker(graph._walker._laplacian).solve(seeds, classes)


def count_factors(monkeypatch):
    solved, solve = [], IncrementalRandomWalker._solve

    def counted(self, *args):
        solved.append(1)
        solve(self, *args)

    monkeypatch.setattr(IncrementalRandomWalker, "_solve", counted)
    return solved


def test_added_seeds_need_no_new_factors(graph, monkeypatch):
    solved = count_factors(monkeypatch)
    seeds = first(graph)
    graph.random_walk_probabilities(seeds, 2)
    for cell, k in ((310, 1), (50, 0), (600, 1), (601, 1)):
        seeds = seeds.copy()
        seeds[cell] = k
        found = graph.random_walk_probabilities(seeds, 2)
    assert len(solved) == 1
    np.testing.assert_allclose(found, fresh(graph, seeds, 2), atol=1e-9)
    np.testing.assert_array_equal(found[seeds >= 0].argmax(1), seeds[seeds >= 0])


def test_a_class_may_be_added(graph, monkeypatch):
    solved = count_factors(monkeypatch)
    seeds = first(graph)
    graph.random_walk_probabilities(seeds, 2)
    seeds[[500, 501]] = 2
    found = graph.random_walk_probabilities(seeds, 3)
    assert len(solved) == 1
    np.testing.assert_allclose(found, fresh(graph, seeds, 3), atol=1e-9)


def test_a_walk_that_is_stopped_leaves_the_last_one(graph, monkeypatch):
    def stopped(*args, **kwargs):
        raise Cancelled

    seeds = first(graph)
    graph.random_walk_probabilities(seeds, 2)
    other = seeds.copy()
    other[[3, 300]] = 1, 0
    with monkeypatch.context() as patch:
        patch.setattr(walker, "SuperLUFactor", stopped)
        with pytest.raises(Cancelled):
            graph.random_walk_probabilities(other, 2)
    for some in (other, seeds):
        np.testing.assert_allclose(
            graph.random_walk_probabilities(some, 2), fresh(graph, some, 2), atol=1e-9
        )


@pytest.mark.parametrize("change", ["removed", "relabelled", "many"])
def test_other_changes_are_solved_anew(graph, monkeypatch, change):
    solved = count_factors(monkeypatch)
    seeds = first(graph)
    graph.random_walk_probabilities(seeds, 2)
    if change == "removed":
        seeds[41] = -1
    elif change == "relabelled":
        seeds[41] = 1
    else:
        seeds[400 : 401 + FEW] = 1
    found = graph.random_walk_probabilities(seeds, 2)
    assert len(solved) == 2
    np.testing.assert_allclose(found, fresh(graph, seeds, 2), atol=1e-9)


def test_to_prepare_makes_all_seeds_old_ones(graph, monkeypatch):
    solved = count_factors(monkeypatch)
    seeds = first(graph)
    graph.prefactorize(seeds, 2)
    graph.prefactorize(seeds, 2)  # nothing to do
    assert len(solved) == 1
    seeds[310] = 1
    before = graph.random_walk_probabilities(seeds, 2)
    graph.prefactorize(seeds, 2)
    assert len(solved) == 2
    np.testing.assert_allclose(graph.random_walk_probabilities(seeds, 2), before, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (17, 23), (64, 64)])
def test_the_order_of_elimination_has_every_cell_once(shape):
    order = _dissection(*shape)
    np.testing.assert_array_equal(np.sort(order), np.arange(shape[0] * shape[1]))


def test_lengths_are_kept_for_the_classes_that_did_not_change(graph, monkeypatch):
    import napari_isr.features.cell_grid as module

    asked = []
    dijkstra = module.dijkstra
    monkeypatch.setattr(
        module, "dijkstra", lambda *args, **kw: asked.append(1) or dijkstra(*args, **kw)
    )
    seeds = first(graph)
    graph.geodesic_distances(seeds, 2)
    seeds[310] = 1
    found = graph.geodesic_distances(seeds, 2)
    assert len(asked) == 3
    graph._lengths.clear()
    np.testing.assert_array_equal(graph.geodesic_distances(seeds, 2), found)
