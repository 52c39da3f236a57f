"""Creation, lookup and quiet updates of layers of the dock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.theme import copy_colormap, scribble_colormap

__all__ = [
    "COORDINATE",
    "METADATA_IMAGE_ID",
    "METADATA_KIND",
    "METADATA_PATH",
    "DebouncedZoomListener",
    "ResultLayers",
    "TransientLayer",
    "add_scribbles_layer",
    "align_to_image",
    "insert_layer_above",
    "is_result_layer",
    "layer_transform_kwargs",
    "pixel_size",
    "set_data_quietly",
]

METADATA_KIND = "napari-isr"  # in a layer's metadata: what it is to us
METADATA_IMAGE_ID = "napari-isr-of"  # of a result: the image that it is of
METADATA_PATH = "napari-isr-path"  # in that of an image that we opened: its file
COORDINATE = "napari-isr-coordinate"  # in that of a map: the coordinate that its values are
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
RESULTS = (
    "raw",
    "isr",
    "outlines",
    "conflict",
    "uncertainty",
    "next",
    "handles",
    "surface",
    "finer",
)
SUPPRESSED_EVENTS = (
    "data",
    "features",
    "highlight",
    "_extent_augmented",
)  # events: see :func:`set_data_quietly`
OPACITY = {"raw": 0.4, "isr": 0.15}  # the image stays visible
PAUSE_MS = 40


def layer_transform_kwargs(layer: Layer, size: Sequence[int] | None = None) -> dict[str, Any]:
    """Return the transform of a layer as keyword arguments of another layer.

    Parameters
    ----------
    layer : Layer
        Of the image.
    size : sequence of int, optional
        Pixels of the other one, which covers the same area. Default: those of the image.
    """
    where = {name: getattr(layer, name) for name in GEOMETRY}
    if size is not None and tuple(size) != image_shape(layer):
        factor = np.array(image_shape(layer)) / np.array(size)
        linear = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
        where["scale"] = np.asarray(layer.scale) * factor
        # Corners coincide, so the centres of the first pixels do not.
        where["translate"] = np.asarray(layer.translate) + linear @ ((factor - 1) / 2)
    return where


def align_to_image(layer: Layer, image: Layer) -> None:
    """Bring a layer that covers the image to where the image now lies."""
    size = layer.data.shape if isinstance(layer, Labels | Image) else None
    for name, value in layer_transform_kwargs(image, size).items():
        if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
            setattr(layer, name, value)


def set_data_quietly(layer: Layer, data: Any) -> None:
    """Give a layer of ours new data of the same extent, at the price of one drawing.

    Told of new data, napari would measure and slice every layer once more, write the shaders of a
    Labels layer anew and paint the layer list several times: 20 ms in the GUI thread. It is told
    of what is seen only, once (the event ``set_data``).
    """
    with ExitStack() as untold:
        untold.enter_context(layer.events.blocker())  # the layer list, which hears all events
        for name in SUPPRESSED_EVENTS:
            if name in layer.events.emitters:
                untold.enter_context(layer.events[name].blocker())
        layer.data = data


def pixel_size(layer: Layer) -> float:
    """Return the mean size of the pixels of a layer in world coordinates."""
    linear = np.asarray(layer.affine.linear_matrix)[-2:, -2:]
    size = abs(float(np.linalg.det(linear)) * float(np.prod(np.asarray(layer.scale)[-2:])))
    return size**0.5 or 1.0


def is_result_layer(layer: Layer) -> bool:
    """Whether a layer holds results, not an image or strokes of the user."""
    return layer.metadata.get(METADATA_KIND) in RESULTS


def insert_layer_above(viewer: Any, layer: Layer, below: Layer | None) -> None:
    """Insert a layer, leaving the selected layer, and so the brush, as it was."""
    layers = viewer.layers
    active = layers.selection.active
    index = layers.index(below) + 1 if below is not None and below in layers else len(layers)
    layers.insert(index, layer)
    if active is not None and active in layers:
        layers.selection.active = active


def add_scribbles_layer(viewer: Any, image: Image) -> Labels:
    """Add an empty stroke layer over an image, the brush armed for the first object."""
    size = image_shape(image)
    layer = Labels(
        np.zeros(size, np.uint8),
        name=f"{image.name} [strokes]",
        metadata={METADATA_KIND: "strokes"},
        colormap=scribble_colormap(),
        opacity=0.9,
        **layer_transform_kwargs(image),
    )
    viewer.layers.append(layer)
    viewer.layers.selection.active = layer
    layer.brush_size = int(np.clip(min(size[-2:]) / 75, 3, 40))
    layer.selected_label = 2
    layer.mode = "paint"
    return layer


def image_shape(image: Image) -> tuple[int, ...]:
    """Rows and columns (and what else there is), without channels."""
    data = image.data[0] if image.multiscale else image.data
    return tuple(data.shape[:-1] if image.rgb else data.shape)


def layer_metadata(kind: str, image: Layer) -> dict[str, Any]:
    """Make the metadata of a layer that shows results of an image."""
    return {METADATA_KIND: kind, METADATA_IMAGE_ID: str(image.unique_id)}


def find_existing_layer(viewer: Any, image: Layer, kind: str) -> Layer | None:
    """Find the layer of some kind that an earlier dock left over an image, to go on with it."""
    marks = layer_metadata(kind, image).items()
    return next((layer for layer in viewer.layers if marks <= layer.metadata.items()), None)


class TransientLayer:
    """A layer over one image that is there only while it has something to show.

    One that a closed dock left is gone on with: it is not there twice.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind: str

    def __init__(self, viewer: Any, image: Image) -> None:
        self._viewer, self._image = viewer, image
        self._layer: Any = find_existing_layer(viewer, image, self.kind)

    def forget_if_removed(self) -> None:
        """Forget the layer if the user took it out."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer = None

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self.forget_if_removed()
        if self._layer is not None:
            self._viewer.layers.remove(self._layer)
        self._layer = None


class ResultLayers:
    """The layers ``<image> [raw]`` and ``<image> [isr]`` of one image.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    def __init__(self, viewer: Any, image: Image) -> None:
        self._viewer, self._image = viewer, image
        left = {kind: find_existing_layer(viewer, image, kind) for kind in ("raw", "isr")}
        self._layers = {kind: layer for kind, layer in left.items() if isinstance(layer, Labels)}
        self._blank: dict[str, Any] = {}
        self._colors_of: Any = None

    def write(
        self, raw: npt.NDArray[np.integer], isr: npt.NDArray[np.integer], scribbles: Labels
    ) -> Iterator[None]:
        """Show new masks in the strokes' colours; layers that are gone are made again.

        Yields before each layer that is new, for that costs napari a few frames.

        Parameters
        ----------
        raw, isr : (H, W) integer arrays
            Masks of the predictor and of the shapes, values are the objects' labels.
        scribbles : Labels
            Whose colours to use.
        """
        self._forget_removed()
        colors = scribbles.colormap
        yield
        for kind, data in (("raw", raw), ("isr", isr)):
            layer = self._layers.get(kind)
            if layer is None or layer.data.shape != data.shape:
                yield
                if layer is not None:
                    self._viewer.layers.remove(layer)
                self._add(kind, data, colors)
            else:
                set_data_quietly(layer, data)
                align_to_image(layer, self._image)
                if colors != self._colors_of:
                    layer.colormap = copy_colormap(colors)
        self._colors_of = colors

    def refresh_thumbnails(self) -> None:
        """Refresh the thumbnails of napari's layer list, at the cost of one repaint."""
        self._forget_removed()
        for layer in self._layers.values():
            layer.events.thumbnail()

    def set_colormap(self, scribbles: Labels) -> None:
        """Give the masks the colours of the strokes."""
        self._forget_removed()
        colors = scribbles.colormap
        for layer in self._layers.values():
            layer.colormap = copy_colormap(colors)
        self._colors_of = colors

    def clear(self) -> None:
        """Empty the masks, as their strokes are gone."""
        self._forget_removed()
        for kind, layer in self._layers.items():
            if layer.data is not self._blank.get(kind):  # to look at all pixels takes long
                self._blank[kind] = np.zeros_like(layer.data)
                set_data_quietly(layer, self._blank[kind])

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self._forget_removed()
        for layer in self._layers.values():
            self._viewer.layers.remove(layer)
        self._layers.clear()

    def _forget_removed(self) -> None:
        self._layers = {k: v for k, v in self._layers.items() if v in self._viewer.layers}

    def _add(self, kind: str, data: npt.NDArray[np.integer], colors: Any) -> None:
        layer = Labels(
            data,
            name=f"{self._image.name} [{kind}]",
            metadata=layer_metadata(kind, self._image),
            colormap=copy_colormap(colors),
            opacity=OPACITY[kind],
            # The predictor's mask is one click away; shown at once, both would be a muddle.
            visible=kind == "isr",
            **layer_transform_kwargs(self._image, data.shape),
        )
        below = self._layers.get("raw") or self._image
        insert_layer_above(self._viewer, layer, below)
        self._layers[kind] = layer


class DebouncedZoomListener:
    """Calls a function a moment after the zoom of a viewer changed.

    Parameters
    ----------
    viewer : napari.Viewer
    act : callable
    """

    def __init__(self, viewer: Any, act: Callable[[], None]) -> None:
        self._timer = make_single_shot_timer(act, PAUSE_MS)
        self._zoom = viewer.scene.camera.events.zoom
        self._zoom.connect(self._on_zoom)

    def close(self) -> None:
        """Follow no longer."""
        self._timer.stop()
        self._zoom.disconnect(self._on_zoom)

    def _on_zoom(self) -> None:
        self._timer.start()
