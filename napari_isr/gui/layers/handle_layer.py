"""The layer that a handle is drawn in: as large at every zoom, wherever the image lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Surface
from napari.utils import Colormap

from napari_isr.gui.handle_models import Handle
from napari_isr.gui.layers.handle_mesh import COLORS, build_handle_mesh
from napari_isr.gui.layers.polyline_mesh import Mesh
from napari_isr.gui.layers.utils import (
    TransientLayer,
    align_to_image,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    set_data_quietly,
)
from napari_isr.gui.layers.zooming import DebouncedZoomListener

__all__ = ["HandleLayer"]

Floats = npt.NDArray[np.floating]
ZOOM_STEP = 1.04
MOVES = ("scale", "translate", "rotate", "shear", "affine")


class HandleLayer(TransientLayer):
    """The layer ``<image> [handles]``, there only while there is a handle.

    Of napari's layers a mesh is the cheapest to update, as for the outlines.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    """

    kind = "handles"

    def __init__(self, viewer: Any, image: Image) -> None:
        super().__init__(viewer, image)
        self._shown: tuple[Handle, bool, str] | None = None
        self._drawn_at = 0.0
        self._zoom = DebouncedZoomListener(viewer, self._redraw)
        for name in MOVES:
            getattr(image.events, name).connect(self._on_moved)

    @property
    def visible(self) -> bool:
        """Whether there is a handle that can be seen."""
        self.forget_if_removed()
        return self._layer is not None and self._layer.visible

    def show(self, handle: Handle, fixed: bool, hot: str = "") -> None:
        """Draw a handle; see :func:`napari_isr.gui.layers.handle_mesh.build_handle_mesh`."""
        self._shown = handle, fixed, hot
        self.forget_if_removed()
        mesh = self._mesh()
        if self._layer is None:
            self._add(mesh)
        else:
            set_data_quietly(self._layer, mesh)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._shown = None
        super().remove()

    def close(self) -> None:
        """Take the layer out, and let go of viewer and image."""
        self._zoom.close()
        for name in MOVES:
            getattr(self._image.events, name).disconnect(self._on_moved)
        self.remove()

    def to_screen(self, points: npt.ArrayLike) -> Floats:
        """Where pixels (n, 2) of the image are, in pixels of the screen from some fixed place."""
        linear, offset = self._to_world()
        zoom = float(self._viewer.scene.camera.zoom)
        screen: Floats = (np.asarray(points, float) @ linear.T + offset) * zoom
        return screen

    def to_image(self, screen: npt.ArrayLike) -> Floats:
        """Pixels of the image; the inverse of :meth:`to_screen`."""
        linear, offset = self._to_world()
        zoom = float(self._viewer.scene.camera.zoom)
        pixels: Floats = (np.asarray(screen, float) / zoom - offset) @ np.linalg.inv(linear).T
        return pixels

    def _to_world(self) -> tuple[Floats, Floats]:
        """Matrix (2, 2) and offset (2,) from pixels of the image to the world."""
        corners = [np.asarray(self._image.data_to_world(p))[-2:] for p in ((0, 0), (1, 0), (0, 1))]
        offset = corners[0]
        return np.stack([corners[1] - offset, corners[2] - offset], axis=1), offset

    def _mesh(self) -> Mesh:
        assert self._shown is not None
        handle, fixed, hot = self._shown
        self._drawn_at = float(self._viewer.scene.camera.zoom)
        places = dict(handle.control_points)
        for number, (start, end) in enumerate(handle.lines):
            places |= {f"line {number} start": start, f"line {number} end": end}
        screen = self.to_screen(list(places.values()))
        middle = screen.mean(axis=0)  # float32 is fine near the middle
        near = dict(zip(places, screen - middle, strict=True))
        vertices, faces, values = build_handle_mesh(handle, near, fixed, hot)
        return self.to_image(vertices + middle).astype(np.float32), faces, values

    def _add(self, mesh: Mesh) -> None:
        top = max(COLORS)
        colors = [(*rgba[:3], alpha) for rgba in COLORS.values() for alpha in (0.0, rgba[3])]
        self._layer = Surface(
            mesh,
            name=f"{self._image.name} [handles]",
            metadata=layer_metadata(self.kind, self._image),
            colormap=Colormap(colors, name="handles"),
            contrast_limits=(0, top),
            shading="none",
            blending="translucent_no_depth",
            **layer_transform_kwargs(self._image),
        )
        insert_layer_above(self._viewer, self._layer, None)

    def _on_moved(self) -> None:
        """The image lies elsewhere now."""
        self.forget_if_removed()
        if self._layer is not None and self._shown is not None:
            align_to_image(self._layer, self._image)
            set_data_quietly(self._layer, self._mesh())

    def _redraw(self) -> None:
        self.forget_if_removed()
        ratio = float(self._viewer.scene.camera.zoom) / (self._drawn_at or 1)
        there = self._layer is not None and self._shown is not None
        if there and not 1 / ZOOM_STEP < ratio < ZOOM_STEP:
            set_data_quietly(self._layer, self._mesh())
