"""Roles of the axes of a stack: depth or time; no Qt."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

from napari_isr.gui.layers.utils import image_shape

__all__ = ["DEPTH", "MOST", "TIME", "infer_first_axis", "resolve_axes"]

DEPTH, TIME = "z", "t"
TIME_UNITS = "[time]"
TIME_LABELS = ("t", "time", "frame", "frames")
MOST = 4  # axes


def infer_first_axis(image: Image) -> str:
    """Infer the role of the first axis, ``"t"`` or ``"z"``, from labels and units of the layer."""
    label = str(image.axis_labels[0]).lower()
    unit: Any = image.units[0]
    if label in TIME_LABELS or getattr(unit, "dimensionality", None) == {TIME_UNITS: 1}:
        return TIME
    return DEPTH


def resolve_axes(image: Image, chosen: str = "") -> str:
    """Return the axes of an image for the library: ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.

    Parameters
    ----------
    image : Image
        With 2 to 4 axes.
    chosen : str, optional
        What the user says that the first axis of three is; empty: as the layer says.
    """
    ndim = len(image_shape(image))
    if ndim == 3:
        return (chosen or infer_first_axis(image)) + "yx"
    return {2: "yx", 4: "tzyx"}.get(ndim, "")
