"""Keep one press of the mouse from the selected layer."""

from __future__ import annotations

from typing import Any

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["MouseCallbackBlocker"]


class MouseCallbackBlocker:
    """Takes the selected layer's mouse callbacks away for the event that is on its way.

    napari asks the viewer's callbacks first, then the selected layer's, and has no way to stop in
    between: the brush would paint under a handle that is dragged.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._taken: list[tuple[list[Any], list[Any]]] = []
        self._timer = make_single_shot_timer(self.end)

    def begin(self) -> None:
        """Silence the layer until the event has gone by."""
        self.end()
        layer = self._viewer.layers.selection.active
        if layer is None:
            return
        for callbacks in (layer.mouse_drag_callbacks, layer.mouse_double_click_callbacks):
            self._taken.append((callbacks, list(callbacks)))
            callbacks.clear()
        self._timer.start()

    def end(self) -> None:
        """Give the layer its callbacks back."""
        self._timer.stop()
        for callbacks, taken in self._taken:
            callbacks[:0] = taken
        self._taken.clear()
