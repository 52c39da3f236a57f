"""What can be done to single objects: import, rename, hide, give a shape, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.errors import InputError
from napari_isr.gui.objects.imported import ImportedObjects, ImportSource
from napari_isr.gui.objects.layer_import import ImportedObject, import_error, read_objects
from napari_isr.gui.objects.source_layer_watcher import SourceLayerWatcher
from napari_isr.gui.objects.undo import (
    PER_OBJECT_SETTINGS,
    DeletedObjects,
    Places,
    label_indices,
)
from napari_isr.scribbles import FIRST_OBJECT

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_isr.gui.controller import Controller

__all__ = ["ObjectActions"]


class ObjectActions:
    """Changes the objects of a controller.

    Parameters
    ----------
    control : Controller
    """

    def __init__(self, control: Controller) -> None:
        self._control = control
        self._closed = False
        self._deletions = DeletedObjects(control)
        self.given = ImportedObjects()
        self.given.changed.connect(self._on_given)

    def close(self) -> None:
        """Let go of the viewer."""
        self._closed = True
        self._deletions.close()
        self.given.close()

    # ----------------------------------------------------------------------------- settings

    def rename(self, label: int, name: str) -> None:
        """Call an object by a name; an empty one takes the name away."""
        self._set("names", label, name.strip())

    def set_shape(self, label: int, shape: str) -> None:
        """Give an object a shape of its own; an empty one: that of all objects."""
        self._set("own_shapes", label, shape)

    def hide(self, label: int, hidden: bool) -> None:
        """Hide an object's outline and mask, or show them."""
        chosen = self._control.settings
        others = set(chosen.hidden) - {label}
        chosen.hidden = tuple(sorted(others | {label} if hidden else others))

    def _set(self, setting: str, label: int, value: str) -> None:
        chosen = dict(getattr(self._control.settings, setting))
        if value:
            chosen[label] = value
        else:
            chosen.pop(label, None)
        if chosen != getattr(self._control.settings, setting):
            setattr(self._control.settings, setting, chosen)

    # ----------------------------------------------------------------------------- deletion

    def delete(self, label: int) -> None:
        """Delete an object: its strokes, its mask, its outline, its name; Ctrl+Z undoes it."""
        self._control.scheduler.cancel()
        strokes = self._control.scribble_layer
        if strokes is None:
            self._delete(label, None, ())
        else:
            found = partial(label_indices, label=label)
            self._control.executor.scan(strokes.data, found, partial(self._delete, label, strokes))

    def _delete(self, label: int, strokes: Any, pixels: Places) -> None:
        control = self._control
        if self._closed or strokes is not control.scribble_layer:
            return
        control.scheduler.cancel()
        name = control.settings.object_name(label)
        if strokes is not None:
            still = strokes.data[pixels] == label  # it may have been drawn on meanwhile
            pixels = tuple(axis[still] for axis in pixels)
        before = replace(self._deletions.capture(label), pixels=pixels)
        control.presenter.visibility.remove_object(label)
        for setting in PER_OBJECT_SETTINGS:
            self._set(setting, label, "")
        self.hide(label, False)
        given = self.given.masks
        if given.pop(label, None) is not None:
            self.given.masks = given
        if strokes is not None:
            strokes.data_setitem(pixels, 0)
            control.mark_scribbles_seen()  # the event comes before the change
            self._deletions.push(label, before)
            if strokes.selected_label == label:
                strokes.selected_label = self._neighbor(label)
        control.state.busy = False
        back = "; Ctrl+Z on the stroke layer brings it back" if strokes is not None else ""
        control.state.set_status("hint", f"Deleted {name}{back}.")

    def restore_undone(self) -> None:
        """Bring back a deleted object, with all that was its own, if its strokes are back."""
        self._deletions.restore_if_undone()

    def restore_import(self, label: int, mask: Any, layer: Any, value: int) -> None:
        """Give what was imported once more, and follow the layer that it is from again."""
        sources = self.given.sources
        if layer is not None and layer in self._control.viewer.layers:
            known = (s.watch for s in sources.values() if s.watch.layer is layer)
            sources[label] = ImportSource(next(known, None) or self._follow(layer), value)
        self.given.replace({**self.given.masks, label: mask}, sources)

    def _neighbor(self, label: int) -> int:
        """The object that the brush goes on with."""
        labels = [row.label for row in self._control.state.rows if row.label != label]
        before = [k for k in labels if k < label]
        return before[-1] if before else min(labels, default=FIRST_OBJECT)

    # ------------------------------------------------------------------------------- import

    def import_layer(self, layer: Layer) -> None:
        """Make objects of a layer: each label of a mask, or one of probabilities.

        Says so if the layer does not fit.
        """
        control = self._control
        image = control.image_layer
        if image is None:
            control.new_scribbles()  # which says what is missing
        elif problem := import_error(layer, image):
            control.state.set_status("error", problem)
        else:
            strokes = control.scribble_layer
            drawn = strokes.data if strokes is not None and strokes != layer else np.zeros(1)
            control.executor.submit(
                lambda: _read(layer, drawn), lambda found: self._take(layer, found)
            )

    def _take(self, layer: Layer, found: tuple[list[ImportedObject], int] | str) -> None:
        control = self._control
        if isinstance(found, str):
            control.state.set_status("error", found)
            return
        if control.image_layer is None or layer not in control.viewer.layers:
            return
        if control.scribble_layer is None or control.scribble_layer == layer:
            control.new_scribbles()
            if control.scribble_layer is None:
                return
        pieces, highest = found
        labels = range(1 + max([1, highest, *self.given.masks]), 10**6)
        new = dict(zip(labels, pieces, strict=False))
        watch = self._follow(layer)
        names = {
            label: layer.name if len(pieces) == 1 else f"{layer.name} {piece.value}"
            for label, piece in new.items()
        }
        chosen = control.settings
        chosen.names = {**chosen.names, **names}
        chosen.own_shapes = {k: v for k, v in chosen.own_shapes.items() if k not in new}
        self.given.replace(
            {**self.given.masks, **{label: piece.values for label, piece in new.items()}},
            {
                **self.given.sources,
                **{k: ImportSource(watch, piece.value) for k, piece in new.items()},
            },
        )
        control.scribble_layer.selected_label = next(iter(new))
        control.viewer.layers.selection.active = control.scribble_layer
        control.scheduler.request(live=True)

    def _follow(self, layer: Layer) -> SourceLayerWatcher:
        watch = SourceLayerWatcher(self._control.viewer, layer, self._control.executor)
        watch.changed.connect(self._on_source)
        watch.renamed.connect(self._on_renamed)
        watch.removed.connect(self._on_removed)
        return watch

    def _on_given(self) -> None:
        control = self._control
        control.imports_changed.emit(self.given.masks)
        if control.settings.live and control.scribble_layer is not None and control.image_layer:
            control.scheduler.request(live=True)

    def _from(self, watch: SourceLayerWatcher) -> dict[int, int]:
        """Labels of the objects that come from a layer, and their values there."""
        return {k: s.value for k, s in self.given.sources.items() if s.watch is watch}

    def _on_source(self, watch: SourceLayerWatcher) -> None:
        layer, image = watch.layer, self._control.image_layer
        if layer is None or image is None or not self._from(watch):
            return
        if problem := import_error(layer, image):
            self._control.state.set_status("error", f"{problem} Its objects stay as they were.")
            return
        masks = self.given.masks
        before = {value: masks[label] for label, value in self._from(watch).items()}
        self._control.executor.submit(
            lambda: _read_new(layer, before), lambda found: self._renew(watch, found)
        )

    def _renew(self, watch: SourceLayerWatcher, found: dict[int, Any] | str) -> None:
        state = self._control.state
        if isinstance(found, str):
            state.set_status("error", f"{found} Its objects stay as they were.")
            return
        new = {label: found[value] for label, value in self._from(watch).items() if value in found}
        if new:
            self.given.masks = {**self.given.masks, **new}
            state.set_status("hint", f"'{watch.name}' changed, and {self._named(new)} with it.")

    def _on_renamed(self, watch: SourceLayerWatcher, before: str) -> None:
        chosen, names = self._control.settings, dict(self._control.settings.names)
        for label in self._from(watch):
            name = names.get(label, "")
            if name == before or name.startswith(f"{before} "):
                names[label] = f"{watch.name}{name[len(before) :]}"
        if names != chosen.names:
            chosen.names = names
            self._control.state.set_status("hint", f"'{before}' is now '{watch.name}'.")

    def _on_removed(self, watch: SourceLayerWatcher) -> None:
        if labels := self._from(watch):
            last = "its last mask" if len(labels) == 1 else "their last masks"
            keeps = "keeps" if len(labels) == 1 else "keep"
            self._control.state.set_status(
                "hint", f"'{watch.name}' was removed; {self._named(labels)} {keeps} {last}."
            )

    def _named(self, labels: Any) -> str:
        names: Sequence[str] = [self._control.settings.object_name(label) for label in labels]
        return ", ".join(names) if len(names) < 4 else f"{len(names)} objects"


def _read(layer: Any, drawn: Any) -> tuple[list[ImportedObject], int] | str:
    """The layer's objects and the highest label that is drawn, or what is wrong."""
    try:
        return read_objects(layer), int(np.max(drawn))
    except InputError as error:
        return str(error)


def _read_new(layer: Any, before: Mapping[int, Any]) -> dict[int, Any] | str:
    """What of the layer is not as it was, by value, or what is wrong."""
    found = _read(layer, np.zeros(1))
    if isinstance(found, str):
        return found
    now = {piece.value: piece.values for piece in found[0] if piece.value in before}
    return {k: v for k, v in now.items() if not np.array_equal(v, before[k])}
