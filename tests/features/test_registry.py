"""Feature blocks of other packages are found by name or passed as objects."""

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.features import feature_names, parse_features
from napari_isr.features.registry import _factories, register_features


class Row:
    """Row of each pixel."""

    name, source, width = "row", "the row", 1

    def __init__(self, image, geometry):
        self.height = image.shape[0]

    def at(self, points):
        return points[:, :1] / self.height


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    before = dict(_factories)
    yield
    _factories.clear()
    _factories.update(before)


def test_a_registered_block_has_a_name_after_the_built_in_ones():
    register_features(Row)
    assert feature_names()[-1] == "row"
    assert parse_features("row,rgb") == ("rgb", "row")
    register_features(Row)  # as a module that is executed again


@pytest.mark.parametrize("features", [["rgb", Row], (Row, "rgb")])
def test_a_block_is_passed_without_being_registered(scene, features):
    image, scribbles, _ = scene
    result = isr.segment(image, scribbles, features=features, predictor="linear")
    assert list(result.sources) == ["rgb", "row"]
    assert "row" not in feature_names()


def test_a_block_object_of_the_image_is_used_as_it_is(scene):
    image, scribbles, _ = scene
    block = Row(image, None)
    one = isr.segment(image, scribbles, features=["rgb", block], predictor="linear")
    two = isr.segment(image, scribbles, features=["rgb", Row], predictor="linear")
    for label in (2, 3):
        np.testing.assert_array_equal(
            one.objects[label].probability, two.objects[label].probability
        )


class Wide(Row):
    """A block with a wrong width."""

    name, width = "wide", 2


class Empty(Row):
    """A block without values."""

    name = "empty"

    def at(self, points):
        return np.full((len(points), 1), np.nan)


class Bare:
    """A class that is no block."""

    name = "bare"

    def __init__(self, image, geometry):
        pass


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Wide, "the features 'wide' have the shape"),
        (Empty, "the features 'empty' hold NaN"),
        (Bare, "the features 'bare' are no feature block"),
        (object(), "has no name"),
        (type("A", (Row,), {"name": "A b"}), "cannot be the name"),
        (type("A", (Row,), {"name": "rgb"}), "two features 'rgb'"),
    ],
)
def test_a_faulty_block_is_one_sentence(scene, block, message):
    image, scribbles, _ = scene
    with pytest.raises(isr.InputError, match=message) as caught:
        isr.segment(image, scribbles, features=["rgb", block], predictor="linear")
    assert "\n" not in str(caught.value)


def test_a_name_in_use_is_refused():
    with pytest.raises(ValueError, match="features 'rgb' already"):
        register_features(type("Other", (Row,), {"name": "rgb"}))
    register_features(Row)
    with pytest.raises(ValueError, match="features 'row' already"):
        register_features(type("Other", (Row,), {}))
    with pytest.raises(TypeError, match="has no name"):
        register_features(lambda image, geometry: None)
