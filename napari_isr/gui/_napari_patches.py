"""Icons of napari's layer list are drawn once, not with every painting of the list.

napari (0.9 at least) reads and renders an icon's SVG text whenever a row of the list is painted,
which every stroke brings about: 2 ms a layer in the GUI thread, where other threads wait for it.
"""

from __future__ import annotations

import importlib
from functools import wraps
from typing import Any

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QPainter, QPixmap

__all__ = ["patch_icon_cache"]

HOME, ENGINE = "napari._qt.qt_resources._svg", "SVGBufferIconEngine"  # not public
MOST = 256  # pictures that are kept


def patch_icon_cache(engine: type | None = None) -> None:
    """Let icons paint the picture of the last time, where text and size are the same.

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
