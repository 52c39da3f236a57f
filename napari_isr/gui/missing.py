"""What is still to be drawn before anything can be fitted."""

from __future__ import annotations

from collections.abc import Collection

from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = ["missing_scribble_hint"]

DRAW_BOTH = "Draw a stroke on the object, then press S and draw one on the background."
DRAW_BACKGROUND = "Now draw a stroke on the background: press S, or click Background."
DRAW_OBJECT = "Now draw a stroke on the object: press S, or click Object."


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
