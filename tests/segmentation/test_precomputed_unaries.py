"""Unaries from elsewhere, as a predictor."""

from __future__ import annotations

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.results.result import iou
from napari_isr.segmentation.segmenter import Segmenter
from tests.conftest import disc


def test_a_mask_from_elsewhere_becomes_convex(scene, occluded):
    image, scribbles, _ = scene
    seen, truth = occluded
    scribbles = np.where(scribbles == 3, 0, scribbles)
    scribbles[28:31, 15:35] = 0
    scribbles[35:37, 35:50] = 2
    result = isr.segment(image, scribbles, "convex", unaries=seen)
    assert iou(result.mask, truth) > 0.95
    assert result.certificate.holds
    assert iou(result.probability > 0.5, seen) == 1


def test_probabilities_are_taken_as_they_are(scene):
    image, scribbles, _ = scene
    scribbles = np.where(scribbles == 3, 0, scribbles)
    given = np.random.default_rng(0).uniform(0.05, 0.95, scribbles.shape)
    result = isr.segment(image, scribbles, "none", unaries=given)
    assert np.allclose(result.probability, given, atol=1e-4)


@pytest.mark.parametrize("kind", ["labels", "maps", "masks", "0 and 255"])
def test_several_objects(scene, kind):
    image, scribbles, truth = scene
    given = np.zeros(scribbles.shape, np.uint16)
    for label, mask in truth.items():
        given[mask] = label
    if kind != "labels":
        given = np.stack(list(truth.values()))
        given = given * 0.9 if kind == "maps" else given
        given = given * np.uint8(255) if kind == "0 and 255" else given
    result = isr.segment(image, scribbles, "convex", unaries=given)
    for label, mask in truth.items():
        assert iou(result.objects[label].mask, mask) > 0.95


def test_maps_of_overlapping_objects_are_shared(scene):
    image, scribbles, truth = scene
    given = np.stack([np.ones(scribbles.shape, bool), truth[3]])
    result = isr.segment(image, scribbles, "none", unaries=given)
    assert np.allclose(result.objects[2].probability[truth[3]], 0.5, atol=0.01)


def test_nothing_is_computed_from_the_image(scene, monkeypatch):
    image, scribbles, truth = scene

    def fail(*arguments):
        raise AssertionError("features were computed")

    monkeypatch.setattr("napari_isr.features.color_features.ColorFeatures.__init__", fail)
    monkeypatch.setattr("napari_isr.features.semantic.Semantic.__init__", fail)
    given = np.stack(list(truth.values()))
    segmenter = Segmenter(image, unaries=given, mode="joint")
    updates = list(segmenter.run(scribbles))
    assert updates[-1].stage == "done"


def test_volumes(occluded):
    volume = np.stack([disc()] * 5)
    scribbles = np.zeros(volume.shape, np.uint8)
    scribbles[2, 30, 35:50] = 2
    scribbles[2, 2, :] = 1
    result = isr.segment(np.zeros(volume.shape), scribbles, "convex", unaries=volume)
    assert iou(result.mask, volume) > 0.85


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g[:-1], "size"),
        (lambda g: np.stack([g, g]), "2 objects"),
        (lambda g: np.where(g > 0, np.nan, g), "NaN"),
        (lambda g: g * 3.0, "range from 0 to 3"),
        (lambda g: -g, "range from -1"),
        (lambda g: (g * 7).astype(np.uint8), "no pixel with the label 2"),
        (lambda g: g.astype(complex), "complex"),
    ],
)
def test_bad_unaries_are_explained(scene, change, words):
    image, scribbles, truth = scene
    scribbles = np.where(scribbles == 3, 0, scribbles)
    with pytest.raises(InputError, match=words):
        isr.segment(image, scribbles, unaries=change(truth[2].astype(float)))
