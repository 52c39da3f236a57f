"""What a fit has to know of a stack and of further coordinates, from the layers; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_isr.gui.shown_plane import is_stack
from napari_isr.gui.stack_axes import axes_of

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["stack_fields"]


def stack_fields(control: Controller) -> dict[str, Any]:
    """Fields of a :class:`napari_isr.gui.job.Job` that go with the axes of the image."""
    image, chosen = control.image_layer, control.settings
    assert image is not None
    axes = axes_of(image, chosen.axes)
    shown = control.desk.view().shown if is_stack(image) else None
    return {
        "axes": axes,
        "per_frame": chosen.per_frame and axes == "tyx",
        "eye": shown.eye if shown is not None else None,
    }
