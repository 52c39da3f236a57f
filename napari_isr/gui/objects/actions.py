"""Actions on single objects: import, rename, hide, give a shape, delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from napari.layers import Layer

from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.models import (
    DockSettings,
    DockState,
    ImportedObjects,
    ImportSource,
    SelectedLayers,
)
from napari_isr.gui.objects.layer_import import (
    ImportedObject,
    SourceLayerWatcher,
    import_error,
    read_objects,
)
from napari_isr.gui.objects.undo import (
    PER_OBJECT_SETTINGS,
    DeletedObject,
    DeletedObjects,
    Indices,
    label_indices,
)
from napari_isr.scribbles import FIRST_OBJECT

__all__ = ["FitControl", "ObjectActions"]

MAX_LABEL = 10**6


class FitControl(Protocol):
    """The controller as the actions use it."""

    adapter: Any
    settings: DockSettings
    state: DockState
    layers: SelectedLayers
    imports: ImportedObjects
    executor: BackgroundExecutor

    @property
    def viewer(self) -> Any:
        """The napari viewer."""

    def stop(self) -> None:
        """Cancel the running fit without a message."""

    def request_fit(self) -> None:
        """Start a fit as after a stroke."""

    def new_scribbles(self) -> None:
        """Add an empty scribble layer."""

    def remove_object(self, label: int) -> None:
        """Remove an object from the result and from the display."""


class ObjectActions:
    """Changes the objects of a dock.

    Parameters
    ----------
    control : FitControl
    """

    def __init__(self, control: FitControl) -> None:
        self._control, self._adapter = control, control.adapter
        self._settings, self._state = control.settings, control.state
        self._layers, self._imports = control.layers, control.imports
        self._closed = False
        self._deleted = DeletedObjects(
            self._settings, self._state, self._imports, self._restore_deleted
        )
        self._adapter.scribbles_edited.connect(self._on_scribbles_edited)

    def close(self) -> None:
        """Release the viewer."""
        self._closed = True
        self._adapter.scribbles_edited.disconnect(self._on_scribbles_edited)
        self._deleted.close()

    # ----------------------------------------------------------------------------- settings

    def rename(self, label: int, name: str) -> None:
        """Set the name of an object. An empty one removes it."""
        self._set("names", label, name.strip())

    def set_shape(self, label: int, shape: str) -> None:
        """Set the own shape of an object. An empty one removes it."""
        self._set("own_shapes", label, shape)

    def hide(self, label: int, hidden: bool) -> None:
        """Hide or show the contours and the mask of an object."""
        others = set(self._settings.hidden) - {label}
        self._settings.hidden = tuple(sorted(others | {label} if hidden else others))

    def _set(self, setting: str, label: int, value: str) -> None:
        before = getattr(self._settings, setting)
        values = {k: v for k, v in before.items() if k != label}
        if value:
            values[label] = value
        if values != before:
            setattr(self._settings, setting, values)

    # ----------------------------------------------------------------------------- deletion

    def delete(self, label: int) -> None:
        """Delete the scribbles, mask, contours, name and shape of an object. Ctrl+Z restores it."""
        self._control.stop()
        scribbles = self._layers.scribbles
        if scribbles is None:
            self._delete(label, None, ())
        else:
            find = partial(label_indices, label=label)
            self._control.executor.scan(
                scribbles.data, find, partial(self._delete, label, scribbles)
            )

    def _delete(self, label: int, scribbles: Any, pixels: Indices) -> None:
        if self._closed or scribbles is not self._layers.scribbles:
            return
        self._control.stop()
        name = self._settings.object_name(label)
        if scribbles is not None:
            unchanged = scribbles.data[pixels] == label  # The user may draw during the scan.
            pixels = tuple(axis[unchanged] for axis in pixels)
        deleted = replace(self._deleted.capture(label), pixels=pixels)
        self._control.remove_object(label)
        for setting in PER_OBJECT_SETTINGS:
            self._set(setting, label, "")
        self.hide(label, False)
        imported = self._imports.masks
        if imported.pop(label, None) is not None:
            self._imports.masks = imported
        if scribbles is not None:
            scribbles.data_setitem(pixels, 0)
            self._adapter.mark_scribbles_seen()  # napari emits the event before the change.
            self._deleted.push(label, deleted, scribbles)
            if scribbles.selected_label == label:
                scribbles.selected_label = self._neighbor(label)
        self._state.busy = False
        undo = "; Ctrl+Z on the stroke layer brings it back" if scribbles is not None else ""
        self._state.set_status("hint", f"Deleted {name}{undo}.")

    def _neighbor(self, label: int) -> int:
        """Return the label that the brush draws after an object was deleted."""
        labels = [row.label for row in self._state.rows if row.label != label]
        before = [k for k in labels if k < label]
        return before[-1] if before else min(labels, default=FIRST_OBJECT)

    def _on_scribbles_edited(self) -> None:
        self._deleted.restore_if_undone(self._layers.scribbles)

    def _restore_deleted(self, label: int, deleted: DeletedObject) -> None:
        self.rename(label, deleted.settings["names"])
        self.set_shape(label, deleted.settings["own_shapes"])
        self.hide(label, deleted.settings["hidden"])
        if deleted.mask is None:
            return
        sources = self._imports.sources
        layer = deleted.layer
        if layer is not None and layer in self._control.viewer.layers:
            known = (s.watcher for s in sources.values() if s.watcher.layer is layer)
            sources[label] = ImportSource(next(known, None) or self._watch(layer), deleted.value)
        self._imports.replace({**self._imports.masks, label: deleted.mask}, sources)

    # ------------------------------------------------------------------------------- import

    def import_layer(self, layer: Layer) -> None:
        """Import objects from a layer: one for each label of a mask, or one of probabilities.

        A layer that cannot be imported is an error message.
        """
        image, scribbles = self._layers.image, self._layers.scribbles
        if image is None:
            self._control.new_scribbles()  # sets the message
        elif problem := import_error(layer, image):
            self._state.set_status("error", problem)
        else:
            drawn = scribbles.data if scribbles not in (None, layer) else np.zeros(1)
            self._control.executor.submit(
                lambda: _read(layer, drawn), lambda found: self._add(layer, found)
            )

    def _add(self, layer: Layer, found: tuple[list[ImportedObject], int] | str) -> None:
        if isinstance(found, str):
            self._state.set_status("error", found)
            return
        viewer = self._control.viewer
        if self._layers.image is None or layer not in viewer.layers:
            return
        if self._layers.scribbles is None or self._layers.scribbles == layer:
            self._control.new_scribbles()
            if self._layers.scribbles is None:
                return
        objects, highest = found
        labels = range(1 + max([1, highest, *self._imports.masks]), MAX_LABEL)
        new = dict(zip(labels, objects, strict=False))
        watcher = self._watch(layer)
        names = {
            label: layer.name if len(objects) == 1 else f"{layer.name} {one.value}"
            for label, one in new.items()
        }
        chosen = self._settings
        chosen.names = {**chosen.names, **names}
        chosen.own_shapes = {k: v for k, v in chosen.own_shapes.items() if k not in new}
        self._imports.replace(
            {**self._imports.masks, **{label: one.values for label, one in new.items()}},
            {
                **self._imports.sources,
                **{label: ImportSource(watcher, one.value) for label, one in new.items()},
            },
        )
        self._layers.scribbles.selected_label = next(iter(new))
        viewer.layers.selection.active = self._layers.scribbles
        self._control.request_fit()

    def _watch(self, layer: Layer) -> SourceLayerWatcher:
        watcher = SourceLayerWatcher(self._control.viewer, layer, self._control.executor)
        watcher.changed.connect(self._on_source_changed)
        watcher.renamed.connect(self._on_source_renamed)
        watcher.removed.connect(self._on_source_removed)
        return watcher

    def _values_of(self, watcher: SourceLayerWatcher) -> dict[int, int]:
        """Return the labels of the objects of a layer, and their values in that layer."""
        return {k: s.value for k, s in self._imports.sources.items() if s.watcher is watcher}

    def _on_source_changed(self, watcher: SourceLayerWatcher) -> None:
        layer, image = watcher.layer, self._layers.image
        if layer is None or image is None or not self._values_of(watcher):
            return
        if problem := import_error(layer, image):
            self._state.set_status("error", f"{problem} Its objects stay as they were.")
            return
        masks = self._imports.masks
        before = {value: masks[label] for label, value in self._values_of(watcher).items()}
        self._control.executor.submit(
            lambda: _read_changed(layer, before), lambda found: self._update(watcher, found)
        )

    def _update(self, watcher: SourceLayerWatcher, found: dict[int, Any] | str) -> None:
        if isinstance(found, str):
            self._state.set_status("error", f"{found} Its objects stay as they were.")
            return
        values = self._values_of(watcher)
        new = {label: found[value] for label, value in values.items() if value in found}
        if new:
            self._imports.masks = {**self._imports.masks, **new}
            names = self._join_names(new)
            self._state.set_status("hint", f"'{watcher.name}' changed, and {names} with it.")

    def _on_source_renamed(self, watcher: SourceLayerWatcher, before: str) -> None:
        names = dict(self._settings.names)
        for label in self._values_of(watcher):
            name = names.get(label, "")
            if name == before or name.startswith(f"{before} "):
                names[label] = f"{watcher.name}{name[len(before) :]}"
        if names != self._settings.names:
            self._settings.names = names
            self._state.set_status("hint", f"'{before}' is now '{watcher.name}'.")

    def _on_source_removed(self, watcher: SourceLayerWatcher) -> None:
        if labels := self._values_of(watcher):
            last = "its last mask" if len(labels) == 1 else "their last masks"
            keeps = "keeps" if len(labels) == 1 else "keep"
            names = self._join_names(labels)
            self._state.set_status("hint", f"'{watcher.name}' was removed; {names} {keeps} {last}.")

    def _join_names(self, labels: Collection[int]) -> str:
        names = [self._settings.object_name(label) for label in labels]
        return ", ".join(names) if len(names) < 4 else f"{len(names)} objects"


def _read(layer: Any, drawn: Any) -> tuple[list[ImportedObject], int] | str:
    """Return the objects of a layer and the highest label of the scribbles, or an error message."""
    try:
        return read_objects(layer), int(np.max(drawn))
    except InputError as error:
        return str(error)


def _read_changed(layer: Any, before: Mapping[int, Any]) -> dict[int, Any] | str:
    """Return the changed masks of a layer, keyed by value, or an error message."""
    found = _read(layer, np.zeros(1))
    if isinstance(found, str):
        return found
    now = {one.value: one.values for one in found[0] if one.value in before}
    return {k: v for k, v in now.items() if not np.array_equal(v, before[k])}
