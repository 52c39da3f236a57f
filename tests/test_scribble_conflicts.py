"""Strokes that no shape can honour are found exactly, and told in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.scribble_conflicts import find_conflict
from napari_isr.scribbles import Scribbles


def strokes_of(inside, outside, size=(40, 40)):
    scribbles = np.zeros(size, np.uint8)
    scribbles[tuple(np.transpose(outside))] = 1
    scribbles[tuple(np.transpose(inside))] = 2
    return Scribbles.from_label_image(scribbles)


CASES = {
    # shape: (object, background that conflicts, background that does not, parameters)
    "convex": ([(5, 5), (5, 25), (25, 5)], (10, 10), (20, 20), {}),
    "star": ([(20, 20), (20, 30)], (20, 25), (10, 25), {"fixed_center": (20, 20)}),
    "mirror": ([(20, 10)], (20, 30), (20, 29), {"axis_point": (0, 20), "axis_degrees": 90}),
    "rotational": ([(20, 30)], (30, 20), (27, 27), {"centre": (20, 20), "order": 4}),
    "periodic": ([(3, 3)], (23, 13), (20, 10), {"lattice": [(10, 0), (0, 10)]}),
}


@pytest.mark.parametrize("shape", CASES)
def test_each_shape_can_say_no_and_yes(shape):
    inside, bad, good, parameters = CASES[shape]
    conflict = find_conflict(strokes_of(inside, [bad, good]), 2, shape, parameters)
    assert conflict is not None
    assert conflict.pixels.tolist() == [list(bad)]
    assert conflict.sentence.startswith("1 background stroke pixel lies")
    assert shape in conflict.sentence
    assert find_conflict(strokes_of(inside, [good]), 2, shape, parameters) is None


def test_a_ring_parts_a_connected_object():
    ring = [(r, c) for r in range(10, 21) for c in range(10, 21) if r in (10, 20) or c in (10, 20)]
    inside = [(15, 15), (30, 30)]
    assert find_conflict(strokes_of(inside, ring), 2, "connected") is not None
    open_ring = [p for p in ring if p != (10, 15)]
    assert find_conflict(strokes_of(inside, open_ring), 2, "connected") is None


def test_a_star_finds_a_centre_from_which_all_is_seen():
    inside = [(20, c) for c in range(5, 35)] + [(r, 20) for r in range(5, 35)]
    outside = [(12, 12), (28, 28), (12, 28), (28, 12)]
    assert find_conflict(strokes_of(inside, outside), 2, "star") is None
    wall = [(20, 15), (20, 25), (15, 20), (25, 20)]
    arms = [p for p in inside if p not in wall]
    assert find_conflict(strokes_of(arms, wall), 2, "star") is not None


def test_a_star_with_a_given_centre_is_judged_from_there():
    inside = [(20, c) for c in range(5, 35)]
    strokes = strokes_of(inside, [(10, 20)])
    assert find_conflict(strokes, 2, "star") is None
    assert find_conflict(strokes, 2, "star", center=(20, 10)) is None
    conflict = find_conflict(strokes, 2, "star", center=(5, 20))
    assert conflict is not None
    assert conflict.pixels.tolist() == [[10, 20]]


def test_sums_have_the_conflicts_of_their_parts():
    inside, bad, _, parameters = CASES["mirror"]
    assert find_conflict(strokes_of(inside, [bad]), 2, "star+mirror", parameters) is not None
    assert find_conflict(strokes_of(inside, [bad]), 2, "none", parameters) is None


def test_the_result_tells_and_keeps_the_best_shape(scene):
    image, scribbles, truth = scene
    bad = scribbles.copy()
    bad[29:31, 24:26] = 1
    item = isr.segment(image, bad).objects[2]
    assert item.conflict is not None
    assert {tuple(p) for p in item.conflict.pixels.tolist()} == {
        (r, c) for r in (29, 30) for c in (24, 25)
    }
    assert item.certificate.holds
    assert item.mask[truth[2]].mean() > 0.8
    report = item.to_dict()["conflict"]
    assert len(report["pixels"]) == 4
    assert isr.segment(image, scribbles).objects[2].conflict is None


def test_strokes_are_honoured_where_the_shape_can(scene):
    image, scribbles, _ = scene
    far = scribbles.copy()
    far[8:11, 8:10] = 2  # a corner of the background that looks like background
    item = isr.segment(image, far).objects[2]
    assert item.conflict is None
    assert item.mask[far == 2].all()
    assert not item.mask[far == 1].any()
