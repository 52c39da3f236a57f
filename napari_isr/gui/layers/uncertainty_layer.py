"""Where to draw next: the map of what the predictor is not sure of, and how to get there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils import Colormap

from napari_isr.gui.layers.utils import (
    TransientLayer,
    align_to_image,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    set_data_quietly,
)
from napari_isr.gui.nd.current_slice import set_slice_to_point

__all__ = ["UncertaintyLayer", "center_view_on"]

# What is clear stays as it is in the image; what is not glows in a hue that photographs lack.
UNCERTAINTY_COLORS = ("#00000000", "#b400ff66", "#f050ffbf", "#fff0ffee")


class UncertaintyLayer(TransientLayer):
    """The layer ``<image> [uncertainty]`` of one image, there only while it is asked for.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "uncertainty"

    def show(self, values: npt.NDArray[np.float32]) -> None:
        """Show a map of entropies in bits (H, W)."""
        self.forget_if_removed()
        if self._layer is not None and self._layer.data.shape != values.shape:
            self.remove()
        if self._layer is None:
            self._add(values)
        else:
            set_data_quietly(self._layer, values)
            align_to_image(self._layer, self._image)

    def _add(self, values: npt.NDArray[np.float32]) -> None:
        self._layer = Image(
            values,
            name=f"{self._image.name} [uncertainty]",
            metadata=layer_metadata(self.kind, self._image),
            rgb=False,
            colormap=Colormap(UNCERTAINTY_COLORS, name="glow"),
            contrast_limits=(0, 1),
            blending="translucent",
            **layer_transform_kwargs(self._image, values.shape),
        )
        insert_layer_above(self._viewer, self._layer, self._image)


def center_view_on(viewer: Any, image: Image, point: tuple[float, ...]) -> None:
    """Bring a pixel of an image to the middle of the canvas; of a stack its plane first."""
    set_slice_to_point(viewer, image, point)
    world = np.zeros(max(viewer.dims.ndim, image.ndim))
    world[-image.ndim :] = image.data_to_world(point)
    shown = world[list(viewer.dims.displayed)]
    camera = viewer.scene.camera
    camera.center = (*np.asarray(camera.center)[: -len(shown)], *shown)
