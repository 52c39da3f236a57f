"""The exact optima of the benchmarks, against enumeration of every set on tiny grids."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow


def _load(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_benchmark_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


exact, pointwise = _load("optimality_gap_exact"), _load("optimality_gap_pointwise")


def _projections(shape: tuple[int, int]) -> NDArray[np.intp]:
    """Position of every pixel across every line direction of the grid: (n, H * W)."""
    top = max(shape[0] - 1, 1), max(shape[1] - 1, 1)
    normals = [(a, b) for a in range(-top[1], top[1] + 1) for b in range(-top[0], top[0] + 1)]
    return np.array(normals) @ np.indices(shape).reshape(2, -1)


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixel centres in the convex hull of a non-empty mask."""
    positions = _projections(mask.shape)
    most = positions[:, mask.ravel()].max(axis=1, keepdims=True)
    return (positions <= most).all(axis=0).reshape(mask.shape)


def _all_convex(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Every digitally convex set, (n, H * W), by closing every subset."""
    bits = 1 << np.arange(shape[0] * shape[1])
    subsets = np.arange(1 << len(bits))
    closed = np.full_like(subsets, subsets[-1])
    for position in _projections(shape):
        for level in np.unique(position):  # every half-plane, as bits
            cut = bits[position <= level].sum()
            closed[(subsets & ~cut) == 0] &= cut
    convex = subsets[(closed == subsets) | (subsets == 0)]
    return (convex[:, None] & bits != 0).astype(float)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 7), (3, 5), (4, 4), (5, 3)])
def test_convex_is_the_best_of_all_convex_sets(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0] * 10 + shape[1])
    family = _all_convex(shape)
    for k in range(120):
        w = rng.integers(-3, 4, shape) if k % 2 else rng.normal(rng.normal() / 2, 1, shape)
        mask, value = exact.exact_convex(w)
        assert value == pytest.approx((family @ w.ravel()).max(), abs=1e-9)
        assert value == pytest.approx(w[mask].sum(), abs=1e-9)
        assert (family == mask.ravel()).all(axis=1).any()


def test_convex_on_four_by_five() -> None:
    family = _all_convex((4, 5))
    for w in np.random.default_rng(0).normal(-0.1, 1, (40, 4, 5)):
        mask, value = exact.exact_convex(w)
        assert value == pytest.approx((family @ w.ravel()).max(), abs=1e-9)
        assert (family == mask.ravel()).all(axis=1).any()


def test_convex_on_a_larger_grid() -> None:
    rng = np.random.default_rng(1)
    w = rng.normal(-0.1, 1, (11, 14))
    mask, value = exact.exact_convex(w)
    np.testing.assert_array_equal(_hull(mask), mask)
    assert w[mask].sum() == pytest.approx(value)
    for view in (w.T, w[::-1], w[:, ::-1]):
        assert exact.exact_convex(view)[1] == pytest.approx(value)


def test_convex_recovers_a_convex_mask() -> None:
    seed = np.zeros((16, 20), dtype=bool)
    seed[[2, 5, 13, 9], [9, 17, 12, 1]] = True
    truth = _hull(seed)
    mask, value = exact.exact_convex(np.where(truth, 1.0, -1.0))
    np.testing.assert_array_equal(mask, truth)
    assert value == truth.sum()


def test_convex_empty_and_thin() -> None:
    mask, value = exact.exact_convex(-np.ones((3, 4)))
    assert value == 0
    assert not mask.any()
    w = -np.ones((2, 3))
    w[0, 0] = w[1, 2] = 1  # the hull passes between the centres of the middle column
    assert exact.exact_convex(w)[1] == 2
    with pytest.raises(ValueError, match="finite"):
        exact.exact_convex(np.full((2, 2), np.nan))


def test_class_weights_are_the_class_weighted_error() -> None:
    rng = np.random.default_rng(2)
    target, mask = rng.random((6, 7)), rng.random((6, 7)) < 0.4
    w, inside = exact.class_weights(target, 0.4), target >= 0.5

    def error(shape: NDArray[np.bool_]) -> float:
        square = (shape - target) ** 2
        return float(0.4 * square[inside].mean() + 0.6 * square[~inside].mean())

    assert error(mask) == pytest.approx(error(np.zeros_like(mask)) - w[mask].sum())


def _star_parents(shape: tuple[int, int], center: tuple[int, int], rays: str) -> NDArray[np.intp]:
    """For each pixel the one it needs, written pixel by pixel; the centre needs itself."""
    parents = np.empty(shape, dtype=np.intp)
    for pixel in np.ndindex(shape):
        offset = np.subtract(pixel, center)
        steps = int(np.abs(offset).max() if rays == "discrete" else np.gcd(*offset))
        at = offset * (steps - 1) / max(steps, 1)
        inner = np.sign(at) * np.floor(np.abs(at) + 0.5) + center if steps else pixel
        parents[pixel] = np.ravel_multi_index(tuple(np.asarray(inner, dtype=int)), shape)
    return parents.ravel()


@pytest.mark.parametrize("rays", ["discrete", "exact"])
@pytest.mark.parametrize("center", [(3, 4), (0, 0), (8, 2)])
def test_star_is_the_graph_cut(center: tuple[int, int], rays: str) -> None:
    shape = (9, 8)
    w = np.random.default_rng(3).integers(-9, 12, shape)
    mask, value = pointwise.exact_star(w, center, rays)
    parents, flat = _star_parents(shape, center, rays), w.ravel()
    assert mask.ravel()[parents][mask.ravel()].all()
    assert value == w[mask].sum()
    assert mask[center]
    n, pixels, big = flat.size, np.arange(flat.size), 10_000
    capacity = np.concatenate([np.maximum(flat, 0), np.maximum(-flat, 0), np.full(n, big)])
    tails = np.concatenate([np.full(n, n), pixels, pixels])
    heads = np.concatenate([pixels, np.full(n, n + 1), parents])
    graph = coo_array((capacity.astype(np.int32), (tails, heads)), shape=(n + 2, n + 2)).tocsr()
    flow = maximum_flow(graph, n, n + 1).flow_value
    assert value == np.maximum(flat, 0).sum() - flow


def test_star_exact_rays_admit_samples_of_a_star() -> None:
    y, x = np.indices((21, 21)) - 10
    truth = np.hypot(x, y) <= 6 + 3 * np.cos(5 * np.arctan2(y, x))
    mask, _ = pointwise.exact_star(np.where(truth, 1, -1), (10, 10), "exact")
    np.testing.assert_array_equal(mask, truth)


def test_star_of_one_pixel_and_errors() -> None:
    assert pointwise.exact_star([[2.0]], (0, 0))[1] == 2
    assert not pointwise.exact_star([[-2.0]], (0, 0))[0].any()
    with pytest.raises(ValueError, match="center"):
        pointwise.exact_star(np.ones((2, 2)), (2, 0))
    with pytest.raises(ValueError, match="rays"):
        pointwise.exact_star(np.ones((2, 2)), (0, 0), "other")


def test_symmetric_on_the_grid() -> None:
    p = np.random.default_rng(4).random((7, 9))
    mask, mean = pointwise.exact_symmetric(p, pointwise.mirror_maps((3, 4), 0.0))
    np.testing.assert_allclose(mean, (p + p[::-1]) / 2)
    np.testing.assert_array_equal(mask, mask[::-1])
    _, mean = pointwise.exact_symmetric(p, pointwise.mirror_maps((3, 4), np.pi / 2))
    np.testing.assert_allclose(mean, (p + p[:, ::-1]) / 2)
    square = p[:, :7]
    _, mean = pointwise.exact_symmetric(square, pointwise.mirror_maps((0, 0), np.pi / 4))
    np.testing.assert_allclose(mean, (square + square.T) / 2)
    _, mean = pointwise.exact_symmetric(square, pointwise.rotation_maps((3, 3), 4))
    np.testing.assert_allclose(mean, sum(np.rot90(square, k) for k in range(4)) / 4)


def test_symmetric_counts_only_what_is_in_the_image() -> None:
    p = np.random.default_rng(5).random((4, 6))
    _, mean = pointwise.exact_symmetric(p, pointwise.mirror_maps((1, 0), 0.0))  # row 3 leaves
    np.testing.assert_allclose(mean[3], p[3])
    np.testing.assert_allclose(mean[0], (p[0] + p[2]) / 2)
