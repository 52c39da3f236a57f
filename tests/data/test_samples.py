import socket

import numpy as np
import pytest
from skimage.morphology import convex_hull_image

from napari_isr.data import SAMPLES, load_sample
from napari_isr.data.scribbles import ScribbleStroke, rasterize
from napari_isr.errors import InputError


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_complete_without_a_network(name, no_network):
    sample = load_sample(name)
    shape = sample.scribbles.shape
    assert sample.name == name
    assert sample.title
    assert sample.image.dtype == sample.scribbles.dtype == np.uint8
    assert sample.image.shape in {shape, (*shape, 3)}

    labels = set(np.unique(sample.scribbles).tolist())
    objects = labels - {0, 1}
    assert {0, 1} <= labels
    assert objects == set(range(2, 2 + len(objects)))
    assert objects
    assert set(sample.shapes) == objects
    for mask in (sample.truth or {}).values():
        assert mask.dtype == bool
        assert mask.shape == shape


@pytest.mark.parametrize("name", ["coffee", "cat", "coins", "cell"])
def test_no_convex_hull_of_an_object_holds_another_label(name):
    scribbles = load_sample(name).scribbles
    for label in range(2, scribbles.max() + 1):
        hull = convex_hull_image(scribbles == label, offset_coordinates=False)
        assert set(np.unique(scribbles[hull])) <= {0, label}


def test_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match="'coffee'"):
        load_sample("cofee")


def test_a_missing_picture_is_an_input_error(monkeypatch, tmp_path, no_network):
    import skimage.data

    monkeypatch.setattr(skimage.data, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(InputError, match=r"coins\.png"):
        load_sample("coins")


def test_rasterize_paints_in_order_and_cuts_at_the_edge():
    strokes = [ScribbleStroke(1, [(5, -3), (5, 22)], 1), ScribbleStroke(2, [(5, 10)], 2)]
    scribbles = rasterize(strokes, (11, 20))
    assert (scribbles[5, [0, 7, 13, 19]] == 1).all()
    assert (scribbles[4:7, 0] == 1).all()
    assert (scribbles[3:8, 10] == 2).all()
    assert not scribbles[[0, 10]].any()
