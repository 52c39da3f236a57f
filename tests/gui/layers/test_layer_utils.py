"""New data of our layers: drawn once, and nothing else."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Points, Surface

from napari_isr.gui.layers.utils import set_data_quietly

FACES = np.array([[0, 1, 2]])


def mesh(shift):
    return np.array([[0, 0], [0, 9], [9, 0]], np.float32) + shift, FACES, np.ones(3, np.float32)


LAYERS = {
    "labels": (lambda: Labels(np.zeros((8, 8), np.uint8)), np.eye(8, dtype=np.uint8)),
    "points": (lambda: Points([[1, 1]]), np.array([[3.0, 4.0]])),
    "surface": (lambda: Surface(mesh(0)), mesh(1)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_it_is_drawn_once_and_the_viewer_does_not_start_anew(kind):
    make, data = LAYERS[kind]
    viewer, layer, told = ViewerModel(), make(), []
    viewer.layers.append(layer)
    for name in ("set_data", "data"):
        layer.events[name].connect(lambda event: told.append(event.type))
    viewer.layers.events.connect(lambda event: told.append(f"list: {event.type}"))
    set_data_quietly(layer, data)
    assert told == ["set_data"]
    for now, wanted in zip(layer.data, data, strict=True):
        np.testing.assert_array_equal(now, wanted)
    set_data_quietly(layer, data)
    assert told == ["set_data"] * 2
    layer.name = "other"  # what is told of it later is heard again
    assert "list: name" in told


def test_what_is_not_seen_is_not_drawn():
    layer, told = Labels(np.zeros((8, 8), np.uint8), visible=False), []
    layer.events.connect(lambda event: told.append(event.type))
    set_data_quietly(layer, np.eye(8, dtype=np.uint8))
    assert told == []
    layer.visible = True
    assert "set_data" in told
    np.testing.assert_array_equal(layer.data, np.eye(8))
