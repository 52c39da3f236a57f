"""Quick first outlines: they follow the stroke, and leave no trace in the result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.draw import polygon

from napari_isr.features.edge_refinement import BOUNDARY_COST, ROUNDS, STEPS, TotalVariationCut
from napari_isr.segmentation.segmenter import Segmenter

SIZE = 128


def picture():
    """Two discs of one colour that nearly touch, on another, with noise."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    inside = (np.hypot(rows - 64, columns - 40) < 22) | (np.hypot(rows - 64, columns - 86) < 22)
    noise = np.random.default_rng(0).normal(0, 8, (SIZE, SIZE, 3))
    return np.clip(np.where(inside, 170, 90)[..., None] + noise, 0, 255).astype(np.uint8)


def first_strokes():
    strokes = np.zeros((SIZE, SIZE), np.uint8)
    strokes[63:66, 28:52] = 2
    strokes[8:11, 10:118] = strokes[118:121, 10:118] = strokes[40:90, 116:119] = 1
    return strokes


def more_strokes():
    """The second disc is background after all, or belongs to it: whatever it was not."""
    strokes = first_strokes()
    strokes[30:100, 84:88] = 1
    return strokes


def filled(contours):
    mask = np.zeros((SIZE, SIZE), bool)
    for line in contours:
        mask[polygon(*line.T, mask.shape)] ^= True
    return mask


def overlap(first, second):
    return (first & second).sum() / max(1, (first | second).sum())


def run(segmenter, strokes, shape="convex", sketch=True):
    """First outlines of objects, by label, and those of the fit."""
    first, fitted = {}, {}
    for update in segmenter.run(strokes, shape, sketch=sketch):
        if update.contours is not None:
            where = first if update.stage == "features" else fitted
            assert update.stage in ("features", "projection")
            assert not (where is first and fitted), "a sketch comes first"
            where[update.label] = update.contours
    return first, fitted


@pytest.mark.parametrize("shape", ["convex", "connected"])
def test_the_first_outline_knows_the_new_stroke(shape):
    segmenter = Segmenter(picture())
    nothing, before = run(segmenter, first_strokes(), shape)
    assert not nothing
    first, after = run(segmenter, more_strokes(), shape)
    drawn = more_strokes() == 1
    wrong = (filled(before[2]) & drawn).sum()
    assert wrong > 20, "the stroke has something to correct"
    assert (filled(first[2]) & drawn).sum() < wrong / 2
    assert overlap(filled(first[2]), filled(after[2])) > overlap(
        filled(before[2]), filled(after[2])
    )


def test_results_are_the_same_without_a_sketch():
    with_, without = Segmenter(picture()), Segmenter(picture())
    for strokes in (first_strokes(), more_strokes()):
        run(with_, strokes)
        run(without, strokes, sketch=False)
    for name in ("mask", "probability"):
        found = [getattr(s.result.objects[2], name) for s in (with_, without)]
        np.testing.assert_array_equal(*found)


def test_a_stroke_that_changes_nothing_leaves_the_outline():
    segmenter = Segmenter(picture())
    strokes = first_strokes()
    _, before = run(segmenter, strokes)
    strokes[5:7, 20:40] = 1  # far out in the background
    first, _ = run(segmenter, strokes)
    assert first[2] is before[2]


def test_there_is_no_sketch_of_other_objects_or_shapes():
    segmenter = Segmenter(picture())
    run(segmenter, first_strokes())
    assert not run(segmenter, first_strokes(), "star")[0]
    strokes = first_strokes()
    strokes[60:68, 80:92] = 3
    assert not run(segmenter, strokes, "star")[0]
    assert run(segmenter, strokes, "star")[0].keys() == {2, 3}
    segmenter.warm_start(2, segmenter_spec("convex"), None)
    assert not run(segmenter, strokes, "star")[0]


def segmenter_spec(text):
    from napari_isr.shapes.registry import ShapeSpec

    return ShapeSpec.parse(text)


def test_without_edges_or_with_a_given_object_there_is_no_sketch():
    segmenter = Segmenter(picture(), features="rgb,nearness")
    run(segmenter, first_strokes())
    assert not run(segmenter, more_strokes())[0]
    segmenter, mask = Segmenter(picture()), np.zeros((SIZE, SIZE), bool)
    mask[50:80, 70:100] = True
    for _ in range(2):
        found = [
            u
            for u in segmenter.run(first_strokes(), given={3: mask}, sketch=True)
            if u.stage == "features" and u.contours is not None
        ]
        assert not found


def test_the_cut_goes_on_from_where_it_was():
    """From the flows of the same strokes, few steps lead where many lead from nothing."""
    rng = np.random.default_rng(3)
    truth = np.hypot(*np.mgrid[-20:20, -30:30]) < 12
    colors = np.where(truth, 1.0, -1.0)[..., None] + 0.3 * rng.normal(size=(40, 60, 3))
    odds = (np.where(truth, 1.5, -1.5) + rng.normal(size=truth.shape)).astype(np.float32)[None]
    cut, seeds = TotalVariationCut(colors), np.full(truth.shape, -1)
    seeds[20, 26:34], seeds[2] = 1, 0
    flows = cut.zero_duals(1)
    settled = cut.refine(odds, seeds, flows, odds, ROUNDS, STEPS)
    np.testing.assert_array_equal(settled, cut(odds, seeds))
    more = seeds.copy()
    more[30:34, 28:32] = 1
    warm = cut.refine(odds, more, flows, settled, 1, 12)
    cold = cut(odds, more)
    assert overlap(warm[0] > 0, cold[0] > 0) > 0.97
    assert (warm[0][30:34, 28:32] > 0).all()
    assert (
        np.abs(TotalVariationCut(colors, BOUNDARY_COST / 2).pairs[0][2] * 2 - cut.pairs[0][2]).max()
        < 1e-6
    )


def test_a_sketch_leaves_the_shape_as_it_was():
    segmenter = Segmenter(picture())
    run(segmenter, first_strokes())
    state = {k: v.clone() for k, v in segmenter._shapes.shape(2).state_dict().items()}
    updates = segmenter.run(more_strokes(), "convex", sketch=True)
    while next(updates).contours is None:
        pass
    after = segmenter._shapes.shape(2).state_dict()
    assert all(torch.equal(state[k], after[k]) for k in state)
    updates.close()
