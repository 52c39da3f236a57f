"""Hints about the next step of the user, from plain values; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Collection

from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = [
    "DRAW_BOTH",
    "NO_IMAGE",
    "NO_SCRIBBLES",
    "missing_scribble_hint",
    "no_image_hint",
    "no_scribbles_hint",
]

NO_IMAGE = "Open an image to begin, or choose one above."
NO_SCRIBBLES = "Click New to get a layer to draw strokes on."
DRAW_BOTH = "Draw a stroke on the object, then press S and draw one on the background."
DRAW_BACKGROUND = "Now draw a stroke on the background: press S, or click Background."
DRAW_OBJECT = "Now draw a stroke on the object: press S, or click Object."

COLOR_CHANNELS = 3, 4  # length of a first axis that may hold channels instead of slices
MIN_COLOR_IMAGE_SIDE = 16  # pixels; a smaller array is hardly a color image


def no_image_hint(mask_name: str = "") -> str:
    """Return a hint for a viewer without an image.

    Parameters
    ----------
    mask_name : str, optional
        Name of a Labels layer, which can be given a shape without an image.
    """
    if not mask_name:
        return NO_IMAGE
    return (
        f"Open an image to begin. To give the mask '{mask_name}' a shape without one: "
        "Layers > Segment."
    )


def no_scribbles_hint(name: str, shape: tuple[int, ...], rgb: bool) -> str:
    """Return a hint for an image without scribbles.

    Parameters
    ----------
    name : str
        Name of the image.
    shape : tuple of int
        Its shape, without the axis of colors.
    rgb : bool
        Whether it has an axis of colors. Colors in the first axis look like slices.
    """
    is_stack = not rgb and len(shape) == 3
    if is_stack and shape[0] in COLOR_CHANNELS and min(shape[1:]) >= MIN_COLOR_IMAGE_SIDE:
        return (
            f"{NO_SCRIBBLES} If '{name}' has {shape[0]} colours, not slices: Split Stack, then "
            "Merge to RGB in the layer list's menu."
        )
    return NO_SCRIBBLES


def missing_scribble_hint(scribbles: Scribbles, imported: Collection[int] = ()) -> str:
    """Return a hint about missing scribbles, or an empty string if none are missing.

    Parameters
    ----------
    scribbles : Scribbles
    imported : collection of int, optional
        Labels of objects that need no scribbles.
    """
    if imported and all(label in imported for label in scribbles.objects):
        return ""
    background = bool((scribbles.labels == BACKGROUND).any())
    if background and scribbles.objects:
        return ""
    if background:
        return DRAW_OBJECT
    return DRAW_BACKGROUND if scribbles.objects else DRAW_BOTH
