"""Whether strokes that are brought back may be put on the layer that is open."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels

__all__ = ["OverwriteCheck"]


class OverwriteCheck:
    """Looks in a thread whether a layer can take strokes without losing others.

    Made and asked in the GUI thread; :meth:`look` is for the thread that reads the strokes, since
    to look at all pixels of a large layer takes tens of milliseconds.

    Parameters
    ----------
    layer : Labels, optional
        The layer that is open as the strokes are asked for.
    """

    def __init__(self, layer: Labels | None) -> None:
        self._layer = layer
        self._data = None if layer is None else layer.data
        self._fits = self._changed = False
        self._follow(True)

    def compute(self, strokes: Any) -> None:
        """Look at the pixels."""
        self._fits = _takes(self._data, strokes)

    def is_safe(self, layer: Labels | None, strokes: Any) -> bool:
        """Whether the strokes may be put on the layer that is open now; to be asked once."""
        self._follow(False)
        if layer is not self._layer:  # of another image, usually just made
            return layer is not None and _takes(layer.data, strokes)
        return self._fits and not self._changed

    def _follow(self, on: bool) -> None:
        if self._layer is not None:
            events = self._layer.events
            for event in (events.paint, events.data, events.set_data):
                (event.connect if on else event.disconnect)(self._note)

    def _note(self) -> None:
        self._changed = True


def _takes(data: Any, strokes: Any) -> bool:
    """Whether nothing is lost: there is nothing, or the same."""
    if data is None or strokes is None or data.shape != strokes.shape:
        return False
    return not np.any(data) or np.array_equal(data, strokes)
