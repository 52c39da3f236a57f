"""Suggestion of the next stroke."""

from __future__ import annotations

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.stroke_suggestion import binary_entropy, suggest_stroke
from tests.conftest import disc


def test_uncertainty_is_the_entropy_in_bits():
    p = np.array([0.0, 0.11, 0.5, 0.89, 1.0])
    assert np.allclose(binary_entropy(p), [0, 0.4999, 1, 0.4999, 0], atol=1e-4)
    assert binary_entropy(p).dtype == np.float32


def test_clear_and_agreed_asks_for_nothing():
    mask = disc()
    assert suggest_stroke(2, np.where(mask, 0.999, 0.001), mask) is None
    assert suggest_stroke(2, np.zeros((1, 1)), np.zeros((1, 1), bool)) is None


@pytest.mark.parametrize("shape", [(64, 80), (700, 900), (20, 40, 48), (1, 300)])
def test_the_place_is_where_predictor_and_shape_disagree(shape):
    probability = np.full(shape, 0.001)
    doubtful = tuple(slice(int(0.6 * n), int(0.6 * n) + max(1, n // 6)) for n in shape)
    probability[doubtful] = 0.4
    mask = np.zeros(shape, bool)
    mask[doubtful] = True
    place = suggest_stroke(3, probability, mask)
    assert place.label == 3
    assert all(s.start <= x <= s.stop - 1 for x, s in zip(place.point, doubtful, strict=True))
    assert not place.predictor
    assert place.shape
    assert "outside, the shape says inside" in place.message


def test_uncertain_disagreement_counts_more_than_certain():
    mask = np.zeros((80, 80), bool)
    mask[10:25, 10:25] = mask[50:65, 50:65] = True
    probability = np.zeros((80, 80))
    probability[50:65, 50:65] = 0.45  # less disagreement than where it is 0, but it is open
    place = suggest_stroke(2, probability, mask)
    assert min(place.point) > 45


def test_without_a_shape_the_most_doubtful_place_is_asked_for():
    probability = np.full((60, 60), 0.02)
    probability[30:45, 5:20] = 0.55
    place = suggest_stroke(2, probability, probability > 0.5)
    assert 30 <= place.point[0] < 45
    assert 5 <= place.point[1] < 20
    assert "either" in place.message


def test_drawn_pixels_are_not_asked_for_again():
    probability = np.full((60, 60), 0.02)
    probability[30:45, 5:20] = 0.55
    probability[10:20, 40:50] = 0.55
    first = suggest_stroke(2, probability, probability > 0.5)
    drawn = np.argwhere(disc((60, 60), first.point, 14))
    second = suggest_stroke(2, probability, probability > 0.5, drawn)
    assert np.hypot(*np.subtract(first.point, second.point)) > 14
    everything = np.argwhere(np.ones((60, 60), bool))
    assert suggest_stroke(2, probability, probability > 0.5, everything) is None


def test_a_result_asks_for_the_object_that_needs_it_most(scene):
    image, scribbles, _ = scene
    scribbles[scribbles == 3] = 0
    scribbles[31, 60] = 3
    result = isr.segment(image, scribbles, {2: "convex", 3: "convex"}, features="rgb,spatial")
    places = [item.next_stroke for item in result.objects.values()]
    best = max((p for p in places if p is not None), key=lambda p: p.score)
    assert result.next_stroke == best
    assert result.uncertainty.shape == image.shape[:2]
    assert (result.uncertainty >= result.objects[2].uncertainty).all()
    told = result.to_dict()["objects"][str(best.label)]["next_stroke"]
    assert told["sentence"] == best.message
    assert np.allclose(told["point"], best.point)
