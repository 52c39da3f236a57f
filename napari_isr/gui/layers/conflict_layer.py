"""Strokes that contradict each other under a shape, marked on the canvas."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points

from napari_isr.gui.layers.utils import (
    TransientLayer,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    pixel_size,
)

__all__ = ["ConflictLayer"]

MOST = 400  # marks; more would hide what they mark
RED = "#ff3b30"


class ConflictLayer(TransientLayer):
    """The layer ``<image> [conflict]`` of one image, there only while strokes are in conflict.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "conflict"

    def show(self, result: Any) -> None:
        """Mark the pixels in conflict of all objects; without any, take the layer away."""
        found = [o.conflict.pixels for o in result.objects.values() if o.conflict is not None]
        pixels = np.concatenate(found) if found else np.zeros((0, 2))
        pixels = pixels[:: max(1, -(-len(pixels) // MOST))]
        self.forget_if_removed()
        if not len(pixels):
            self.remove()
        elif self._layer is None:
            self._add(pixels)
        else:
            self._layer.data = pixels

    def _add(self, pixels: Any) -> None:
        self._layer = Points(
            pixels,
            name=f"{self._image.name} [conflict]",
            metadata=layer_metadata(self.kind, self._image),
            symbol="x",
            size=max(4.0, 6.0 / pixel_size(self._image)),
            face_color=RED,
            border_color=RED,
            **layer_transform_kwargs(self._image),
        )
        insert_layer_above(self._viewer, self._layer, None)
