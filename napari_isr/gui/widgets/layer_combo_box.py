"""A combo box that follows the viewer's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QComboBox

__all__ = ["LayerComboBox"]

LEAST_WIDTH = 80


class LayerComboBox(QComboBox):
    """A combo box of the viewer's layers of one kind, always up to date.

    Parameters
    ----------
    name : str
        The objectName.
    viewer : napari.Viewer
    accepts : callable
        Says of a layer whether it is listed.
    empty : str
        What is shown while there is no such layer.
    """

    chosen = Signal(object)

    def __init__(
        self, name: str, viewer: Any, accepts: Callable[[Layer], bool], empty: str
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setPlaceholderText(empty)
        self._viewer, self._accepts = viewer, accepts
        self._layers: list[Layer] = []
        self._events = viewer.layers.events
        for signal in (self._events.inserted, self._events.removed, self._events.reordered):
            signal.connect(self._on_layers)
        self._named: list[Layer] = []
        self.currentIndexChanged.connect(self._on_index)
        self._on_layers()

    def minimumSizeHint(self) -> QSize:
        """Leave room for a button beside it in a narrow dock, however long the names are."""
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())

    @property
    def layer(self) -> Layer | None:
        """What is chosen."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        self.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)

    def disconnect_events(self) -> None:
        """Stop following the layers."""
        for signal in (self._events.inserted, self._events.removed, self._events.reordered):
            signal.disconnect(self._on_layers)
        for layer in self._named:
            layer.events.name.disconnect(self._on_names)

    def _on_layers(self, event: Any = None) -> None:
        before = self.layer
        self._layers = [layer for layer in self._viewer.layers if self._accepts(layer)]
        for layer in self._named:
            layer.events.name.disconnect(self._on_names)
        for layer in self._layers:
            layer.events.name.connect(self._on_names)
        self._named = list(self._layers)
        now = before if before in self._layers else next(iter(self._layers), None)
        self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        self.setCurrentIndex(self._layers.index(now) if now is not None else -1)
        self.blockSignals(False)
        if now != before:
            self.chosen.emit(now)

    def _on_names(self, event: Any = None) -> None:
        for index, layer in enumerate(self._layers):
            self.setItemText(index, layer.name)

    def _on_index(self, index: int) -> None:
        self.chosen.emit(self.layer)
