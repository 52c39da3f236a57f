"""Images, features and the pixel classifier."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_isr.errors import InputError
from napari_isr.features import ImageFeatures, SourceImage, feature_names, parse_features
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors import FeatureView, make_predictor, resolve_predictor_name
from napari_isr.scribbles import Scribbles

TRAINED = ["linear", "fcn", "cnn", "unet"]
CENTRES = np.array([[2.0, 3.0], [7.0, 1.0]])


@pytest.mark.parametrize(
    ("image", "channels"),
    [
        (np.zeros((9, 8), bool), 1),
        (np.full((9, 8), 255, np.uint8), 1),
        (np.full((9, 8, 3), 255, np.uint8), 3),
        (np.full((9, 8, 4), 255, np.uint8), 3),
        (np.full((9, 8, 7), 200, np.uint8), 7),
        (np.random.default_rng(0).integers(300, 4095, (9, 8)).astype(np.uint16), 1),
        (np.random.default_rng(0).normal(size=(9, 8, 2)).astype(np.float32), 2),
        (np.random.default_rng(0).random((9, 8)), 1),
        (np.full((9, 8), -3, np.int32), 1),
    ],
    ids=["bool", "8 bit", "RGB", "RGBA", "7 channels", "12 in 16 bit", "float", "unit", "flat"],
)
def test_images_are_brought_to_about_one(image, channels):
    source = SourceImage(image, 2)
    values = source.at(CENTRES)
    assert values.shape == (2, channels)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert values.min() >= -0.5
    assert values.max() <= 1.5


def test_eight_bit_is_divided_by_255():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    values = SourceImage(image, 2).at(np.array([[1.2, 2.4], [2.0, 9.0]]))
    assert np.allclose(values[:, 0], [image[1, 2] / 255, image[2, 3] / 255])


def test_a_hot_pixel_does_not_darken_the_rest():
    image = np.random.default_rng(0).integers(0, 1000, (100, 100)).astype(np.uint16)
    image[5, 5] = 65535
    values = SourceImage(image, 2).at(np.argwhere(image < 1001).astype(float))
    assert values.std() > 0.2


@pytest.mark.parametrize(
    ("image", "ndim", "words"),
    [
        (np.zeros(5), 2, "1 axes"),
        (np.zeros((2, 3, 4, 5)), 2, "4 axes"),
        (np.array([[0.0, np.nan]]), 2, "NaN"),
        (np.array([[0.0, np.inf]]), 2, "NaN or infinite"),
        (np.zeros((3, 3), complex), 2, "real numbers"),
        (np.zeros((0, 3)), 2, "empty"),
    ],
)
def test_bad_images_are_explained(image, ndim, words):
    with pytest.raises(InputError, match=words):
        SourceImage(image, ndim)


def features(image, names="auto"):
    source = SourceImage(image, 2)
    return ImageFeatures(source, ImageGeometry(source.shape), names)


def test_each_block_has_about_unit_variance_and_its_own_columns():
    image = np.random.default_rng(0).integers(0, 90, (60, 90, 3)).astype(np.uint8)
    points = np.argwhere(np.ones((60, 90))).astype(float)
    for name in set(feature_names()) - {"nearness", "edges", "dino"}:
        values = features(image, name).at(points)
        assert values.shape == (len(points), features(image, name).width)
        assert 0.2 < values.std() < 3, name
    both = features(image, "spatial,rgb")
    assert both.names == ("rgb", "spatial")
    assert both.at(points).shape[1] == both.width == 5


@pytest.mark.parametrize(("text", "words"), [("rbg", "did you mean 'rgb'"), ("", "no features")])
def test_unknown_features_are_explained(text, words):
    with pytest.raises(InputError, match=words):
        parse_features(text)


def test_unknown_predictor_is_explained():
    with pytest.raises(InputError, match="did you mean 'fcn'"):
        resolve_predictor_name("fcm")


def train(scene, name="fcn", seed=0, predictor=None):
    """The predictor, its progress and the probabilities (classes, rows, columns)."""
    image, scribbles, _ = scene
    view = FeatureView(features(image, "rgb,spatial"), ImageGeometry(scribbles.shape))
    points, labels = Scribbles.from_label_image(scribbles).sample(seed)
    model = predictor or make_predictor(name, view.width, 3, seed)
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels - 1), 3).float()
    steps = list(model.fit(view, points.astype(float), targets, targets.sum(1)))
    pixels = np.argwhere(np.ones(scribbles.shape)).astype(float)
    logs = model.log_probabilities(view, pixels)
    return model, steps, logs.exp().T.unflatten(1, scribbles.shape)


@pytest.mark.parametrize("name", TRAINED)
def test_three_classes_are_learned_from_strokes(scene, name):
    _, steps, probabilities = train(scene, name)
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert torch.allclose(probabilities.sum(0), torch.ones(64, 80), atol=1e-5)
    for label, truth in scene[2].items():
        found = probabilities[label - 1].numpy() > 0.5
        assert (found == truth).mean() > 0.95


@pytest.mark.parametrize("name", TRAINED)
def test_training_again_is_warm_and_shorter(scene, name):
    model, cold, first = train(scene, name)
    _, warm, second = train(scene, predictor=model)
    assert len(warm) < len(cold)
    assert float((first.argmax(0) == second.argmax(0)).float().mean()) > 0.97


@pytest.mark.parametrize("name", TRAINED)
def test_same_seed_same_probabilities(scene, name):
    assert torch.equal(train(scene, name, 3)[2], train(scene, name, 3)[2])


@pytest.mark.parametrize("name", TRAINED)
def test_a_small_stroke_counts_as_much_as_a_large_one(scene, name):
    image, scribbles, truth = scene
    scribbles = scribbles.copy()
    scribbles[scribbles == 3] = 0
    scribbles[32, 58:61] = 3
    found = train((image, scribbles, truth), name)[2][2].numpy() > 0.5
    assert found[truth[3]].mean() > 0.8


@pytest.mark.parametrize("name", TRAINED)
def test_a_weight_of_nothing_is_no_stroke_and_soft_targets_are_reached(scene, name):
    image, scribbles, _ = scene
    view = FeatureView(features(image, "rgb,spatial"), ImageGeometry(scribbles.shape))
    points, labels = Scribbles.from_label_image(scribbles).sample(0)
    hard = torch.nn.functional.one_hot(torch.from_numpy(labels - 1), 3).float()
    wrong = torch.roll(hard, 1, 1)
    both = np.concatenate([points, points]).astype(float)
    weight = torch.cat([torch.ones(len(hard)), torch.zeros(len(hard))])
    model = make_predictor(name, view.width, 3)
    list(model.fit(view, both, torch.cat([hard, wrong]), weight))
    sure = model.log_probabilities(view, points.astype(float)).exp()
    assert float((sure.argmax(1) == hard.argmax(1)).float().mean()) > 0.97
    soft = make_predictor(name, view.width, 3)
    list(soft.fit(view, points.astype(float), 0.7 * hard + 0.1, weight[: len(hard)]))
    even = soft.log_probabilities(view, points.astype(float)).exp()
    assert float((even * hard).sum(1).mean()) < float((sure * hard).sum(1).mean()) - 0.1


def test_seeds_differ_only_where_something_is_drawn_at_random(scene):
    assert not torch.equal(train(scene, "fcn", 3)[2], train(scene, "fcn", 4)[2])
    linear = make_predictor("linear", 5, 2, 3), make_predictor("linear", 5, 2, 4)
    assert torch.equal(linear[0].weights, linear[1].weights)


def test_unlike_anything_in_the_strokes_is_left_open(scene):
    """The members disagree far from the strokes: no false certainty."""
    model, _, probabilities = train(scene, "fcn")
    far = torch.randn(500, 5, generator=torch.Generator().manual_seed(0)) * 3
    with torch.no_grad():
        surest = model.logits(far).exp().max(1).values
    assert float(surest.mean()) < float(probabilities.max(0).values.mean())
    assert float((surest < 0.95).float().mean()) > 0.2
