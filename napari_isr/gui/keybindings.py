"""Key bindings of the scribble layer, which napari leaves free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.layers import Labels

__all__ = [
    "CANCEL",
    "DONE",
    "JUMP",
    "NEW",
    "NEXT",
    "PREVIOUS",
    "REDO",
    "RUN",
    "SWITCH",
    "TAKEN",
    "UNDO",
    "LayerKeybindings",
    "format_key",
]

SWITCH, NEW = "S", "N"  # object or background, one more object: gui/strokes/brush.py
JUMP = "J"  # to the place of the next stroke
RUN, CANCEL = "R", "C"
UNDO, REDO = "U", "Shift-U"  # of fits; napari's Ctrl+Z is that of strokes
NEXT, PREVIOUS, DONE = "PageDown", "PageUp", "D"  # of the list of images, on the viewer
TAKEN = (SWITCH, NEW, JUMP, RUN, CANCEL, UNDO, REDO, NEXT, PREVIOUS, DONE)


def format_key(key: str) -> str:
    """Write a key as menus and tooltips do: ``Shift+U``, ``Page up``."""
    return key.replace("-", "+").replace("PageUp", "Page up").replace("PageDown", "Page down")


class LayerKeybindings:
    """Keys that act while one layer is the active one.

    Parameters
    ----------
    actions : mapping of str to callable
        What each key does.
    """

    def __init__(self, actions: Mapping[str, Callable[[], Any]]) -> None:
        self._actions = actions
        self._layer: Labels | None = None

    def set_layer(self, layer: Labels | None) -> None:
        """Take the keys from the layer that had them and give them to another."""
        if self._layer is not None:
            for key in self._actions:
                self._layer.bind_key(key, None, overwrite=True)
        self._layer = layer
        if layer is not None:
            for key, act in self._actions.items():
                layer.bind_key(key, _pressed(act), overwrite=True)


def _pressed(act: Callable[[], Any]) -> Callable[[Any], None]:
    def press(_: Any) -> None:
        act()

    return press
