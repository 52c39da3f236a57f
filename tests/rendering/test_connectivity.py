"""Pixels of connected sets: what falls apart is joined, what must not be there is filled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.certificates.connected import (
    check_connected,
    count_components,
    count_holes,
    euler_number,
)
from napari_isr.rendering.connectivity import repair_mask


def straight(start, stop, fractions):
    return start + fractions[:, None] * (stop - start)


def barbell(axes, width):
    """Two discs at (20, 20) and (80, 60), joined by a straight neck of the given width."""
    row, column = np.meshgrid(*axes, indexing="ij")
    first, second = np.array([20.0, 20.0]), np.array([80.0, 60.0])
    way = second - first
    along = ((row - first[0]) * way[0] + (column - first[1]) * way[1]) / (way @ way)
    near = along.clip(0, 1)
    off = np.hypot(row - first[0] - near * way[0], column - first[1] - near * way[1])
    discs = [np.hypot(row - r, column - c) < 12 for r, c in (first, second)]
    return discs[0] | discs[1] | (off < width / 2)


def along_the_neck(start, stop, fractions):
    """From anywhere in the barbell over the centres of both discs."""
    corners = [start, np.array([20.0, 20.0]), np.array([80.0, 60.0]), stop]
    if np.hypot(*(start - corners[2])) < np.hypot(*(start - corners[1])):
        corners[1:3] = corners[2:0:-1]
    place = fractions * 3
    knots = np.arange(4)
    return np.stack([np.interp(place, knots, [c[a] for c in corners]) for a in (0, 1)], axis=1)


@pytest.mark.parametrize("width", [0.0, 0.3, 0.9, 3.0])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.5])
def test_neck_thinner_than_a_pixel_is_kept(width, scale):
    axes = [np.arange(-0.5 + 0.5 / scale, n - 0.5, 1 / scale) for n in (100, 80)]
    mask = barbell(axes, width)
    repaired = repair_mask(mask, axes, along_the_neck)
    assert count_components(repaired) == 1
    assert count_holes(repaired) == 0
    assert not (mask & ~repaired).any()
    assert (repaired & ~mask).sum() < 300 * scale
    if width == 0:
        assert count_components(mask) == 2


@given(seed=st.integers(0, 10_000), ndim=st.integers(2, 3), share=st.floats(0.02, 0.9))
def test_any_pixels_become_one_piece_without_holes(seed, ndim, share):
    mask = np.random.default_rng(seed).random((9, 8, 7)[:ndim]) < share
    axes = [np.arange(float(n)) for n in mask.shape]
    before = mask.copy()
    repaired = repair_mask(mask, axes, straight, inside=np.full(ndim, 3.2))
    assert np.array_equal(mask, before)
    assert count_components(repaired) == 1
    assert count_holes(repaired) == 0
    assert not (mask & ~repaired).any()


def test_gap_that_pixels_close_is_filled():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    mask[3:6, 3:6] = False
    repaired = repair_mask(mask, [np.arange(9.0)] * 2, straight)
    assert count_holes(mask) == 1
    assert repaired.sum() == 25


def test_gap_to_the_border_stays_open():
    mask = np.zeros((9, 9), bool)
    mask[:7, 2:7] = True
    mask[:6, 3:6] = False
    assert np.array_equal(repair_mask(mask, [np.arange(9.0)] * 2, straight), mask)


def test_set_without_a_pixel_centre_is_one_pixel():
    empty = np.zeros((5, 6), bool)
    axes = [np.arange(5.0), np.arange(6.0)]
    repaired = repair_mask(empty, axes, straight, inside=np.array([2.4, 5.5]))
    assert np.argwhere(repaired).tolist() == [[2, 5]]
    assert not repair_mask(empty, axes, straight).any()
    assert not repair_mask(empty, axes, straight, inside=np.array([9.0, 1.0])).any()


def test_way_out_of_a_window_is_not_drawn_in_it():
    mask = np.zeros((6, 6), bool)
    mask[5, 0] = mask[5, 5] = True

    def below(start, stop, fractions):
        points = straight(start, stop, fractions)
        points[:, 0] += 12 * fractions * (1 - fractions)
        return points

    repaired = repair_mask(mask, [np.arange(6.0)] * 2, below)
    assert not repaired[:5].any()
    assert repaired.sum() <= 4


BROKEN = {
    "two pieces": ("##.##", "##.##"),
    "joined by a corner only": ("##...", "##...", "..##."),
    "a hole": (".....", ".###.", ".#.#.", ".###."),
    "nothing": (".....", "....."),
}


@pytest.mark.parametrize("rows", BROKEN.values(), ids=BROKEN.keys())
def test_certificate_says_no_to_broken_masks(rows):
    mask = np.array([[c == "#" for c in row] for row in rows])
    assert not all(check.passed for check in check_connected(mask, None))


def test_certificate_says_no_to_a_mask_that_lacks_a_part():
    mask = np.zeros((30, 30), bool)
    mask[5:15, 5:25] = True

    def square(points):
        return 10.5 - np.abs(points - 14.5).max(axis=1)

    assert all(check.passed for check in check_connected(mask, None))
    failed = [c.name for c in check_connected(mask, square) if not c.passed]
    assert failed == ["pixels missing"]


def test_certificate_counts_cavities_and_tunnels():
    ball = np.zeros((7, 7, 7), bool)
    ball[1:6, 1:6, 1:6] = True
    assert all(check.passed for check in check_connected(ball, None))
    hollow, ring = ball.copy(), ball.copy()
    hollow[3, 3, 3] = False
    ring[:, 3, 3] = False
    assert [c.name for c in check_connected(hollow, None) if not c.passed] == ["holes"]
    assert [c.name for c in check_connected(ring, None) if not c.passed] == ["tunnels"]
    assert (euler_number(ball), euler_number(hollow), euler_number(ring)) == (1, 2, 0)


@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.9))
def test_euler_number_is_pieces_minus_holes_in_the_plane(seed, share):
    mask = np.random.default_rng(seed).random((12, 11)) < share
    assert euler_number(mask) == count_components(mask) - count_holes(mask)
