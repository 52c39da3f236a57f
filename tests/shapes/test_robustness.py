"""Whatever the unaries: a valid, certified shape or one clear sentence; no NaN, no collapse."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.results.result import iou
from napari_isr.shapes import NONE, shape_names

SHAPES = [name for name in shape_names() if name != NONE]


def disc(size, centre, radius):
    row, column = np.mgrid[: size[0], : size[1]]
    return (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius**2


def truth(size=(96, 128)):
    """A disc, which has every property; for lattices many of them."""
    return disc(size, (45.0, 60.0), 26)


def lattice(size=(96, 128)):
    row, column = np.mgrid[: size[0], : size[1]]
    return (row % 24 - 12) ** 2 + (column % 24 - 12) ** 2 <= 64


def noisy(mask, part=0.2):
    rng = np.random.default_rng(0)
    return np.where(rng.random(mask.shape) < part, rng.random(mask.shape), mask)


def occluded(mask):
    seen = mask.copy()
    inside = np.argwhere(mask)
    seen[:, : int(np.quantile(inside[:, 1], 1 / 3))] = False
    return seen


CASES = {
    "noise": lambda m: noisy(m),
    "a third hidden": occluded,
    "noise, a third hidden": lambda m: noisy(occluded(m)),
    "at the border": lambda m: np.roll(m, -45, axis=0),
    "one pixel": lambda m: disc(m.shape, (40, 50), 0.5),
    "full": np.ones_like,
    "one row": lambda m: m[45:46].copy(),
    "one column": lambda m: m[:, 60:61].copy(),
    "two by two": lambda m: np.ones((2, 2), bool),
    "two far away": lambda m: disc(m.shape, (20, 20), 12) | disc(m.shape, (75, 105), 14),
    "nothing but noise": lambda m: np.random.default_rng(1).random(m.shape),
    "all a half but one": lambda m: np.where(disc(m.shape, (9, 9), 0.5), 0.51, 0.5),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_valid_shape_or_one_sentence(shape, case):
    mask = lattice() if shape == "periodic" else truth()
    unaries = CASES[case](mask).astype(np.float32)
    try:
        result = isr.project(unaries, shape)
    except InputError as error:
        sentence = str(error)
    else:
        check(result, unaries)
        return
    assert 20 < len(sentence) < 300


def check(result, unaries):
    assert np.isfinite(result.objective)
    assert np.isfinite(result.logit(np.argwhere(np.ones(unaries.shape))[:50])).all()
    assert result.mask.any()
    assert result.certificate.holds, result.certificate.message


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_one_sentence(shape):
    with pytest.raises(InputError, match="nothing to fit"):
        isr.project(np.zeros((20, 30)), shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_does_not_hide_the_object(shape):
    mask = lattice() if shape == "periodic" else truth()
    assert iou(isr.project(noisy(mask), shape).mask, mask) > 0.85


@pytest.mark.parametrize(("radius", "centre"), [(2, (60, 20)), (8, (40, 50))])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "periodic"])
def test_an_object_of_few_pixels_in_a_large_image(shape, radius, centre):
    mask = disc((512, 512), centre, radius)
    assert iou(isr.project(mask.astype(np.float32), shape).mask, mask) > 0.5


def test_the_last_steps_bring_no_piece_that_nothing_is_for(monkeypatch):
    """The butterfly of the documentation had one at the edge of the image, between two samples."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    scene = importlib.import_module("shape_scenes").SCENES["mirror"]()
    mask = isr.segment(scene.image, scene.scribbles, scene.shape, features=scene.features).mask
    assert ndimage.label(mask)[1] == 1
