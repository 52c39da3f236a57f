"""Layer of a handle, of constant size on the screen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Surface
from napari.utils import Colormap

from napari_isr.gui.handle_models import Handle
from napari_isr.gui.layers.contour_layer import Mesh, polyline_mesh
from napari_isr.gui.layers.utils import (
    DebouncedZoomListener,
    TransientLayer,
    align_to_image,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    set_data_quietly,
)

__all__ = ["COLORS", "HandleLayer", "build_handle_mesh"]

Floats = npt.NDArray[np.floating]
ZOOM_STEP = 1.04
MOVES = ("scale", "translate", "rotate", "shear", "affine")
# Values of the mesh where it is opaque; one less is transparent.
CASING, PALE, FIXED, HOLLOW = 1.0, 3.0, 5.0, 7.0
COLORS = {
    CASING: (0.05, 0.06, 0.08, 0.75),
    PALE: (1.0, 1.0, 1.0, 1.0),
    FIXED: (1.0, 0.569, 0.0, 1.0),
    HOLLOW: (0.05, 0.06, 0.08, 0.45),
}
DOT, LARGER, TIP = 5.5, 1.5, 7.0  # pixels on the screen: radius, more under the mouse, arrow
LINE, RIM, MARGIN, SOFT = 0.9, 1.0, 1.1, 0.7  # half widths
CORNERS = 28


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
        """True if a handle is visible."""
        self.forget_if_removed()
        return self._layer is not None and self._layer.visible

    def show(self, handle: Handle, fixed: bool, hot: str = "") -> None:
        """Draw a handle; see :func:`napari_isr.gui.layers.handle_layer.build_handle_mesh`."""
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
        """Map pixels (n, 2) of the image to pixels of the screen, up to a fixed offset."""
        linear, offset = self._to_world()
        zoom = float(self._viewer.scene.camera.zoom)
        screen: Floats = (np.asarray(points, float) @ linear.T + offset) * zoom
        return screen

    def to_image(self, screen: npt.ArrayLike) -> Floats:
        """Map pixels of the screen to pixels of the image, the inverse of :meth:`to_screen`."""
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
        """Redraw the handle after the image was moved."""
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


def build_handle_mesh(handle: Handle, places: dict[str, Floats], fixed: bool, hot: str) -> Mesh:
    """Draw a handle.

    Parameters
    ----------
    handle : Handle
    places : dict
        Where its grips are on the screen; ``"line 0 start"``, ``"line 0 end"`` … for its lines.
    fixed : bool
        Whether it is held fixed, which fills its grips.
    hot : str
        The grip under the mouse.

    Returns
    -------
    vertices, faces, values
        Vertices in pixels of the screen.
    """
    parts = []
    lines = [_sliver(places[f"line {k} start"], places[f"line {k} end"])
             for k in range(len(handle.lines))]  # fmt: skip
    tone = FIXED if fixed else PALE
    parts.append(_rims(lines, LINE, tone))
    fill = FIXED if fixed else HOLLOW
    for name in handle.control_points:
        size = LARGER if name == hot else 0.0
        if name in handle.arrows:
            start = places[f"line {handle.arrows.index(name)} start"]
            outline = _tip(places[name], places[name] - start, TIP + size)
        else:
            outline = _circle(places[name], DOT + size)
        parts += [_fan(outline, fill), _rims([outline], RIM, PALE)]
    return _joined(parts)


def _rims(polygons: list[Floats], half: float, tone: float) -> Mesh:
    """Lines around polygons, with a dark casing."""
    many = len(polygons)
    bands = [(half + MARGIN, [CASING] * many), (half, [tone] * many)]
    return polyline_mesh(polygons, bands, SOFT)


def _sliver(start: Floats, end: Floats) -> Floats:
    """Return a line as a very thin polygon."""
    along = end - start
    across = 0.2 * np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    return np.array([start + across, end + across, end - across, start - across, start + across])


def _circle(middle: Floats, radius: float) -> Floats:
    turn = np.linspace(0, 2 * math.pi, CORNERS + 1)
    return middle + radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)


def _tip(at: Floats, along: Floats, size: float) -> Floats:
    """Return the tip of an arrow as a triangle."""
    ahead = along / max(float(np.hypot(*along)), 1e-9)
    aside = np.array([-ahead[1], ahead[0]])
    corners = [at + size * ahead, *(at - size * (0.6 * ahead + k * 0.8 * aside) for k in (1, -1))]
    return np.array([*corners, corners[0]])


def _fan(polygon: Floats, value: float) -> Mesh:
    """Fill a convex polygon."""
    corners = polygon[:-1].astype(np.float32)
    index = np.arange(1, len(corners) - 1)
    faces = np.stack([np.zeros_like(index), index, index + 1], axis=1)
    return corners, faces, np.full(len(corners), value, np.float32)


def _joined(parts: list[Mesh]) -> Mesh:
    """Several meshes as one, later ones over earlier ones."""
    shifts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    return (
        np.concatenate([vertices for vertices, _, _ in parts]),
        np.concatenate([part[1] + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
        np.concatenate([values for _, _, values in parts]),
    )
