"""What the dock says before there are strokes, by what is open; no Qt."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from napari.layers import Image, Labels

from napari_isr.gui.layers.utils import METADATA_KIND, image_shape
from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = ["NO_IMAGE", "NO_STROKES", "missing_scribble_hint", "no_image_hint", "no_scribbles_hint"]

NO_IMAGE = "Open an image to begin, or choose one above."
NO_STROKES = "Click New to get a layer to draw strokes on."
COLORS = 3, 4  # channels, if a stack of so few slices is none
LEAST = 16  # rows and columns of such an image
DRAW_BOTH = "Draw a stroke on the object, then press S and draw one on the background."
DRAW_BACKGROUND = "Now draw a stroke on the background: press S, or click Background."
DRAW_OBJECT = "Now draw a stroke on the object: press S, or click Object."


def no_image_hint(viewer: Any) -> str:
    """What to do first; a mask alone can be given a shape all the same."""
    masks = [x for x in viewer.layers if isinstance(x, Labels) and METADATA_KIND not in x.metadata]
    if not masks:
        return NO_IMAGE
    return (
        f"Open an image to begin. To give the mask '{masks[-1].name}' a shape without one: "
        "Layers > Segment."
    )


def no_scribbles_hint(image: Image) -> str:
    """What to do with an image; colours that are in the first axis look like slices."""
    shape = image_shape(image)
    if not image.rgb and len(shape) == 3 and shape[0] in COLORS and min(shape[1:]) >= LEAST:
        return (
            f"{NO_STROKES} If '{image.name}' has {shape[0]} colours, not slices: Split Stack, then "
            "Merge to RGB in the layer list's menu."
        )
    return NO_STROKES


def missing_scribble_hint(strokes: Scribbles, given: Collection[int] = ()) -> str:
    """Say what is still to be drawn.

    Parameters
    ----------
    strokes : Scribbles
    given : collection of int, optional
        Labels of objects that need no strokes.

    Returns
    -------
    str
        A sentence for the user; empty if nothing is missing.
    """
    if given and all(label in given for label in strokes.objects):
        return ""
    background = bool((strokes.labels == BACKGROUND).any())
    if background and strokes.objects:
        return ""
    if background:
        return DRAW_OBJECT
    return DRAW_BACKGROUND if strokes.objects else DRAW_BOTH
