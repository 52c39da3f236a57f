"""What the dock says before there are strokes, by what is open; no Qt."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels

from napari_isr.gui.layers.utils import METADATA_KIND, image_shape

__all__ = ["NO_IMAGE", "NO_STROKES", "no_image_hint", "no_scribbles_hint"]

NO_IMAGE = "Open an image to begin, or choose one above."
NO_STROKES = "Click New to get a layer to draw strokes on."
COLORS = 3, 4  # channels, if a stack of so few slices is none
LEAST = 16  # rows and columns of such an image


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
