"""Patches of private methods of napari and vispy, which cache icons and shaders.

napari (0.9 at least) reads and renders an icon's SVG text whenever a row of the list is painted,
which every stroke brings about: 2 ms a layer in the GUI thread, where other threads wait for it.
"""

from __future__ import annotations

import importlib
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QPainter, QPixmap
from vispy.visuals import MeshVisual

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["MouseCallbackBlocker", "patch_icon_cache", "patch_shader_cache"]

HOME, ENGINE = "napari._qt.qt_resources._svg", "SVGBufferIconEngine"  # not public
MOST = 256  # pictures that are kept
BUILDER = "_build_color_transform"  # of vispy, not public: where it is missing, nothing is kept


def patch_icon_cache(engine: type | None = None) -> None:
    """Patch icons to reuse the last picture for equal text and size.

    It holds for all icons of the process: what they look like stays the same. A second call does
    nothing.

    Parameters
    ----------
    engine : type, optional
        The class that paints them. Default: napari's; where it is missing, nothing is kept.
    """
    if engine is None:
        try:
            engine = getattr(importlib.import_module(HOME), ENGINE, None)
        except ImportError:
            return
    paint = getattr(engine, "paint", None)
    if paint is None or hasattr(paint, "__wrapped__"):
        return
    known: dict[tuple[Any, ...], QPixmap] = {}

    @wraps(paint)
    def kept(self: Any, painter: QPainter, rect: QRect, mode: Any, state: Any) -> None:
        ratio = float(painter.device().devicePixelRatioF())
        size = QSize(round(rect.width() * ratio), round(rect.height() * ratio))
        key = bytes(self.data), size.width(), size.height(), ratio
        picture = known.get(key)
        if picture is None:
            picture = QPixmap(size)
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)
            brush = QPainter(picture)
            paint(self, brush, QRect(0, 0, rect.width(), rect.height()), mode, state)
            brush.end()
            if len(known) >= MOST:
                known.clear()
            known[key] = picture
        painter.drawPixmap(rect.topLeft(), picture)

    setattr(engine, "paint", kept)  # noqa: B010


def patch_shader_cache(mesh: type = MeshVisual) -> None:
    """Patch meshes to reuse the last color function if it would be equal.

    It holds for all meshes of the process: what they look like stays the same. A second call does
    nothing.

    Parameters
    ----------
    mesh : type, optional
        The class of the meshes.
    """
    build = getattr(mesh, BUILDER, None)
    if build is None or hasattr(build, "__wrapped__"):
        return

    known: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    @wraps(build)
    def kept(self: Any, colors: Any) -> Any:
        limits = self.clim
        if isinstance(limits, str):  # they depend on the values
            return build(self, colors)
        key = colors.shape[1:], limits, self.cmap.glsl_map
        last = known.get(self)
        if last is None or last[0] != key:
            known[self] = last = key, build(self, colors)
        return last[1]

    setattr(mesh, BUILDER, kept)


class MouseCallbackBlocker:
    """Takes the selected layer's mouse callbacks away for the event that is on its way.

    napari asks the viewer's callbacks first, then the selected layer's, and has no way to stop in
    between: the brush would paint under a handle that is dragged.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._taken: list[tuple[list[Any], list[Any]]] = []
        self._timer = make_single_shot_timer(self.end)

    def begin(self) -> None:
        """Silence the layer until the event has gone by."""
        self.end()
        layer = self._viewer.layers.selection.active
        if layer is None:
            return
        for callbacks in (layer.mouse_drag_callbacks, layer.mouse_double_click_callbacks):
            self._taken.append((callbacks, list(callbacks)))
            callbacks.clear()
        self._timer.start()

    def end(self) -> None:
        """Give the layer its callbacks back."""
        self._timer.stop()
        for callbacks, taken in self._taken:
            callbacks[:0] = taken
        self._taken.clear()
