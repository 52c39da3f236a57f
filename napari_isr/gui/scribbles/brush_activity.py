"""Whether the brush is at work on a layer: then what napari tells of is drawn already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari.layers import Labels

from napari_isr.gui._qt_utils import QueuedCallback

__all__ = ["BrushActivity"]

BRUSHES = "paint", "erase"


class BrushActivity:
    """Follows the mouse on one layer.

    Of fills, polygons and calls of ``layer.paint`` napari tells just before it draws them, of a
    stroke of the brush when the mouse is released and all of it is drawn.
    """

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._on = False
        self._over = QueuedCallback(self._rest)

    @property
    def is_painting(self) -> bool:
        """Whether the mouse draws with the brush, its release included."""
        return self._on

    def set_layer(self, layer: Labels | None) -> None:
        """Follow another layer; None: no layer."""
        if self._layer is not None and self._drag in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._drag)
        self._layer = layer
        self._over.stop()
        self._rest()
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._drag)

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """From press to release; napari may call this before the brush or after it."""
        if layer.mode not in BRUSHES:
            return
        self._over.stop()
        self._on = True
        yield
        while event.type == "mouse_move":
            yield
        self._over.start()

    def _rest(self) -> None:
        self._on = False
