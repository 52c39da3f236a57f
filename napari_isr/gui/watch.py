"""When a stroke is finished, filled, undone or redone."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

__all__ = ["StrokeWatch", "digest"]


def digest(data: Any) -> tuple[tuple[int, ...], int]:
    """Size and checksum of an array: a millisecond for a megapixel."""
    array = np.ascontiguousarray(data)
    flat: Any = array.reshape(-1).view(np.uint8)
    return array.shape, zlib.crc32(flat)


class StrokeWatch:
    """Tells when the strokes of a Labels layer changed.

    A stroke, a fill and a polygon emit ``paint``, new data emit ``data``. Undo and redo emit only
    ``set_data``, and so do a change of slice or of visibility: there a checksum decides.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._seen: tuple[tuple[int, ...], int] | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer that is watched."""
        return self._layer

    @layer.setter
    def layer(self, layer: Labels | None) -> None:
        if self._layer is not None:
            events = self._layer.events
            events.paint.disconnect(self._on_painted)
            events.data.disconnect(self._on_painted)
            events.set_data.disconnect(self._on_shown)
        self._layer = layer
        if layer is not None:
            self._seen = digest(layer.data)
            layer.events.paint.connect(self._on_painted)
            layer.events.data.connect(self._on_painted)
            layer.events.set_data.connect(self._on_shown)

    def _on_painted(self) -> None:
        if self._layer is not None:
            self._seen = digest(self._layer.data)
            self.changed.emit()

    def _on_shown(self) -> None:
        if self._layer is not None and (now := digest(self._layer.data)) != self._seen:
            self._seen = now
            self.changed.emit()
