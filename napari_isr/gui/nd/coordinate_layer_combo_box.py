"""Another layer's values as a further coordinate of every pixel: depth, height, any map."""

from __future__ import annotations

import weakref
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QLabel

from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import COORDINATE
from napari_isr.gui.nd.job_inputs import can_be_coordinate, coordinate_layer
from napari_isr.gui.widgets._common import StringComboBox

__all__ = ["CoordinateLayerComboBox"]

NONE = "none"
TIP = (
    "A map of the image's size whose values are a further coordinate: with a depth, convex means"
    " convex in (row, column, depth)"
)


class CoordinateLayerComboBox(StringComboBox):
    """A list of the layers that can be a coordinate; hidden while there is none.

    Parameters
    ----------
    control : Controller

    Attributes
    ----------
    label : QLabel
        What goes before it.
    """

    def __init__(self, control: Controller) -> None:
        super().__init__("isr_coordinate", [NONE], TIP)
        self._control, self.label = control, QLabel("Coordinate")
        self._layer: Any = None
        self._known: weakref.WeakSet[Image] = weakref.WeakSet()  # maps that were chosen unasked
        events = control.viewer.layers.events
        self._events = (events.inserted, events.removed, events.reordered)
        for event in self._events:
            event.connect(self._offer)
        self.chosen.connect(self._choose)
        control.settings.events.coordinate.connect(self._offer)
        control.image_layer_changed.connect(self._offer)
        self._offer()

    def close_down(self) -> None:
        """Follow the layers no more."""
        for event in self._events:
            event.disconnect(self._offer)
        self._watch(None)

    def _choose(self, word: str) -> None:
        self._control.settings.coordinate = "" if word == NONE else word

    def _offer(self, _: Any = None) -> None:
        """Bring the list up to date; a layer that is gone is no coordinate any more."""
        control = self._control
        maps = [x for x in control.viewer.layers if can_be_coordinate(x, control.image_layer)]
        names = [x.name for x in maps]
        if new := [x for x in maps if COORDINATE in x.metadata and x not in self._known]:
            self._known.update(new)  # the user may choose another one, and that stays
            if not control.settings.coordinate:
                control.settings.coordinate = new[0].name
                return  # which asks again
        layer = coordinate_layer(control)
        if control.settings.coordinate and layer is None and control.image_layer is not None:
            control.settings.coordinate = ""
            return  # which asks again
        self._watch(layer)
        self.blockSignals(True)
        self.clear()
        self.addItems([NONE, *names])
        self.setCurrentText(layer.name if layer is not None else NONE)
        self.blockSignals(False)
        self.setVisible(bool(names))
        self.label.setVisible(bool(names))

    def _watch(self, layer: Image | None) -> None:
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_data)
            self._layer.events.name.disconnect(self._on_name)
        self._layer = layer
        if layer is not None:
            layer.events.data.connect(self._on_data)
            layer.events.name.connect(self._on_name)

    def _on_data(self, _: Any = None) -> None:
        """Its values are others now: fit again."""
        self._control.refit()

    def _on_name(self, _: Any = None) -> None:
        """Under another name it is still the coordinate."""
        self._control.settings.coordinate = self._layer.name
