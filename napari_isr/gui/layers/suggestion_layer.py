"""Transient layers: suggested stroke, conflicts and uncertainty.

A mesh, as outlines and handles are: a Points layer brings its text along, and with it the fonts and
three more drawings of each frame: 100 ms when it is first shown, and 2 ms of every frame after.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Points, Surface
from napari.utils import Colormap

from napari_isr.gui.layers.contour_layer import Mesh, polyline_mesh
from napari_isr.gui.layers.utils import (
    DebouncedZoomListener,
    TransientLayer,
    align_to_image,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    pixel_size,
    set_data_quietly,
)
from napari_isr.gui.nd.current_slice import set_slice_to_point
from napari_isr.gui.theme import CASING, label_rgb

__all__ = ["ConflictLayer", "SuggestionLayer", "UncertaintyLayer", "center_view_on"]

RADIUS, HALF, MARGIN, SOFT = 10.0, 2.4, 0.9, 0.8  # pixels on the screen
CORNERS = 40
DARK, BRIGHT = 1.0, 3.0  # values of the mesh where it is opaque; one less: transparent
ZOOM_STEP = 1.04
MOST = 400  # marks; more would hide what they mark
RED = "#ff3b30"
# What is clear stays as it is in the image; what is not glows in a hue that photographs lack.
UNCERTAINTY_COLORS = ("#00000000", "#b400ff66", "#f050ffbf", "#fff0ffee")


class SuggestionLayer(TransientLayer):
    """The layer ``<image> [next stroke]``: a ring, as large at every zoom.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "next"

    def __init__(self, viewer: Any, image: Image) -> None:
        super().__init__(viewer, image)
        self._point: tuple[float, ...] | None = None
        self._color: tuple[float, ...] = ()
        self._drawn_at = 0.0
        self._zoom = DebouncedZoomListener(viewer, self._resize)
        viewer.dims.events.order.connect(self._turn)

    def show(self, stroke: Any, scribbles: Labels) -> None:
        """Mark a suggested stroke in the color of its object."""
        self.forget_if_removed()
        color = tuple(np.array([*label_rgb(scribbles.colormap, stroke.label)]) / 255)
        if self._layer is None:
            self._point, self._color = stroke.point, color
            self._add()
            return
        align_to_image(self._layer, self._image)
        if color != self._color:
            self._color = color
            self._layer.colormap = _colormap(color)
        if stroke.point != self._point:
            self._point = stroke.point
            self._draw()

    def close(self) -> None:
        """Stop following zoom and axes."""
        self._zoom.close()
        self._viewer.dims.events.order.disconnect(self._turn)

    def _add(self) -> None:
        self._layer = Surface(
            self._mesh(),
            name=f"{self._image.name} [next stroke]",
            metadata={**layer_metadata(self.kind, self._image), "point": self._point},
            colormap=_colormap(self._color),
            contrast_limits=(0, BRIGHT),
            shading="none",
            blending="translucent_no_depth",
            **layer_transform_kwargs(self._image),
        )
        insert_layer_above(self._viewer, self._layer, None)

    def _draw(self) -> None:
        self._layer.metadata["point"] = self._point
        set_data_quietly(self._layer, self._mesh())

    def _mesh(self) -> Mesh:
        """Return the mesh of the ring in the displayed slice."""
        assert self._point is not None
        self._drawn_at = float(self._viewer.scene.camera.zoom)
        turns = np.linspace(0, 2 * math.pi, CORNERS + 1)
        circle = RADIUS * np.stack([np.sin(turns), np.cos(turns)], axis=1)
        bands = [(HALF + MARGIN, [DARK]), (HALF, [BRIGHT])]
        flat, faces, values = polyline_mesh([circle], bands, SOFT)
        vertices = np.tile(np.array(self._point, np.float64), (len(flat), 1))
        axes, linear = self._plane()
        vertices[:, axes] += flat / self._drawn_at @ np.linalg.inv(linear).T
        return vertices.astype(np.float32), faces, values

    def _plane(self) -> tuple[list[int], npt.NDArray[np.float64]]:
        """Return the two displayed axes of the image and their matrix (2, 2) to the world."""
        image, dims = self._image, self._viewer.dims
        missing = max(dims.ndim - image.ndim, 0)
        shown = [axis - missing for axis in dims.order[-2:]]
        axes = shown if min(shown) >= 0 else [image.ndim - 2, image.ndim - 1]
        start = np.asarray(image.data_to_world(np.zeros(image.ndim)))
        ways = [np.asarray(image.data_to_world(np.eye(image.ndim)[axis])) - start for axis in axes]
        return axes, np.stack(ways, axis=1)[axes]

    def _turn(self) -> None:
        self.forget_if_removed()
        if self._layer is not None and self._point is not None:
            self._draw()

    def _resize(self) -> None:
        ratio = float(self._viewer.scene.camera.zoom) / (self._drawn_at or 1)
        if not 1 / ZOOM_STEP < ratio < ZOOM_STEP:
            self._turn()


def _colormap(color: tuple[float, ...]) -> Colormap:
    colors = [(*rgb, alpha) for rgb in (CASING, color) for alpha in (0.0, 1.0)]
    return Colormap(colors, name="next stroke")


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
