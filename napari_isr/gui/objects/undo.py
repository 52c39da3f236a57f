"""Deleted objects that an undo brings back, with all that was their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from app_model.types import KeyCode, KeyMod

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["PER_OBJECT_SETTINGS", "DeletedObject", "DeletedObjects", "Places", "label_indices"]

PER_OBJECT_SETTINGS = ("names", "own_shapes")  # settings of single objects
UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
BLOCK_PIXELS = 2**21  # pixels; between two blocks other threads can take the GIL

Places = tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True)
class DeletedObject:
    """What was an object's own.

    Parameters
    ----------
    pixels : tuple of arrays
        Where its strokes were, an array for each axis; empty arrays: it had none.
    settings : dict
        Its name, its shape, whether it was hidden.
    mask : array or None
        What it was imported as.
    layer : Layer or None
        Where it was imported from, if that is still followed.
    value : int
        Its label in that layer.
    """

    pixels: Places
    settings: dict[str, Any]
    mask: Any
    layer: Any
    value: int


class DeletedObjects:
    """Remembers what was deleted.

    napari's undo knows strokes only. While the last thing that happened on the stroke layer is that
    an object without strokes was deleted, Ctrl+Z there brings the object back; else it is napari's.

    Parameters
    ----------
    control : Controller
    """

    def __init__(self, control: Controller) -> None:
        self._control = control
        self._drawn: dict[int, DeletedObject] = {}
        self._others: list[
            tuple[int, DeletedObject]
        ] = []  # without strokes, the last one at the end
        self._layer: Any = None  # that has the key

    def close(self) -> None:
        """Leave the key to napari."""
        self._forget_others()

    def capture(self, label: int) -> DeletedObject:
        """What is an object's own, except for its strokes."""
        chosen, given = self._control.settings, self._control.objects.given
        settings: dict[str, Any] = {
            s: getattr(chosen, s).get(label, "") for s in PER_OBJECT_SETTINGS
        }
        settings["hidden"] = label in chosen.hidden
        source = given.sources.get(label)
        layer, value = (None, 0) if source is None else (source.watch.layer, source.value)
        return DeletedObject((), settings, given.masks.get(label), layer, value)

    def push(self, label: int, what: DeletedObject) -> None:
        """An object was deleted."""
        strokes = self._control.scribble_layer
        if what.pixels and what.pixels[0].size:
            self._drawn[label] = what
        elif strokes is not None:
            self._others.append((label, what))
            if self._layer is None:
                self._layer = strokes
                strokes.bind_key(UNDO, lambda _: self._undo_last(), overwrite=True)

    def restore_if_undone(self) -> None:
        """The strokes changed: bring objects back whose strokes are back."""
        self._forget_others()
        strokes = self._control.scribble_layer
        if strokes is None:
            return
        data = strokes.data
        for label, what in list(self._drawn.items()):
            last = tuple(int(axis.max()) for axis in what.pixels)
            if any(k >= n for k, n in zip(last, data.shape, strict=True)):
                del self._drawn[label]  # it is another image
            elif (data[what.pixels] == label).all():
                self._bring_back(label, self._drawn.pop(label))

    def _undo_last(self) -> None:
        label, what = self._others.pop()
        if not self._others:
            self._forget_others()
        if label in {row.label for row in self._control.state.rows} | set(
            self._control.imported_objects
        ):
            return  # there is another one with this label
        self._bring_back(label, what)
        self._control.state.set_status(
            "hint", f"{self._control.settings.object_name(label)} is back."
        )

    def _forget_others(self) -> None:
        self._others = []
        if self._layer is not None:
            self._layer.bind_key(UNDO, None, overwrite=True)
            self._layer = None

    def _bring_back(self, label: int, what: DeletedObject) -> None:
        objects = self._control.objects
        objects.rename(label, what.settings["names"])
        objects.set_shape(label, what.settings["own_shapes"])
        objects.hide(label, what.settings["hidden"])
        if what.mask is not None:
            objects.restore_import(label, what.mask, what.layer, what.value)


def label_indices(data: Any, label: int, block: int = BLOCK_PIXELS) -> Places:
    """Return the indices of a label in an array, one array for each axis."""
    array = np.asarray(data)
    flat = array.reshape(-1)
    found = [np.flatnonzero(flat[k : k + block] == label) + k for k in range(0, flat.size, block)]
    return np.unravel_index(np.concatenate([np.empty(0, np.intp), *found]), array.shape)
