"""Colours of napari's theme, and icons drawn in them."""

from __future__ import annotations

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

__all__ = ["theme_color", "themed_icon"]

DENSITIES = (1, 2, 3)  # of the screens that an icon is drawn for


def theme_color(theme: str, role: str) -> str:
    """A colour of a theme, ``icon``, ``text``, ``current`` …, as ``#rrggbb``."""
    color: Any = getattr(get_theme(theme), role)
    return str(color.as_hex(format="long"))[:7]


def themed_icon(drawing: str, color: str, size: int) -> QIcon:
    """Draw an icon in one color, sharp on every screen.

    Parameters
    ----------
    drawing : str
        SVG text of a square drawing.
    color : str
        Replacement of ``currentColor``.
    size : int
        Width and height in pixels.
    """
    renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", color).encode()))
    icon = QIcon()
    for density in DENSITIES:
        pixmap = QPixmap(size * density, size * density)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter)
        painter.end()
        pixmap.setDevicePixelRatio(density)
        icon.addPixmap(pixmap)
    return icon
