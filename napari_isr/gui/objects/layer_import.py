"""Layers as objects: which can be imported, and what they hold; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer

from napari_isr.errors import InputError
from napari_isr.gui.layers.utils import METADATA_KIND, image_shape

__all__ = ["ImportedObject", "can_import", "import_error", "read_objects"]

MOST_OBJECTS = 64
MOST_BYTES = 2**29  # of all masks together


@dataclass(frozen=True)
class ImportedObject:
    """One object of a layer.

    Parameters
    ----------
    value : int
        Its label in the layer; 0: the layer holds probabilities.
    values : (H, W) array
        A bool mask, or float32 probabilities.
    """

    value: int
    values: npt.NDArray[Any]


def can_import(layer: Layer, image: Image | None) -> bool:
    """Whether a layer is offered: masks or grey values of the image's size.

    None of those that we made, the strokes among them. But a mask that the dock took for strokes,
    for want of others, is one.
    """
    return (
        image is not None
        and layer != image
        and isinstance(layer, Image | Labels)
        and METADATA_KIND not in layer.metadata
        and not import_error(layer, image)
    )


def import_error(layer: Layer, image: Image) -> str:
    """Why a layer cannot be imported, as far as is seen at once; empty if it can."""
    if not isinstance(layer, Image | Labels):
        return f"'{layer.name}' is no Labels or Image layer: convert it to Labels first."
    if isinstance(layer, Image) and layer.rgb:
        return f"'{layer.name}' is a colour image: import a mask or a single grey channel."
    data = _data(layer)
    if tuple(data.shape) != image_shape(image):
        sizes = " x ".join(map(str, data.shape)), " x ".join(map(str, image_shape(image)))
        return f"'{layer.name}' has the size {sizes[0]}, but the image has {sizes[1]}."
    return ""


def read_objects(layer: Layer) -> list[ImportedObject]:
    """Take a layer apart into objects; may be called in any thread.

    Returns
    -------
    list of Piece
        Of a Labels layer or a bool image one for each label, in order; of an image one.

    Raises
    ------
    InputError
        If it holds none, too many, or no probabilities.
    """
    data, name = np.asarray(_data(layer)), layer.name
    if isinstance(layer, Labels) or data.dtype.kind == "b":
        return _masks(data, name)
    return [ImportedObject(0, _probability(data, name))]


def _masks(data: npt.NDArray[Any], name: str) -> list[ImportedObject]:
    values = [int(v) for v in np.unique(data) if v]
    if not values:
        raise InputError(f"'{name}' is empty: there is no labelled pixel to import.")
    most = max(1, min(MOST_OBJECTS, MOST_BYTES // data.size))
    if len(values) > most:
        raise InputError(
            f"'{name}' has {len(values)} labels, and at most {most} can be imported at once: "
            "remove some first."
        )
    return [ImportedObject(value, data == value) for value in values]


def _probability(data: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
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


def _data(layer: Layer) -> Any:
    return layer.data[0] if layer.multiscale else layer.data
