"""Which object the brush is on, or was on before it took the background."""

from __future__ import annotations

from napari.layers import Labels
from psygnal import Signal

__all__ = ["ActiveObject"]

FIRST_OBJECT = 2


class ActiveObject:
    """Follows the selected label of a stroke layer."""

    changed = Signal()

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._label = FIRST_OBJECT

    @property
    def label(self) -> int:
        """The object's label."""
        return self._label

    def set_layer(self, layer: Labels | None) -> None:
        """Follow another layer, or none."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._look)
        self._layer = layer
        if layer is not None:
            layer.events.selected_label.connect(self._look)
            self._look()

    def _look(self) -> None:
        label = int(self._layer.selected_label) if self._layer is not None else 0
        if label >= FIRST_OBJECT and label != self._label:
            self._label = label
            self.changed.emit()
