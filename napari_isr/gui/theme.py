"""Colors and icons of napari's theme, and label colormaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils import CyclicLabelColormap
from napari.utils.theme import get_theme
from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPalette, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QWidget

__all__ = [
    "ALARM",
    "BAD",
    "CASING",
    "DOUBT",
    "GOOD",
    "ON_DARK",
    "PREDICTOR",
    "SHAPE",
    "copy_colormap",
    "label_rgb",
    "scribble_colormap",
    "status_color",
    "status_colors",
    "status_stylesheet",
    "theme_color",
    "themed_icon",
]

DENSITIES = (1, 2, 3)  # of the screens that an icon is drawn for
GOOD, BAD, DOUBT, ALARM = "good", "bad", "doubt", "alarm"
ON_DARK = {GOOD: "#3dbb7a", BAD: "#ec7268", DOUBT: "#e0a030"}
ON_LIGHT = {GOOD: "#17703f", BAD: "#b3261e", DOUBT: "#855300"}
# White on red in any theme.
ALARMING = (
    "QLabel { background: #b3261e; color: white; font-weight: bold;"
    " padding: 4px 6px; border-radius: 3px; }"
)
# RGB, 0 to 1. Outlines: blue is the predictor, orange the shape, dark what sets them off.
PREDICTOR = (0.267, 0.541, 1.0)
SHAPE = (1.0, 0.569, 0.0)
CASING = (0.05, 0.06, 0.08)
# Told apart from each other and from both outlines with any kind of colour vision: chosen for the
# largest least distance in L*a*b* as protanopes, deuteranopes and tritanopes see them, too.
_BACKGROUND = "#e8ecf2"
_OBJECTS = (
    "#ffe14d", "#a274a2", "#2e8b5d", "#e84600", "#8bb95d", "#ffa2ff", "#a2ffb9", "#e800e8",
)  # fmt: skip
_ROUNDS = 6


def theme_color(theme: str, role: str) -> str:
    """Return a color of a theme, such as ``icon`` or ``text``, as ``#rrggbb``."""
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


def status_color(name: str, widget: QWidget) -> str:
    """Return the color of a status for text on a widget as ``#rrggbb``.

    Parameters
    ----------
    name : {"good", "bad", "doubt"}
    widget : QWidget
        Whose theme counts; one that has a colour of its own does not tell it.
    """
    return status_colors(widget)[name]


def status_colors(widget: QWidget) -> dict[str, str]:
    """Return the colors of all statuses."""
    text = widget.palette().color(QPalette.ColorRole.WindowText)
    return ON_DARK if text.lightness() > 127 else ON_LIGHT


def status_stylesheet(name: str, around: QWidget) -> str:
    """Return the style sheet of a status message, empty for a neutral one.

    Parameters
    ----------
    name : {"", "good", "bad", "doubt", "alarm"}
    around : QWidget
        What the sentence stands on.
    """
    if name == ALARM:
        return ALARMING
    return f"color: {status_color(name, around)};" if name else ""


def scribble_colormap() -> CyclicLabelColormap:
    """Make the colours of a new stroke layer: 1 pale, objects bright."""
    return CyclicLabelColormap(colors=["transparent", _BACKGROUND, *(_OBJECTS * _ROUNDS)])


def copy_colormap(colormap: Any) -> Any:
    """Copy a label colormap, so that two layers have the same colours but no common state."""
    twin = type(colormap)(**colormap.model_dump())
    twin.use_selection = False
    return twin


def label_rgb(colormap: Any, label: int) -> tuple[int, int, int]:
    """Colour of a label as 8-bit RGB."""
    rgba: npt.NDArray[np.float64] = np.atleast_2d(colormap.map(label))[0]
    red, green, blue = (round(255 * float(part)) for part in rgba[:3])
    return red, green, blue
