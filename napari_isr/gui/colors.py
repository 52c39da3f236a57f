"""Colours of strokes, masks and outlines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils import CyclicLabelColormap

__all__ = ["CASING", "PREDICTOR", "SHAPE", "copy_colormap", "label_rgb", "scribble_colormap"]

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
