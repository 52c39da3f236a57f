"""The row under the options that says what of an object is held fixed, and releases it."""

from __future__ import annotations

from typing import Any

from napari_isr.gui.controller import Controller
from napari_isr.gui.fitting.shape_spec_text import clear_fixed_options, fixed_options, shape_of
from napari_isr.gui.scribbles.active_object import ActiveObject
from napari_isr.gui.widgets.shape_options import ShapeOptionsWidget

__all__ = ["FixedOptionsRow"]


class FixedOptionsRow:
    """Keeps the row up to date with the object that the brush is on.

    Parameters
    ----------
    options : ShapeOptionsWidget
        Has the row.
    controller : Controller
    """

    def __init__(self, options: ShapeOptionsWidget, controller: Controller) -> None:
        self._options, self._controller = options, controller
        self._active = ActiveObject()
        self._active.changed.connect(self._show)
        settings = controller.settings
        settings.events.shape.connect(self._show)
        settings.events.own_shapes.connect(self._show)
        controller.scribble_layer_changed.connect(self._active.set_layer)
        options.released.connect(self._release)
        self._active.set_layer(controller.scribble_layer)
        self._show()

    def close(self) -> None:
        """Let go of the stroke layer."""
        self._active.set_layer(None)

    def _show(self) -> None:
        label = self._active.label
        self._options.show_fixed_options(
            label, fixed_options(shape_of(self._controller.settings, label))
        )

    def _release(self, *_: Any) -> None:
        alone = len(self._controller.state.rows) <= 1
        clear_fixed_options(self._controller.settings, self._active.label, alone=alone)
