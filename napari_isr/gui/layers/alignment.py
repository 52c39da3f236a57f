"""Alignment of scribbles and results with a moved, scaled or rotated image."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import METADATA_IMAGE_ID, align_to_image, image_shape

__all__ = ["LayerAlignment"]

EVENTS = ("scale", "translate", "rotate", "shear", "affine", "units")


class LayerAlignment:
    """Moves the layers that belong to an image along with it.

    Strokes are moved only if they lay where the image did. Where the pixels' sides change in
    proportion, what is symmetric or round is another set: it is fitted again.

    Parameters
    ----------
    control : Controller
    """

    def __init__(self, control: Controller) -> None:
        self._control = control
        self._image: Image | None = None
        self._scale: Any = None
        self._strokes: Labels | None = None  # that lie on the image
        control.layers.events.image.connect(self._follow)
        control.layers.events.scribbles.connect(self._follow)
        self._follow()

    def close_down(self) -> None:
        """Follow no layer any more."""
        self._connect(False)
        self._image = self._strokes = None

    def _follow(self, *_: Any) -> None:
        self._connect(False)
        self._image, layer = self._control.image_layer, self._control.scribble_layer
        self._connect(True)
        self._strokes = layer if self._on_image(layer) else None
        self._scale = None if self._image is None else np.array(self._image.scale)

    def _connect(self, on: bool) -> None:
        if self._image is not None:
            for name in EVENTS:
                event = getattr(self._image.events, name)
                (event.connect if on else event.disconnect)(self._on_moved)

    def _on_image(self, layer: Labels | None) -> bool:
        image = self._image
        return (
            image is not None
            and layer is not None
            and layer.data.shape == image_shape(image)
            and all(
                np.allclose(getattr(layer, name), getattr(image, name))
                for name in ("scale", "translate")
            )
        )

    def _on_moved(self) -> None:
        image = self._image
        assert image is not None
        of = str(image.unique_id)
        for layer in list(self._control.viewer.layers):
            if layer is self._strokes or layer.metadata.get(METADATA_IMAGE_ID) == of:
                align_to_image(layer, image)
        before, self._scale = self._scale, np.array(image.scale)
        if before.shape == self._scale.shape:
            ratio = self._scale / before
            if not np.allclose(ratio, ratio[0]):
                self._control.refit()
