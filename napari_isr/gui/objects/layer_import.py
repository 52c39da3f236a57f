"""Layers as sources of objects: which can be imported, what they contain, when they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.layers.utils import METADATA_KIND, image_shape
from napari_isr.gui.scribbles.change_detector import ScribbleChangeDetector

__all__ = ["ImportedObject", "SourceLayerWatcher", "can_import", "import_error", "read_objects"]

MAX_OBJECTS = 64
MAX_MASK_BYTES = 2**29  # bytes of all masks together
CHANGE_PAUSE_MS = 100  # milliseconds without a change until the layer is read again


@dataclass(frozen=True)
class ImportedObject:
    """One object of a layer.

    Parameters
    ----------
    value : int
        Its label in the layer, or 0 if the layer holds probabilities.
    values : (H, W) array
        A bool mask, or float32 probabilities.
    """

    value: int
    values: npt.NDArray[Any]


def can_import(layer: Layer, image: Image | None) -> bool:
    """Return whether a layer is offered: labels or gray values of the size of the image.

    Layers of the dock are not offered. A mask that is used as scribble layer is.
    """
    return (
        image is not None
        and layer != image
        and isinstance(layer, Image | Labels)
        and METADATA_KIND not in layer.metadata
        and not import_error(layer, image)
    )


def import_error(layer: Layer, image: Image) -> str:
    """Return the reason why a layer cannot be imported, or an empty string. Reads no pixels."""
    if not isinstance(layer, Image | Labels):
        return f"'{layer.name}' is no Labels or Image layer: convert it to Labels first."
    if isinstance(layer, Image) and layer.rgb:
        return f"'{layer.name}' is a colour image: import a mask or a single grey channel."
    shape = tuple(_full_resolution_data(layer).shape)
    if shape != image_shape(image):
        sizes = " x ".join(map(str, shape)), " x ".join(map(str, image_shape(image)))
        return f"'{layer.name}' has the size {sizes[0]}, but the image has {sizes[1]}."
    return ""


def read_objects(layer: Layer) -> list[ImportedObject]:
    """Split a layer into objects. May be called in any thread.

    Returns
    -------
    list of ImportedObject
        One for each label of a Labels layer or bool image, in order. One of any other image.

    Raises
    ------
    InputError
        If the layer has no object, too many objects, or values that are no probabilities.
    """
    data, name = np.asarray(_full_resolution_data(layer)), layer.name
    if isinstance(layer, Labels) or data.dtype.kind == "b":
        return _read_masks(data, name)
    return [ImportedObject(0, _read_probability(data, name))]


def _read_masks(data: npt.NDArray[Any], name: str) -> list[ImportedObject]:
    values = [int(v) for v in np.unique(data) if v]
    if not values:
        raise InputError(f"'{name}' is empty: there is no labelled pixel to import.")
    limit = max(1, min(MAX_OBJECTS, MAX_MASK_BYTES // data.size))
    if len(values) > limit:
        raise InputError(
            f"'{name}' has {len(values)} labels, and at most {limit} can be imported at once: "
            "remove some first."
        )
    return [ImportedObject(value, data == value) for value in values]


def _read_probability(data: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    if not np.isfinite(data).all():
        raise InputError(f"'{name}' holds NaN or infinite values: replace them first.")
    low, high = float(data.min()), float(data.max())
    if low < 0 or high > 255:
        raise InputError(
            f"'{name}' ranges from {low:g} to {high:g}: probabilities from 0 to 1, or 0 to 255, "
            "are needed."
        )
    values = data.astype(np.float32) / np.float32(255 if high > 1 else 1)
    if not (values > 0.5).any():
        raise InputError(f"'{name}' is nowhere above one half: there is no object in it.")
    return values


def _full_resolution_data(layer: Layer) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


class SourceLayerWatcher:
    """Emits when a layer changes, is renamed or is removed.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : Labels or Image
    executor : BackgroundExecutor
        Computes checksums of large layers.
    """

    changed = Signal(object)  # this watcher
    renamed = Signal(object, str)  # this watcher, and the former name
    removed = Signal(object)  # this watcher

    def __init__(self, viewer: Any, layer: Any, executor: BackgroundExecutor) -> None:
        self._viewer = viewer
        self.layer: Any = layer
        self.name = str(layer.name)
        self._pause = make_single_shot_timer(lambda: self.changed.emit(self), CHANGE_PAUSE_MS)
        self._detector = ScribbleChangeDetector(executor) if isinstance(layer, Labels) else None
        if self._detector is not None:
            self._detector.layer = layer
            self._detector.changed.connect(self._on_data)
        else:
            layer.events.data.connect(self._on_data)
        layer.events.name.connect(self._on_name)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Release the layer."""
        if self.layer is None:
            return
        layer, self.layer = self.layer, None
        self._pause.stop()
        if self._detector is not None:
            self._detector.layer = None
        else:
            layer.events.data.disconnect(self._on_data)
        layer.events.name.disconnect(self._on_name)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_data(self, event: Any = None) -> None:
        self._pause.start()

    def _on_name(self, event: Any = None) -> None:
        before, self.name = self.name, str(self.layer.name)
        self.renamed.emit(self, before)

    def _on_removed(self, event: Any) -> None:
        if event.value == self.layer:
            self.close()
            self.removed.emit(self)
