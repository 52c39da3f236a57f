"""Objects that were imported: their unaries, for each stroke layer, and where they are from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_isr.gui.objects.source_layer_watcher import SourceLayerWatcher

__all__ = ["ImportSource", "ImportedObjects"]

MOST_SHELVES = 32  # stroke layers, also those that were taken out: they may come back


@dataclass(frozen=True)
class ImportSource:
    """Where an object is from.

    Parameters
    ----------
    watch : SourceLayerWatcher
        Of its layer.
    value : int
        Its label in that layer; 0: the layer holds probabilities.
    """

    watch: SourceLayerWatcher
    value: int


@dataclass
class LayerImports:
    """What is given beside one stroke layer."""

    layer: Any
    masks: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    sources: dict[int, ImportSource] = field(default_factory=dict)


class ImportedObjects:
    """Unaries by label, of the stroke layer in use."""

    changed = Signal()

    def __init__(self) -> None:
        self._shelf = LayerImports(None)
        self._others: list[LayerImports] = []

    @property
    def masks(self) -> dict[int, npt.NDArray[Any]]:
        """The unaries by label; a copy, its arrays cannot be written to."""
        return dict(self._shelf.masks)

    @masks.setter
    def masks(self, masks: Mapping[int, Any]) -> None:
        self.replace(masks, {k: v for k, v in self._shelf.sources.items() if k in masks})

    @property
    def sources(self) -> dict[int, ImportSource]:
        """Where the objects are from, as far as that is known."""
        return dict(self._shelf.sources)

    def replace(self, masks: Mapping[int, Any], sources: Mapping[int, ImportSource]) -> None:
        """Replace everything."""
        fixed = {int(label): _fixed(masks[label]) for label in sorted(masks)}
        gone = [s.watch for s in self._shelf.sources.values()]
        self._shelf.masks, self._shelf.sources = fixed, dict(sources)
        kept = [s.watch for s in sources.values()]
        for watch in gone:
            if watch not in kept:
                watch.close()
        self.changed.emit()

    def set_layer(self, layer: Any) -> None:
        """Go on with what is given beside another stroke layer; what there is, is kept for later.

        What was given before there was a stroke layer goes along with the first one.
        """
        before = self._shelf
        if layer == before.layer:
            return
        found = next((shelf for shelf in self._others if shelf.layer == layer), None)
        if found is None and before.layer is None:
            before.layer = layer
            return
        self._others = [shelf for shelf in self._others if shelf is not found]
        if before.masks:
            self._others.append(before)
            for shelf in self._others[:-MOST_SHELVES]:
                _close(shelf)
            self._others = self._others[-MOST_SHELVES:]
        self._shelf = found or LayerImports(layer)
        self.changed.emit()

    def close(self) -> None:
        """Follow no layer any more."""
        for shelf in (self._shelf, *self._others):
            _close(shelf)


def _close(shelf: LayerImports) -> None:
    for source in shelf.sources.values():
        source.watch.close()


def _fixed(values: Any) -> npt.NDArray[Any]:
    """An array that cannot be written to: a fit need not look whether it changed."""
    array = np.asarray(values)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
