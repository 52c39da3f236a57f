"""Objects that are given, beside objects from strokes."""

from __future__ import annotations

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.results.result import iou
from napari_isr.segmentation.segmenter import Segmenter
from tests.conftest import disc

BITTEN = disc()
BITTEN[20:27, :60] = False  # what is seen of the disc


def no_features(monkeypatch):
    def fail(*arguments, **options):
        raise AssertionError("features were computed")

    monkeypatch.setattr("napari_isr.segmentation.feature_stage.ImageFeatures.__init__", fail)


@pytest.mark.parametrize("kind", ["bool", "0 and 255", "probabilities"])
def test_a_mask_becomes_convex_without_strokes_and_nothing_is_learned(monkeypatch, kind):
    no_features(monkeypatch)
    given = {"bool": BITTEN, "0 and 255": BITTEN * np.uint8(255), "probabilities": BITTEN * 0.9}
    result = isr.segment(np.zeros(BITTEN.shape), None, given={2: given[kind]})
    assert iou(result.mask, disc()) > 0.95
    assert result.certificate.holds
    assert iou(result.probability > 0.5, BITTEN) == 1
    assert result.objects[2].conflict is None


def test_a_given_object_beside_one_from_strokes(scene):
    image, scribbles, truth = scene
    scribbles = np.where(scribbles == 2, 0, scribbles)
    given = truth[2].copy()
    given[28:31, :20] = False
    result = isr.segment(image, scribbles, {2: "convex", 3: "none"}, given={2: given})
    assert list(result.objects) == [2, 3]
    assert iou(result.objects[2].mask, truth[2]) > 0.95
    assert iou(result.objects[3].mask, truth[3]) > 0.9
    assert set(result.to_dict()["objects"]) == {"2", "3"}


def test_the_others_are_the_same_without_the_given_one(scene):
    image, scribbles, _ = scene
    alone = np.where(scribbles == 2, 0, scribbles)
    without = isr.segment(image, alone, "none")
    beside = isr.segment(image, alone, "none", given={5: BITTEN})
    np.testing.assert_array_equal(without.mask, beside.objects[3].mask)


def test_strokes_on_a_given_object_teach_the_predictor_of_the_others(scene):
    image, scribbles, truth = scene
    result = isr.segment(image, scribbles, "none", given={2: truth[2]})
    np.testing.assert_array_equal(result.objects[2].mask, truth[2])
    assert iou(result.objects[3].mask, truth[3]) > 0.9


@pytest.mark.parametrize("mode", ["sequential", "joint"])
def test_strokes_on_a_given_object_are_honoured(mode):
    strokes = np.zeros(BITTEN.shape, np.uint8)
    strokes[30, 62:66] = 2  # outside what was given
    strokes[38:46, 25:28] = 1  # inside
    result = isr.segment(np.zeros(BITTEN.shape), strokes, given={2: BITTEN}, mode=mode)
    assert result.mask[strokes == 2].all()
    assert not result.mask[strokes == 1].any()
    assert result.certificate.holds


def test_joint_mode_learns_the_others_and_keeps_what_is_given(scene):
    image, scribbles, truth = scene
    scribbles = np.where(scribbles == 2, 0, scribbles)
    result = isr.segment(image, scribbles, given={2: truth[2]}, mode="joint")
    assert iou(result.objects[2].mask, truth[2]) > 0.97
    assert iou(result.objects[3].mask, truth[3]) > 0.9
    assert iou(result.objects[2].probability > 0.5, truth[2]) == 1


def test_given_objects_may_overlap_and_are_whole():
    first, second = disc(centre=(30, 30)), disc(centre=(34, 50))
    result = isr.segment(np.zeros(first.shape), None, given={2: first, 3: second})
    assert (first & second).sum() > 200
    for label, mask in ((2, first), (3, second)):
        assert iou(result.objects[label].mask, mask) > 0.97
        assert result.objects[label].area == result.objects[label].mask.sum()


