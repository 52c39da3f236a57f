"""Transfer of trained predictors to other images and to files."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image

import napari_isr as isr
from napari_isr.cli.app import main
from napari_isr.features import FeatureCache
from napari_isr.results.result import iou
from napari_isr.segmentation.trained_predictor import LARGEST, TrainedPredictor
from tests.conftest import disc

SEEN = "rgb,texture,spectral,nearness"  # no network: quick
LIGHT = "rgb,nearness"


def picture(centre, seed, other=(12.0, 68.0)):
    """A red disc and a small green one on grey; strokes; the red disc."""
    rng = np.random.default_rng(seed)
    red = disc(centre=centre, radius=15)
    image = np.full((64, 80, 3), 90.0)
    image[disc(centre=other, radius=7)] = (60, 160, 60)
    image[red] = (200, 60, 50)
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    strokes = np.zeros((64, 80), np.uint8)
    strokes[58:61, 5:75] = 1
    strokes[10:14, 64:72] = 1
    row, column = map(int, centre)
    strokes[row - 1 : row + 2, column - 8 : column + 8] = 2
    return image, strokes, red


def taught(features=SEEN, predictor="auto", seed=0):
    image, strokes, _ = picture((30.0, 25.0), seed)
    segmenter = isr.Segmenter(image, features=features, predictor=predictor)
    for _ in segmenter.run(strokes):
        pass
    return segmenter


@pytest.fixture(scope="module")
def learned():
    return taught().export_predictor()


@pytest.fixture
def second():
    return picture((36.0, 50.0), 1)


@pytest.mark.parametrize("predictor", ["linear", "fcn", "cnn"])
def test_a_carried_predictor_needs_no_stroke(predictor, second):
    image, _, truth = second
    trained = taught(LIGHT, predictor).export_predictor()
    assert trained.predictor == predictor
    found = isr.segment(image, trained=trained)
    assert list(found.objects) == [2]
    assert found.certificate.holds
    assert iou(found.mask, truth) > 0.9


def test_convolutions_wait_for_strokes_of_every_class(second):
    image, strokes, truth = second
    segmenter = isr.Segmenter(image, trained=taught(LIGHT, "cnn").export_predictor())
    for drawn in (np.where(strokes == 1, strokes, 0), strokes):
        for _ in segmenter.run(drawn):
            pass
        assert iou(segmenter.result.mask, truth) > 0.9


def test_the_same_image_gives_the_same_answer():
    image, strokes, _ = picture((30.0, 25.0), 0)
    segmenter = isr.Segmenter(image, features="rgb,texture")
    for _ in segmenter.run(strokes):
        pass
    again = isr.segment(image, trained=segmenter.export_predictor())
    np.testing.assert_allclose(again.probability, segmenter.result.probability, atol=1e-3)
    assert iou(again.mask, segmenter.result.mask) > 0.99


def test_what_belongs_to_one_image_stays_there(learned):
    assert learned.features == ("rgb", "texture")
    assert learned.local == ("spectral", "nearness")
    assert learned.samples.shape[1] == 3 + 12


def test_new_strokes_are_learned_beside_the_old(learned, second):
    image, strokes, truth = second
    segmenter = isr.Segmenter(image, trained=learned)
    for drawn in (np.where(strokes == 1, strokes, 0), strokes):
        for _ in segmenter.run(drawn):
            pass
        assert iou(segmenter.result.mask, truth) > 0.9
    more = segmenter.export_predictor()
    assert len(more.labels) > len(learned.labels)
    assert more.bases["rgb"]["mean"] is learned.bases["rgb"]["mean"]
    for _ in segmenter.run(np.zeros_like(strokes)):  # undone: as if there had been none
        pass
    assert segmenter.export_predictor() is learned
    bare = isr.segment(image, trained=learned)
    np.testing.assert_array_equal(segmenter.result.mask, bare.mask)


def test_a_new_object_is_learned_beside_the_old_one(learned, second):
    image, _, truth = second
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[10:14, 64:72] = 3
    found = isr.segment(image, strokes, trained=learned)
    assert list(found.objects) == [2, 3]
    assert iou(found.objects[3].mask, disc(centre=(12.0, 68.0), radius=7)) > 0.7
    trained = taught(LIGHT, "cnn").export_predictor()
    with pytest.raises(isr.InputError, match="no further objects"):
        isr.segment(image, strokes, trained=trained)


def test_a_file_brings_everything_back(learned, second, tmp_path):
    path = learned.save(tmp_path / "red")
    assert path == tmp_path / "red.safetensors"
    again = TrainedPredictor.load(path)
    for field in dataclasses.fields(TrainedPredictor):
        if field.name not in ("span", "bases", "weights", "samples", "labels"):
            assert getattr(again, field.name) == getattr(learned, field.name)
    first, other = (isr.segment(second[0], trained=t) for t in (learned, again))
    np.testing.assert_array_equal(first.probability, other.probability)
    assert [p.name for p in tmp_path.iterdir()] == ["red.safetensors"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"samples": np.full((2, 15), np.nan, np.float32), "labels": np.array([1, 2])}, "finite"),
        ({"samples": np.zeros((2, 9), np.float32), "labels": np.array([1, 2])}, "do not fit"),
        ({"labels": np.array([7])}, "labels"),
        ({"weights": {"weights": torch.zeros(2, 2)}}, "weights are not those"),
        ({"weights": {}}, "weights are not those"),
        ({"bases": {}}, "missing"),
        ({"classes": (1,)}, "classes"),
        ({"features": ("rgb", "colour")}, "missing"),
        ({"predictor": "oracle"}, "oracle"),
        ({"ndim": 9}, "axes"),
    ],
)
def test_a_wrong_file_is_one_sentence(learned, change, match, tmp_path):
    path = dataclasses.replace(learned, **change).save(tmp_path / "wrong.safetensors")
    with pytest.raises(isr.InputError, match=match):
        TrainedPredictor.load(path)


def test_a_broken_file_is_one_sentence(learned, tmp_path):
    whole = learned.save(tmp_path / "whole.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    broken = tmp_path / "broken.safetensors"
    for _ in range(100):
        content = bytearray(whole)
        start, count = rng.integers(0, len(whole)), rng.integers(1, 40)
        content[start : start + count] = rng.bytes(count)
        broken.write_bytes(bytes(content[: rng.integers(0, len(whole))]))
        with pytest.raises(isr.InputError, match="trained predictor"):
            TrainedPredictor.load(broken)
        broken.write_bytes(bytes(content))
        with suppress(isr.InputError):  # a changed number can be as good as the one before
            TrainedPredictor.load(broken)
    with pytest.raises(isr.InputError, match="cannot be read"):
        TrainedPredictor.load(tmp_path / "nowhere.safetensors")
    with broken.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(isr.InputError, match="too large"):
        TrainedPredictor.load(broken)


def test_what_does_not_fit_is_said(learned, second):
    image, strokes, _ = second
    with pytest.raises(isr.InputError, match=r"3 channels.*1 channel"):
        isr.segment(image[..., 0], trained=learned)
    with pytest.raises(isr.InputError, match="axes"):
        isr.segment(np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 8, 8), int), trained=learned)
    with pytest.raises(isr.InputError, match="not 'fcn'"):
        isr.segment(image, trained=learned, predictor="fcn")
    with pytest.raises(isr.InputError, match="not those"):
        isr.segment(image, trained=learned, features="rgb")
    with pytest.raises(isr.InputError, match="choose one"):
        isr.segment(image, strokes, trained=learned, unaries=strokes == 2)
    with pytest.raises(isr.InputError, match="no strokes"):
        isr.segment(image)
    other = dataclasses.replace(learned, versions={"texture": "(0,)"})
    with pytest.raises(isr.InputError, match="another network"):
        isr.segment(image, trained=other)
    with pytest.raises(isr.InputError, match="run on strokes"):
        isr.Segmenter(image).export_predictor()
    with pytest.raises(isr.InputError, match="another image"):
        taught("spectral").export_predictor()


def test_maps_that_were_kept_bring_their_basis_along(second, tmp_path):
    image, strokes, _ = second
    bases = []
    for _ in range(2):
        cache = FeatureCache(tmp_path)
        segmenter = isr.Segmenter(image, features="texture", cache=cache)
        for _ in segmenter.run(strokes):
            pass
        bases.append(segmenter.export_predictor().bases["texture"]["matrix"])
    np.testing.assert_array_equal(*bases)


def test_many_channels_are_carried_with_their_own_basis(second):
    image, strokes, _ = second
    many = np.concatenate([image, image[..., ::-1] // 2], axis=2)
    segmenter = isr.Segmenter(many, features="texture")
    for _ in segmenter.run(strokes):
        pass
    trained = segmenter.export_predictor()
    assert {"channels_mean", "channels_matrix"} <= set(trained.bases["texture"])
    again = isr.segment(many, trained=trained)
    np.testing.assert_allclose(again.probability, segmenter.result.probability, atol=1e-3)


def test_gray_values_of_one_type_keep_their_range():
    image, strokes, _ = picture((30.0, 25.0), 0)
    gray = image[..., 0].astype(np.uint16) * 16
    segmenter = isr.Segmenter(gray, features="rgb")
    for _ in segmenter.run(strokes):
        pass
    trained = segmenter.export_predictor()
    dim = gray // 2  # as from the same camera with half the light: nothing is as bright as before
    with pytest.raises(isr.InputError, match="nothing in this image"):
        isr.segment(dim, trained=trained)
    bright = isr.segment(gray.astype(float), trained=trained)  # another type: scaled by itself
    assert iou(bright.probability > 0.5, gray > 2200) > 0.9


def test_the_command_line_carries(second, tmp_path, capsys):
    first, strokes, _ = picture((30.0, 25.0), 0)
    image, _, truth = second
    for name, pixels in (("first", first), ("strokes", strokes), ("image", image)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")

    def cli(*words):
        with pytest.raises(SystemExit) as stop:
            main(["segment", *map(str, words), "-o", str(tmp_path / "mask.png")])
        return stop.value.code

    kept = tmp_path / "red.safetensors"
    names = tmp_path / "first.png", tmp_path / "strokes.png"
    assert cli(*names, "--features", LIGHT, "--save-trained", kept) == 0
    assert cli(tmp_path / "image.png", "--trained", kept) == 0
    assert iou(np.asarray(Image.open(tmp_path / "mask.png")) == 2, truth) > 0.9
    capsys.readouterr()
    assert cli(tmp_path / "image.png") == 2
    assert "SCRIBBLES" in capsys.readouterr().err
    assert cli(tmp_path / "image.png", "--trained", tmp_path / "image.png") == 2
    assert capsys.readouterr().err.count("\n") == 1
