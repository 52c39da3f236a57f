"""Undo of deleted objects, with everything that belonged to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from app_model.types import KeyCode, KeyMod

from napari_isr.gui.models import DockSettings, DockState, ImportedObjects

__all__ = ["PER_OBJECT_SETTINGS", "DeletedObject", "DeletedObjects", "Indices", "label_indices"]

PER_OBJECT_SETTINGS = ("names", "own_shapes")  # dicts of the settings that are keyed by label
UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
BLOCK_PIXELS = 2**21  # pixels; between two blocks other threads can take the GIL

Indices = tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True)
class DeletedObject:
    """Everything that belonged to an object.

    Parameters
    ----------
    pixels : tuple of arrays
        Indices of its scribbles, one array for each axis. They are empty without scribbles.
    settings : dict
        Its name, its shape, and whether it was hidden.
    mask : array or None
        Its imported mask or probabilities.
    layer : Layer or None
        Source of the import, if it is still watched.
    value : int
        Its label in that layer.
    """

    pixels: Indices
    settings: dict[str, Any]
    mask: Any
    layer: Any
    value: int


class DeletedObjects:
    """Stores deleted objects, and restores them at an undo.

    The undo of napari covers scribbles only: an object whose scribbles return is restored. An
    object without scribbles is restored by Ctrl+Z on the scribble layer, as long as the deletion
    was the last change of the layer.

    Parameters
    ----------
    settings : DockSettings
    state : DockState
    imports : ImportedObjects
    restore : callable
        ``restore(label, deleted)`` restores the settings and the import of an object.
    """

    def __init__(
        self,
        settings: DockSettings,
        state: DockState,
        imports: ImportedObjects,
        restore: Callable[[int, DeletedObject], None],
    ) -> None:
        self._settings, self._state, self._imports = settings, state, imports
        self._restore = restore
        self._with_scribbles: dict[int, DeletedObject] = {}
        self._others: list[tuple[int, DeletedObject]] = []  # the last one at the end
        self._bound_layer: Any = None

    def close(self) -> None:
        """Release the key of the scribble layer."""
        self._forget_others()

    def capture(self, label: int) -> DeletedObject:
        """Return everything that belongs to an object, except for its scribbles."""
        chosen, imports = self._settings, self._imports
        settings: dict[str, Any] = {
            name: getattr(chosen, name).get(label, "") for name in PER_OBJECT_SETTINGS
        }
        settings["hidden"] = label in chosen.hidden
        source = imports.sources.get(label)
        layer, value = (None, 0) if source is None else (source.watcher.layer, source.value)
        return DeletedObject((), settings, imports.masks.get(label), layer, value)

    def push(self, label: int, deleted: DeletedObject, scribbles: Any) -> None:
        """Store an object that was deleted from a scribble layer."""
        if deleted.pixels and deleted.pixels[0].size:
            self._with_scribbles[label] = deleted
            return
        self._others.append((label, deleted))
        if self._bound_layer is None:
            self._bound_layer = scribbles
            scribbles.bind_key(UNDO, lambda _: self._undo_last(), overwrite=True)

    def restore_if_undone(self, scribbles: Any) -> None:
        """Restore objects whose scribbles are in a layer again. Call at each change of it."""
        self._forget_others()
        if scribbles is None:
            return
        data = scribbles.data
        for label, deleted in list(self._with_scribbles.items()):
            last = tuple(int(axis.max()) for axis in deleted.pixels)
            if any(k >= n for k, n in zip(last, data.shape, strict=True)):
                del self._with_scribbles[label]  # The layer belongs to another image.
            elif (data[deleted.pixels] == label).all():
                self._restore(label, self._with_scribbles.pop(label))

    def _undo_last(self) -> None:
        label, deleted = self._others.pop()
        if not self._others:
            self._forget_others()
        if label in {row.label for row in self._state.rows} | set(self._imports.masks):
            return  # A new object has this label.
        self._restore(label, deleted)
        self._state.set_status("hint", f"{self._settings.object_name(label)} is back.")

    def _forget_others(self) -> None:
        self._others = []
        if self._bound_layer is not None:
            self._bound_layer.bind_key(UNDO, None, overwrite=True)
            self._bound_layer = None


def label_indices(data: Any, label: int, block: int = BLOCK_PIXELS) -> Indices:
    """Return the indices of a label in an array, one array for each axis."""
    array = np.asarray(data)
    flat = array.reshape(-1)
    found = [np.flatnonzero(flat[k : k + block] == label) + k for k in range(0, flat.size, block)]
    return np.unravel_index(np.concatenate([np.empty(0, np.intp), *found]), array.shape)
