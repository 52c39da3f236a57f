"""Convex hulls agree with brute force in whole numbers, in spaces of any dimension."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_isr.certificates import convexity_defects
from napari_isr.certificates.convex_hull import (
    convex_hull_mask,
    hull_corners,
    points_in_convex_hull,
)
from tests._hypothesis_profiles import examples

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7)))


def solve_exactly(matrix, right):
    """Solve a linear system in fractions; None if the matrix is singular."""
    rows = [
        [*map(Fraction, row), Fraction(value)] for row, value in zip(matrix, right, strict=True)
    ]
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def in_simplex(corners, point):
    """Return True if a point is a convex combination of affinely independent corners, exactly."""
    origin, *others = (np.array(corner, dtype=object) for corner in corners)
    columns = [other - origin for other in others]
    offset = np.array(point, dtype=object) - origin
    if not columns:
        return not any(offset)
    normal = [[int(a @ b) for b in columns] for a in columns]
    weights = solve_exactly(normal, [int(a @ offset) for a in columns])
    if weights is None or min(weights) < 0 or sum(weights) > 1:
        return False
    reached = sum(w * column for w, column in zip(weights, columns, strict=True))
    return all(a == b for a, b in zip(reached, offset, strict=True))


def in_hull_by_brute_force(points, queries):
    """Return True for queries in a simplex of the points (theorem of Caratheodory)."""
    points = [tuple(point) for point in np.unique(points, axis=0).tolist()]
    sizes = range(1, min(len(points), queries.shape[1] + 1) + 1)
    simplices = [corners for size in sizes for corners in itertools.combinations(points, size)]
    return np.array([any(in_simplex(c, query) for c in simplices) for query in queries.tolist()])


def hull_by_brute_force(mask):
    """Pixels in a segment or triangle of mask pixels, tested with whole numbers only."""
    inside = np.argwhere(mask).tolist()
    hull = mask.copy()

    def side(a, b, p):
        return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])

    def between(a, b, p):
        return all(min(x, y) <= z <= max(x, y) for x, y, z in zip(a, b, p, strict=True))

    for pixel in np.ndindex(mask.shape):
        if hull[pixel]:
            continue
        for a in inside:
            for b in inside:
                if side(a, b, pixel) == 0 and between(a, b, pixel):
                    hull[pixel] = True
                for c in inside:
                    sides = (side(a, b, pixel), side(b, c, pixel), side(c, a, pixel))
                    if side(a, b, c) != 0 and (min(sides) >= 0 or max(sides) <= 0):
                        hull[pixel] = True
    return hull


@given(hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_the_hull_of_a_mask_agrees_with_brute_force(mask):
    assert np.array_equal(convex_hull_mask(mask), hull_by_brute_force(mask))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6))
def test_the_hull_of_points_agrees_with_brute_force(points):
    mask = np.zeros((6, 6), bool)
    mask[tuple(np.transpose(points))] = True
    queries = np.argwhere(np.ones((6, 6)))
    found = points_in_convex_hull(np.array(points), queries).reshape(6, 6)
    assert np.array_equal(found, hull_by_brute_force(mask))


def test_the_hull_of_points_in_space():
    corners = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]])
    queries = np.array([[1, 1, 1], [3, 3, 0], [3, 3, 3], [7, 0, 0]])
    assert points_in_convex_hull(corners, queries).tolist() == [True, True, False, False]
    line = np.array([[1, 1, 1], [3, 3, 3]])
    queries = np.array([[1, 1, 1], [2, 2, 2], [2, 2, 3]])
    assert points_in_convex_hull(line, queries).tolist() == [True, True, False]


@given(MASKS)
def test_the_hull_of_a_mask_is_the_same_from_all_sides(mask):
    expected = convexity_defects(mask)
    assert np.array_equal(convexity_defects(mask.T).T, expected)
    assert np.array_equal(convexity_defects(mask[::-1])[::-1], expected)
    assert np.array_equal(convexity_defects(mask[:, ::-1])[:, ::-1], expected)


@given(MASKS)
def test_two_dimensions_agree_with_a_flat_third(mask):
    assert np.array_equal(convexity_defects(mask[None])[0], convexity_defects(mask))
    assert np.array_equal(convexity_defects(mask[:, None])[:, 0], convexity_defects(mask))
    assert np.array_equal(convexity_defects(mask[None, :, None])[0, :, 0], convexity_defects(mask))


def test_a_line_between_pixels_of_a_flat_volume_has_the_pixels_between():
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 0, 0] = mask[0, 4, 2] = True
    assert np.argwhere(convexity_defects(mask)).tolist() == [[0, 2, 1]]


@examples(60, 400)
@given(
    ndim=st.integers(2, 4),
    count=st.integers(1, 4),
    rank=st.integers(0, 3),
    seed=st.integers(0, 2**31),
)
def test_sets_that_do_not_span_the_space_agree_with_brute_force(ndim, count, rank, seed):
    rng = np.random.default_rng(seed)
    directions = rng.integers(-2, 3, size=(min(rank, ndim - 1), ndim))
    points = rng.integers(-1, 3, size=(count, len(directions))) @ directions
    points -= points.min(axis=0)
    sizes = points.max(axis=0) + 1
    mask = np.zeros(sizes, bool)
    mask[tuple(points.T)] = True
    queries = np.unique(rng.integers(0, sizes, size=(30, ndim)), axis=0)
    # Points that are certain to lie in the affine span.
    between = np.argwhere(convex_hull_mask(mask))
    queries = np.concatenate([queries, between[:20]])
    expected = in_hull_by_brute_force(points, queries)
    assert expected[-len(between[:20]) :].all()
    assert np.array_equal(convex_hull_mask(mask)[tuple(queries.T)], expected)
    assert np.array_equal(points_in_convex_hull(points, queries), expected)
    assert np.array_equal(points_in_convex_hull(points.astype(float), queries + 0.0), expected)


@examples(30, 100)
@given(st.integers(0, 2**31))
def test_the_hull_of_a_volume_agrees_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((4, 3, 5), bool)
    mask[tuple(rng.integers(0, mask.shape, size=(6, 3)).T)] = True
    every = np.argwhere(np.ones(mask.shape))
    expected = in_hull_by_brute_force(np.argwhere(mask), every)
    assert np.array_equal(convex_hull_mask(mask).ravel(), expected)
    assert np.array_equal(points_in_convex_hull(np.argwhere(mask), every), expected)


def test_points_of_a_plane_and_of_a_line_in_space_are_exact_for_large_numbers():
    step = np.array([2**16 + 1, 2**16 - 1, 3])
    line = np.stack([0 * step, 2 * step])
    beside = step + np.array([0, 1, 0])
    assert points_in_convex_hull(line, np.stack([step, beside])).tolist() == [True, False]
    triangle = np.stack([0 * step, 4 * step, [0, 0, 8]])
    inside, outside = 2 * step + np.array([0, 0, 1]), 2 * step + np.array([0, 0, 5])
    assert points_in_convex_hull(triangle, np.stack([inside, outside])).tolist() == [True, False]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_corners_are_in_order_and_span_the_hull(points):
    corners = hull_corners(np.array(points))
    assert len({tuple(corner) for corner in corners.tolist()}) == len(corners)
    every = np.argwhere(np.ones((6, 6)))
    expected = points_in_convex_hull(np.array(points), every)
    assert np.array_equal(points_in_convex_hull(corners, every), expected)
    if len(corners) > 2:
        side, following = np.roll(corners, -1, 0) - corners, np.roll(corners, -2, 0) - corners
        assert (side[:, 0] * following[:, 1] - side[:, 1] * following[:, 0] > 0).all()


@pytest.mark.parametrize("count", [5, 3000])
def test_many_points_of_a_plane_in_space_need_no_memory_for_pairs(count):
    rng = np.random.default_rng(0)
    flat = rng.uniform(-1, 1, size=(count, 2))
    points = np.column_stack([flat, flat.sum(axis=1)])
    middle = points.mean(axis=0)
    queries = np.stack([middle, middle + np.array([0, 0, 0.1])])
    assert points_in_convex_hull(points, queries).tolist() == [True, False]
