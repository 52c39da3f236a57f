"""Sample data for napari's menu ``File > Open Sample``."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari_isr.data import load_sample
from napari_isr.gui.layers.utils import COORDINATE, METADATA_KIND
from napari_isr.gui.theme import scribble_colormap

__all__ = ["add_sample", "cat", "cell", "coffee", "coins", "fruit", "motorcycle", "sample_layers"]

LayerData = tuple[Any, dict[str, Any], str]


def sample_layers(name: str) -> list[LayerData]:
    """Load a sample as layers.

    Parameters
    ----------
    name : str
        Key of :data:`napari_isr.data.SAMPLES`.

    Returns
    -------
    list of (data, keywords, type)
        The image, maps such as depth (hidden at first), and the strokes, as napari takes them.
    """
    sample = load_sample(name)
    strokes = {
        "name": f"{sample.name} [strokes]",
        "metadata": {METADATA_KIND: "strokes"},
        "colormap": scribble_colormap(),
        "opacity": 0.9,
    }
    maps = [
        (
            values,
            {
                "name": f"{sample.name} [{name}]",
                "visible": False,
                "metadata": {COORDINATE: name},
            },
            "image",
        )
        for name, values in sample.coordinates.items()
    ]
    return [
        (sample.image, {"name": sample.name}, "image"),
        *maps,
        (sample.scribbles, strokes, "labels"),
    ]


def add_sample(viewer: Any, layers: list[LayerData]) -> tuple[Any, Any]:
    """Show what :func:`sample_layers` loaded, the brush armed for the first object.

    Returns
    -------
    (Image, Labels)
    """
    (picture, about, _), *maps, (strokes, drawn, _) = layers
    image = viewer.add_image(picture, **about)
    for values, named, _ in maps:
        viewer.add_image(values, **named)
    layer = viewer.add_labels(strokes, **drawn)
    viewer.layers.selection.active = layer
    layer.brush_size = 6
    layer.selected_label = 2
    layer.mode = "paint"
    return image, layer


fruit = partial(sample_layers, "fruit")
coffee = partial(sample_layers, "coffee")
cat = partial(sample_layers, "cat")
coins = partial(sample_layers, "coins")
cell = partial(sample_layers, "cell")
motorcycle = partial(sample_layers, "motorcycle")
