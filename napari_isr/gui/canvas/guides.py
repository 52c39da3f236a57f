"""Where to draw next: the map of what the predictor is not sure of, and a mark on one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Points
from napari.utils import Colormap

from napari_isr.gui.basics.colours import CASING, swatch
from napari_isr.gui.canvas.layers import (
    PassingLayer,
    about,
    insert_above,
    move,
    pixel_size,
    place,
    renew,
)
from napari_isr.gui.canvas.shown_plane import turn_to
from napari_isr.gui.canvas.zooming import ZoomFollower

__all__ = ["NextMark", "UncertaintyMap", "look_at"]

# What is clear stays as it is in the image; what is not glows in a hue that photographs lack.
GLOW = ("#00000000", "#b400ff66", "#f050ffbf", "#fff0ffee")
RING = 26  # pixels on the screen


class UncertaintyMap(PassingLayer):
    """The layer ``<image> [uncertainty]`` of one image, there only while it is asked for.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "uncertainty"

    def show(self, values: npt.NDArray[np.float32]) -> None:
        """Show a map of entropies in bits (H, W)."""
        self.look()
        if self._layer is not None and self._layer.data.shape != values.shape:
            self.remove()
        if self._layer is None:
            self._add(values)
        else:
            renew(self._layer, values)
            move(self._layer, self._image)

    def _add(self, values: npt.NDArray[np.float32]) -> None:
        self._layer = Image(
            values,
            name=f"{self._image.name} [uncertainty]",
            metadata=about(self.kind, self._image),
            rgb=False,
            colormap=Colormap(GLOW, name="glow"),
            contrast_limits=(0, 1),
            blending="translucent",
            **place(self._image, values.shape),
        )
        insert_above(self._viewer, self._layer, self._image)


class NextMark(PassingLayer):
    """The layer ``<image> [next stroke]``: a ring where another stroke helps most.

    The ring is as large at every zoom; napari's own limits on the size of points on the screen
    (0.9) thicken the border until it fills the ring.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "next"

    def __init__(self, viewer: Any, image: Image) -> None:
        super().__init__(viewer, image)
        self._zoom = ZoomFollower(viewer, self._resize)

    def show(self, stroke: Any, scribbles: Labels) -> None:
        """Mark the place of a :class:`napari_isr.guidance.NextStroke` in its object's colour."""
        self.look()
        where = np.array([stroke.point])
        colour = np.array([*swatch(scribbles.colormap, stroke.label), 255]) / 255
        if self._layer is None:
            self._add(where, colour)
            return
        move(self._layer, self._image)
        if not np.allclose(self._layer.face_color, colour):
            self._layer.face_color = [colour]
        if not np.array_equal(self._layer.data, where):
            renew(self._layer, where)

    def close(self) -> None:
        """Stop following the zoom."""
        self._zoom.close()

    def _add(self, where: npt.NDArray[np.float64], colour: npt.NDArray[np.float64]) -> None:
        self._layer = Points(
            where,
            name=f"{self._image.name} [next stroke]",
            metadata=about(self.kind, self._image),
            symbol="ring",
            size=self._size(),
            face_color=[colour],
            border_color=[CASING],
            border_width=0.06,
            **place(self._image),
        )
        insert_above(self._viewer, self._layer, None)
        self._layer.editable = False  # napari sets it as a layer comes in

    def _size(self) -> float:
        """Diameter in pixels of the image."""
        return RING / (self._viewer.scene.camera.zoom * pixel_size(self._image))

    def _resize(self) -> None:
        self.look()
        if self._layer is not None and not np.allclose(self._layer.size, self._size(), rtol=0.05):
            self._layer.size = self._size()


def look_at(viewer: Any, image: Image, point: tuple[float, ...]) -> None:
    """Bring a pixel of an image to the middle of the canvas; of a stack its plane first."""
    turn_to(viewer, image, point)
    world = np.zeros(max(viewer.dims.ndim, image.ndim))
    world[-image.ndim :] = image.data_to_world(point)
    shown = world[list(viewer.dims.displayed)]
    camera = viewer.scene.camera
    camera.center = (*np.asarray(camera.center)[: -len(shown)], *shown)