def test_strokes_of_another_object_inside_are_no_background():
    strokes = np.zeros(BITTEN.shape, np.uint8)
    strokes[28:32, 36:44] = 3  # in the middle of object 2
    strokes[2, :] = 1
    image = np.where(disc(radius=6), 200, 60).astype(np.uint8)
    result = isr.segment(image, strokes, given={2: disc()})
    assert result.objects[2].conflict is None
    assert result.objects[2].mask[strokes == 3].all()
    assert iou(result.objects[2].mask, disc()) > 0.97


def test_with_unaries_for_the_others(scene):
    image, scribbles, truth = scene
    result = isr.segment(image, scribbles, unaries=truth[3], given={2: truth[2]})
    for label, mask in truth.items():
        assert iou(result.objects[label].mask, mask) > 0.95


def test_a_segmenter_follows_what_is_given(monkeypatch):
    no_features(monkeypatch)
    segmenter, strokes = Segmenter(np.zeros(BITTEN.shape)), np.zeros(BITTEN.shape, np.uint8)
    mask = disc(radius=10)
    for radius in (10, 16):  # the same array, written to
        mask[:] = disc(radius=radius)
        updates = list(segmenter.run(strokes, given={4: mask}))
        assert iou(segmenter.result.mask, disc(radius=radius)) > 0.95
    shown = [u for u in updates if u.predictor_contours is not None]
    assert [u.label for u in shown] == [4]
    progress = [u.progress for u in updates]
    assert progress == sorted(progress)


def test_an_array_that_cannot_change_is_looked_at_once(monkeypatch):
    import napari_isr.segmentation.object_unaries as module

    calls = []
    look = module._checked
    monkeypatch.setattr(module, "_checked", lambda *a: calls.append(a) or look(*a))
    segmenter, strokes = Segmenter(np.zeros(BITTEN.shape)), np.zeros(BITTEN.shape, np.uint8)
    mask = disc()
    mask.flags.writeable = False
    for _ in range(2):
        list(segmenter.run(strokes, given={2: mask}))
    assert len(calls) == 1


def test_volumes_are_given_too():
    volume = np.stack([disc()] * 5)
    result = isr.segment(np.zeros(volume.shape), None, given={2: volume})
    assert iou(result.mask, volume) > 0.85


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({1: BITTEN}, "label 1"),
        ({2: BITTEN[:-1]}, "size"),
        ({3: np.where(BITTEN, np.nan, 0.5)}, "object 3 hold NaN"),
        ({2: BITTEN * 3.0}, "range from 0 to 3"),
        ({2: BITTEN.astype(np.uint8) * 7}, "range from 0 to 7"),
        ({2: BITTEN.astype(complex)}, "complex"),
        ({2: np.zeros(BITTEN.shape)}, "nothing to fit"),
    ],
)
def test_bad_input_is_explained(given, words):
    strokes = np.zeros(BITTEN.shape, np.uint8)
    with pytest.raises(InputError, match=words):
        isr.segment(np.zeros(BITTEN.shape), strokes, given=given)


def test_other_objects_still_need_the_background(scene):
    image, scribbles, truth = scene
    scribbles = np.where(scribbles == 1, 0, scribbles)
    with pytest.raises(InputError, match="no background stroke"):
        isr.segment(image, scribbles, given={2: truth[2]})


def test_an_object_from_strokes_reaches_behind_another_one():
    first, second = disc(centre=(30, 30)), disc(centre=(30, 50))
    image = np.full((64, 80, 3), 90.0)
    image[first], image[second] = (200, 60, 50), (50, 70, 200)
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    strokes = np.zeros((64, 80), np.uint8)
    strokes[2:5, 4:76] = strokes[58:61, 4:76] = 1
    strokes[29:32, 16:28], strokes[29:32, 44:60] = 2, 3
    result = isr.segment(np.clip(image + noise, 0, 255).astype(np.uint8), strokes)
    behind = result.objects[2]
    assert iou(behind.mask, first) > iou(behind.probability > 0.5, first) + 0.1
    assert iou(result.objects[3].mask, second) > 0.95
    assert behind.conflict is None
    assert not behind.mask[second & ~disc(centre=(30, 30), radius=24)].any()
