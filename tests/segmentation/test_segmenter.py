"""Strokes in, certified objects out, again and again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr.certificates import convexity_defects
from napari_isr.errors import InputError
from napari_isr.results.result import iou
from napari_isr.segmentation.segmenter import Segmenter
from tests.conftest import disc


def run(segmenter, *arguments):
    return list(segmenter.run(*arguments))


def test_two_objects_with_one_shape_each(scene):
    image, scribbles, truth = scene
    segmenter = Segmenter(image)
    updates = run(segmenter, scribbles, {2: "convex", 3: "none"})
    assert updates[-1].stage == "done"
    progress = [u.progress for u in updates]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    for label, mask in truth.items():
        item = segmenter.result.objects[label]
        assert iou(item.mask, mask) > 0.9
        assert item.mask.dtype == bool
        assert item.probability.shape == mask.shape
        assert item.probability.dtype == np.float32
        assert item.certificate.holds
        assert set(item.seconds) == {"features", "predictor", "projection", "render"}
    assert segmenter.result.objects[2].certificate.property == "convex"
    assert segmenter.result.objects[3].shape is None
    assert not convexity_defects(segmenter.result.objects[2].mask).any()


def test_outlines_come_before_the_pixels(scene):
    image, scribbles, truth = scene
    updates = run(Segmenter(image), scribbles)
    stages = [u.stage for u in updates]
    blue = {u.label: u for u in updates if u.predictor_contours is not None}
    orange = {u.label: u for u in updates if u.contours is not None}
    assert set(blue) == set(orange) == set(truth)
    assert updates.index(orange[3]) < stages.index("render")
    for label, mask in truth.items():
        centre = np.argwhere(mask).mean(axis=0)
        assert np.linalg.norm(orange[label].contours[0].mean(axis=0) - centre) < 4


def test_a_run_can_be_stopped_anywhere_and_goes_on_warm(scene):
    image, scribbles, truth = scene
    count = len(run(Segmenter(image), scribbles))
    for stop in (1, count // 3, 2 * count // 3, count - 1):
        segmenter = Segmenter(image)
        steps = segmenter.run(scribbles)
        for _ in range(stop):
            next(steps)
        steps.close()
        assert segmenter.result.objects == {}
        run(segmenter, scribbles)
        assert iou(segmenter.result.objects[2].mask, truth[2]) > 0.9


def test_a_new_stroke_is_followed_warm(scene):
    image, scribbles, truth = scene
    segmenter = Segmenter(image)
    cold = run(segmenter, scribbles)
    first = segmenter.result
    more = scribbles.copy()
    more[40:43, 20:30] = 2
    warm = run(segmenter, more)
    assert len(warm) < len(cold)
    assert segmenter.result is not first
    assert iou(segmenter.result.objects[2].mask, truth[2]) > 0.9


def test_objects_may_come_and_go(scene):
    image, scribbles, truth = scene
    segmenter = Segmenter(image)
    one = np.where(scribbles == 3, 0, scribbles)
    run(segmenter, one)
    assert set(segmenter.result.objects) == {2}
    run(segmenter, scribbles)
    assert set(segmenter.result.objects) == {2, 3}
    assert iou(segmenter.result.objects[3].mask, truth[3]) > 0.85
    run(segmenter, one)
    assert set(segmenter.result.objects) == {2}


def test_changing_the_shape_keeps_the_predictor(scene):
    image, scribbles, _ = scene
    segmenter = Segmenter(image)
    run(segmenter, scribbles, "none")
    assert segmenter.result.objects[2].shape is None
    run(segmenter, scribbles, "convex:pieces=8")
    assert segmenter.result.objects[2].shape_name == "convex:pieces=8"


def test_earlier_results_do_not_change(scene):
    image, scribbles, _ = scene
    segmenter = Segmenter(image)
    run(segmenter, scribbles)
    item = segmenter.result.objects[2]
    before = item.render(2)
    run(segmenter, np.roll(scribbles, 3, axis=1))
    assert np.array_equal(item.render(2), before)


def test_same_seed_same_result(scene):
    image, scribbles, _ = scene
    first, second = (isr.segment(image, scribbles, seed=5) for _ in range(2))
    assert np.array_equal(first.labels(), second.labels())
    assert np.array_equal(first.objects[2].probability, second.objects[2].probability)


def test_labels_put_the_higher_label_on_top(scene):
    image, scribbles, _ = scene
    result = isr.segment(image, scribbles)
    labels = result.labels()
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 2, 3}
    assert (labels[result.objects[3].mask] == 3).all()
    assert (labels[result.objects[2].mask & ~result.objects[3].mask] == 2).all()


def test_gray_images_volumes_and_spacing():
    truth = np.zeros((12, 30, 30), bool)
    truth[3:9] = disc((30, 30), (14, 15), 8)
    rng = np.random.default_rng(0)
    image = (truth * 100 + 50 + rng.normal(0, 5, truth.shape)).astype(np.uint16)
    scribbles = np.zeros(truth.shape, np.int32)
    scribbles[5, 12:17, 12:17] = 2
    scribbles[:, 2:4, 3:26] = 1
    scribbles[1, 10:20, 10:20] = 1
    result = isr.segment(image, scribbles, axes="zyx", spacing=(2.0, 1.0, 1.0))
    assert iou(result.mask, truth) > 0.75
    assert result.certificate.holds
    assert result.area == pytest.approx(2 * result.mask.sum())
    with pytest.raises(InputError, match="2 dimensions"):
        result.contours()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: np.where(s == 1, 0, s), "no background stroke"),
        (lambda s: np.where(s > 1, 0, s), "no object stroke"),
        (lambda s: s * 0, "no strokes"),
        (lambda s: s[:-1], "size"),
        (lambda s: s.astype(float), "whole numbers"),
        (lambda s: s.astype(int) - 1, "label -1"),
        (lambda s: s[None], "size"),
    ],
)
def test_bad_strokes_are_explained(scene, change, words):
    image, scribbles, _ = scene
    with pytest.raises(InputError, match=words):
        isr.segment(image, change(scribbles))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shape": "convx"}, "did you mean 'convex'"),
        ({"shape": "convex:piece=3"}, "did you mean 'pieces'"),
        ({"shape": "convex:pieces=two"}, "pieces"),
        ({"shape": "convex:pieces=2"}, "greater"),
        ({"shape": "convex:pieces"}, "no value"),
        ({"shape": "none:pieces=3"}, "no options"),
        ({"shape": {4: "convex"}}, "label 4"),
        ({"shape": 3}, "by its name"),
        ({"mode": "jiont"}, "mode"),
        ({"device": "gpu"}, "device"),
        ({"features": "colour"}, "features"),
        ({"predictor": "svm"}, "predictor"),
        ({"axes": "xy"}, "axes must be"),
        ({"axes": "zyx"}, "names 3 axes"),
        ({"spacing": (1.0,)}, "spacing"),
    ],
)
def test_bad_options_are_explained(scene, options, words):
    image, scribbles, _ = scene
    with pytest.raises(InputError, match=words):
        isr.segment(image, scribbles, **options)


def test_project_gives_object_2_alone(occluded):
    seen, truth = occluded
    result = isr.project(seen)
    assert list(result.objects) == [2]
    assert iou(result.mask, truth) > 0.93
    assert np.array_equal(result.mask, result.objects[2].mask)
    assert result.certificate.holds
    assert 0 < result.objective < 1
    assert result.render(3).shape == (192, 240)
    assert result.render((2, 1)).shape == (128, 80)
    assert result.render(shape=(10, 20), window=[(5, 15), (30, 50)]).shape == (10, 20)
    assert np.array_equal(result.render(), result.mask)
    assert isinstance(result.shape, torch.nn.Module)
    assert result.logit([[30, 42], [0, 0]]).tolist()[0] > 0
    assert result.contours()[0].shape[1] == 2


def test_one_foreground_pixel_outweighs_what_is_said(occluded):
    seen, _ = occluded
    areas = [isr.project(seen, foreground_weight=w).mask.sum() for w in (0.5, 1.0, 4.0)]
    assert areas == sorted(areas)


def test_project_without_a_shape_is_the_threshold(occluded):
    result = isr.project(occluded[0], "none")
    assert np.array_equal(result.mask, occluded[0])
    assert result.certificate.property == "none"
    assert np.array_equal(result.render(2)[::2, ::2].shape, occluded[0].shape)


@pytest.mark.parametrize(
    ("unaries", "words"),
    [
        (np.zeros((5, 5)), "nothing to fit"),
        (np.full((5, 5), 2.0), "range from 2"),
        (np.full((5, 5), np.nan), "NaN"),
        (np.zeros(5), "2 to 4"),
        (np.full((5, 5), "a"), "probabilities are needed"),
        (np.zeros((0, 5)), "empty"),
    ],
)
def test_bad_unaries_are_explained(unaries, words):
    with pytest.raises(InputError, match=words):
        isr.project(unaries)


def test_attributes_of_the_only_object_are_refused_for_two(scene):
    image, scribbles, _ = scene
    result = isr.segment(image, scribbles)
    with pytest.raises(AttributeError, match=r"objects\[2\].mask"):
        _ = result.mask
    with pytest.raises(AttributeError, match="no 'size'"):
        _ = result.size


def test_report_holds_what_the_contract_says(scene):
    image, scribbles, _ = scene
    report = isr.segment(image, scribbles).to_dict()
    assert set(report) == {"objects", "features", "versions", "device", "seed"}
    assert set(report["features"]) == {"rgb", "semantic", "spectral"}
    item = report["objects"]["2"]
    assert set(item["seconds"]) == {"features", "predictor", "projection", "render"}
    assert {"property", "holds", "by_construction", "checked"} <= set(item["certificate"])
    assert item["certificate"]["holds"] is True
    assert 0 < item["iou_predictor"] <= 1
    assert item["objective"] > 0


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3]], np.zeros((2, 2, 2))])
def test_bad_points_are_explained(occluded, points):
    with pytest.raises(InputError, match="points must be"):
        isr.project(occluded[0]).logit(points)
