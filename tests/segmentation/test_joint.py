"""Predictor and shapes, each fitted to the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_isr.fitting.joint_coupling import (
    COUPLING,
    TURNS,
    coupling_weight,
    sample_coupling_points,
    shape_class_probabilities,
)
from napari_isr.geometry.image import ImageGeometry
from napari_isr.results.result import iou
from napari_isr.segmentation.segmenter import Segmenter
from tests.conftest import load_example


def test_the_coupling_is_switched_on_step_by_step():
    weights = [coupling_weight(turn) for turn in range(1, TURNS + 1)]
    assert weights == sorted(weights)
    assert 0 < weights[0] < weights[-1] == COUPLING


def test_points_come_from_the_whole_image_and_with_the_seed():
    frame = ImageGeometry((40, 200, 10))
    points = sample_coupling_points(frame, 0, 1)
    assert (points >= -0.5).all()
    assert (points <= np.array(frame.shape) - 0.5).all()
    for x, n in zip(points.T, frame.shape, strict=True):
        share = np.histogram(x, 4, (-0.5, n - 0.5))[0] / len(x)
        assert (abs(share - 0.25) < 0.05).all()
    assert np.array_equal(points, sample_coupling_points(frame, 0, 1))
    assert not np.array_equal(points, sample_coupling_points(frame, 0, 2))
    assert not np.array_equal(points, sample_coupling_points(frame, 1, 1))


def test_targets_are_shared_by_overlapping_objects_and_left_to_the_background():
    learned = torch.tensor([[0.2, 0.5, 0.3]]).expand(4, 3)
    first = torch.tensor([1.0, 1.0, 0.0, 0.0])
    second = torch.tensor([0.0, 1.0, 1.0, 0.0])
    found = shape_class_probabilities([first, second], learned)
    wanted = [[0, 1, 0], [0, 0.5, 0.5], [0, 0, 1], [1, 0, 0]]
    assert torch.allclose(found, torch.tensor(wanted))
    without = shape_class_probabilities([None, second], learned)
    assert torch.allclose(without.sum(1), torch.ones(4))
    assert torch.allclose(without[3], torch.tensor([0.5, 0.5, 0.0]))


@pytest.mark.parametrize("shape", ["connected", "convex"])
def test_with_one_shape_the_predictor_gives_up_look_alikes(shape):
    image, scribbles, truth = load_example("look_alikes").look_alikes(size=(96, 160))
    found = {}
    for mode in ("sequential", "joint"):
        segmenter = Segmenter(image, predictor="fcn", features="rgb,spatial", mode=mode)
        list(segmenter.run(scribbles, shape))
        item = segmenter.result.objects[2]
        found[mode] = item.probability > 0.5
        assert iou(item.mask, truth[0]) > 0.85
        assert item.certificate.holds
    others = truth[1] | truth[2]
    assert found["sequential"][others].mean() > 0.9
    assert found["joint"][others].mean() < 0.1
    assert found["joint"][truth[0]].mean() > 0.9


def test_joint_gives_the_sequential_answer_first_and_goes_on(scene):
    image, scribbles, _ = scene
    updates = list(Segmenter(image, mode="joint").run(scribbles, {2: "convex", 3: "none"}))
    progress = [u.progress for u in updates]
    assert progress == sorted(progress)
    assert updates[-1].stage == "done"
    outlines = [u for u in updates if u.contours is not None and u.label == 2]
    assert len(outlines) == 1 + TURNS
    assert outlines[0].progress < 0.5
    assert len([u for u in updates if u.predictor_contours is not None]) == 2 * (1 + TURNS)


def test_joint_without_any_shape_is_sequential(scene):
    image, scribbles, _ = scene
    found = []
    for mode in ("sequential", "joint"):
        segmenter = Segmenter(image, mode=mode)
        list(segmenter.run(scribbles, "none"))
        found.append(segmenter.result.objects[2].probability)
    assert np.array_equal(*found)


def test_joint_can_be_stopped_anywhere_and_goes_on_warm(scene):
    image, scribbles, truth = scene
    segmenter = Segmenter(image, mode="joint", features="rgb,spatial")
    count = len(list(segmenter.run(scribbles)))
    for stop in (1, count // 2, count - 1):
        segmenter = Segmenter(image, mode="joint", features="rgb,spatial")
        updates = segmenter.run(scribbles)
        for _ in range(stop):
            next(updates)
        updates.close()
        list(segmenter.run(scribbles))
        for label, mask in truth.items():
            assert iou(segmenter.result.objects[label].mask, mask) > 0.9
