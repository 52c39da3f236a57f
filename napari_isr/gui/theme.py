"""Colours of napari's theme, and icons drawn in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

__all__ = ["ICONS", "theme_color", "themed_icon"]

ICONS = Path(__file__).parent / "icons"
DENSITIES = (1, 2, 3)  # of the screens that an icon is drawn for


def theme_color(theme: str, role: str) -> str:
    """A colour of a theme, ``icon``, ``text``, ``current`` …, as ``#rrggbb``."""
    color: Any = getattr(get_theme(theme), role)
    return str(color.as_hex(format="long"))[:7]


@cache
def _drawing(name: str) -> str:
    return (ICONS / f"{name}.svg").read_text(encoding="utf-8")


def themed_icon(name: str, color: str, size: int) -> QIcon:
    """Draw an icon of the folder ``icons`` in one colour, sharp on every screen.

    Parameters
    ----------
    name : str
        File name without ``.svg``.
    colour : str
        Takes the place of ``currentColor``.
    size : int
        Width and height.
    """
    renderer = QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", color).encode()))
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
