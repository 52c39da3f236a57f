"""Navigation between images of a list, which stores and restores their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels

from napari_isr.gui import keybindings as keys
from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.controller import Controller
from napari_isr.gui.fitting.job import DeferredTransfer
from napari_isr.gui.image_list.loader import LoadedImage, load_image
from napari_isr.gui.image_list.model import ImageList, ImageListEntry, ImageState, list_images
from napari_isr.gui.image_list.status_store import ImageStatusStore
from napari_isr.gui.layers.utils import (
    COORDINATE,
    METADATA_PATH,
    add_scribbles_layer,
    is_result_layer,
)
from napari_isr.gui.models import IMAGE_SETTINGS
from napari_isr.gui.scribbles.label_selector import activate_paint_mode
from napari_isr.io.session import SnapshotStore

__all__ = ["ImageNavigator"]

NONE_FOUND = "There is no image in it."
KEEP = 3  # pictures that are kept in memory


class ImageNavigator:
    """Shows the images of a list one after the other, each with its strokes and its result.

    Files are read in a thread, the next one ahead of time. Strokes are layers that are put away and
    brought back, so that none is ever lost.

    Parameters
    ----------
    control : Controller
        Whose image and strokes are exchanged.
    kept : callable, optional
        Whether the user lets anything be kept for the next time.
    """

    def __init__(self, control: Controller, kept: Callable[[], bool] = lambda: True) -> None:
        self.control, self.viewer = control, control.viewer
        self.list = ImageList()
        self.opening: ImageListEntry | None = None
        self._transfer: DeferredTransfer | None = None
        self._pictures: list[tuple[ImageListEntry, LoadedImage | str]] = []
        self._reading: set[ImageListEntry] = set()
        self._store, self._closed, self._busy = SnapshotStore(), False, False
        self._marks = ImageStatusStore(self.list, self._store.folder, kept)
        self._touched = True  # the strokes since the image was shown: there is more to be learned
        self._follow = make_single_shot_timer(self._follow_layers)
        self._keys: dict[str, Callable[[], Any]] = {
            keys.NEXT: self.next,
            keys.PREVIOUS: self.previous,
            keys.DONE: lambda: self.list.set_done(not self._is_done()),
        }
        for key, act in self._keys.items():
            self.viewer.bind_key(key, lambda _, act=act: act(), overwrite=True)
        events = self.viewer.layers.events
        self._events = (events.inserted, events.removed)
        for event in self._events:
            event.connect(self._on_layers)
        control.layers.events.image.connect(self._on_image)
        control.adapter.scribbles_edited.connect(self._on_strokes)
        control.transfer = lambda: self.transfer
        control.closing.connect(self.close)
        self._follow.start()

    def close(self) -> None:
        """Release the viewer."""
        if self._closed:
            return
        self._closed = True
        self._follow.stop()
        self._marks.close()
        for key in self._keys:
            self.viewer.bind_key(key, None, overwrite=True)
        for event in self._events:
            event.disconnect(self._on_layers)
        self.control.layers.events.image.disconnect(self._on_image)
        self.control.adapter.scribbles_edited.disconnect(self._on_strokes)

    # ----------------------------------------------------------------------------- actions

    def open(self, paths: Iterable[Path | str]) -> None:
        """Take files, and the images in folders, for the list; the first one is shown."""
        named = [Path(path).expanduser() for path in paths]
        self.control.executor.submit(lambda: _listed(named), self._on_listed)

    def next(self) -> None:
        """Show the next image."""
        self.show_index(self._place + 1)

    def previous(self) -> None:
        """Show the image before."""
        self.show_index(self._place - 1)

    def show_index(self, place: int) -> None:
        """Show an image of the list; nothing if there is none in this place."""
        if self._closed or not 0 <= place < len(self.list.entries) or place == self._place:
            return
        entry = self.list.entries[place]
        self._put_away()
        self.list.set_current_index(place)
        self.opening = entry
        if entry.layer is not None or entry.path is None:
            self._show(entry, None)
        else:
            self.control.state.set_status("busy", f"Opening {entry.name} …")
            self._read(entry)

    @property
    def _place(self) -> int:
        return self.list.place

    def _is_done(self) -> bool:
        return self.list.current is not None and self.list.current.done

    # ----------------------------------------------------------------------------- reading

    def _on_listed(self, found: list[Path] | str) -> None:
        if self._closed:
            return
        if isinstance(found, str) or not found:
            self.control.state.set_status("error", found if isinstance(found, str) else NONE_FOUND)
            return
        self._put_away()
        self._pictures, self._transfer = [], None
        self.list.set_entries([ImageListEntry(path.name, path) for path in found])
        self.show_index(0)

    def _read(self, entry: ImageListEntry) -> None:
        """Have an image ready, and show it if it is the one that is waited for."""
        known = next((picture for e, picture in self._pictures if e is entry), None)
        if known is not None:
            self._on_read(entry, known)
        elif entry not in self._reading and entry.path is not None:
            self._reading.add(entry)
            path, store = entry.path, None if entry.work.strokes is not None else self._store
            self.control.executor.submit(
                lambda: load_image(path, store), lambda found: self._on_read(entry, found)
            )

    def _on_read(self, entry: ImageListEntry, found: LoadedImage | str) -> None:
        self._reading.discard(entry)
        if self._closed or entry not in self.list.entries:
            return
        others = [(e, picture) for e, picture in self._pictures if e is not entry]
        self._pictures = [*others, (entry, found)][-KEEP:]
        entry.problem = found if isinstance(found, str) else ""
        if self.opening is entry:
            self._show(entry, found)

    def _read_ahead(self) -> None:
        place = self._place + 1
        if place < len(self.list.entries) and self.list.entries[place].layer is None:
            entry = self.list.entries[place]
            if all(e is not entry for e, _ in self._pictures):
                self._read(entry)

    # --------------------------------------------------------------------------- navigator

    def _put_away(self) -> None:
        """Take image, strokes and results out of the viewer, and remember them."""
        control, entry, self.opening = self.control, self.list.current, None
        image, strokes = control.image_layer, control.scribble_layer
        if entry is None:
            return
        if image is not None and image is entry.layer:
            strokes = strokes if strokes is not None else entry.work.strokes
            fit = control.presenter.history.current
            entry.work = ImageState(strokes, self._settings(), fit, dict(control.imported_objects))
            self.list.evict_fits()
            job = control.make_job(live=True) if self._touched else None
            self._transfer = DeferredTransfer(job) if job is not None else self._transfer
            control.cancel()
            control.presenter.drop_views(masks=True)
        else:  # the user went to another image by other means
            image, strokes = entry.layer, entry.work.strokes
        self._busy = True
        try:
            layers = [x for x in (strokes, image) if x is not None and x in self.viewer.layers]
            if entry.path is None:
                control.scribble_layer = control.image_layer = None
                for layer in layers:
                    layer.visible = False
            else:
                entry.layer = None
                for layer in layers:
                    self.viewer.layers.remove(layer)
        finally:
            self._busy = False

    def _show(self, entry: ImageListEntry, found: LoadedImage | str | None) -> None:
        """Bring an image with all that was done on it."""
        self.opening = None
        control, work = self.control, entry.work
        if isinstance(found, str):
            control.image_layer = control.scribble_layer = None
            control.state.set_status("error", found)
            self.list.changed.emit()
            self._read_ahead()
            return
        self._busy = True
        try:
            if found is not None:
                entry.layer = Image(
                    found.data,
                    name=entry.name,
                    rgb=found.rgb,
                    contrast_limits=found.limits,
                    metadata={METADATA_PATH: str(entry.path)},
                )
                self.viewer.layers.append(entry.layer)
                self.viewer.reset_view()
            entry.layer.visible = True
            control.scribble_layer, control.image_layer = None, entry.layer
            kept = found.kept if found is not None and work.strokes is None else None
            self._choose(work.settings or (kept.settings if kept is not None else {}))
            work.strokes = control.scribble_layer = self._strokes(entry, kept)
            if kept is not None:
                work.given = dict(kept.given)
                control.initial_shapes = dict(kept.shapes)
            if work.given and not control.imported_objects:
                control.imported_objects = work.given
            # Again, for those that need the scribbles of the image as well.
            control.layers.events.image.emit(entry.layer, entry.layer)
        finally:
            self._busy = False
        if entry.transfer is None:
            entry.transfer = self._transfer
        self._touched = work.fit is None
        self.list.changed.emit()
        if work.fit is not None:
            control.presenter.restore(work.fit)
        else:
            control.fit_if_possible()
        self._read_ahead()

    def _strokes(self, entry: ImageListEntry, kept: Any) -> Labels:
        """Return the scribble layer of an image, a new one if it has none."""
        layer = entry.work.strokes
        if layer is None:
            layer = add_scribbles_layer(self.viewer, entry.layer)
            if kept is not None:
                layer.data = kept.strokes
        elif layer not in self.viewer.layers:
            layer.mode = "pan_zoom"  # as napari's tools show it, until they are told of the brush
            self.viewer.layers.append(layer)
        layer.visible = True
        self.viewer.layers.selection.active = layer
        activate_paint_mode(layer)
        return layer

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self.control.settings, name) for name in IMAGE_SETTINGS}

    def _choose(self, settings: Mapping[str, Any]) -> None:
        self.control.settings.update({k: v for k, v in settings.items() if k in IMAGE_SETTINGS})

    @property
    def transfer(self) -> DeferredTransfer | None:
        """Transfer from the images before the current one, or None if it is disabled."""
        entry = self.list.current
        return entry.transfer if self.list.transfer_enabled and entry is not None else None

    def set_transfer_enabled(self, on: bool) -> None:
        """Carry what was learned to the next image, or let each image begin anew."""
        if on != self.list.transfer_enabled:
            self.list.transfer_enabled = on
            if self.list.current is not None and self.list.current.transfer is not None:
                self.control.fit_if_possible()

    # ------------------------------------------------------------------------ what happens

    def _on_strokes(self) -> None:
        self._touched = True

    def _on_layers(self, event: Any) -> None:
        self._follow.start()

    def _on_image(self, layer: Any) -> None:
        if not self._busy:
            self._follow.start()

    def _follow_layers(self) -> None:
        """While there is no list of files, the images that are open are the list."""
        if self._closed or self.list.is_file_based:
            return
        known = {id(entry.layer): entry for entry in self.list.entries}
        images = [
            x
            for x in self.viewer.layers
            if isinstance(x, Image) and not is_result_layer(x) and COORDINATE not in x.metadata
        ]
        entries = [known.get(id(x)) or ImageListEntry(x.name, layer=x) for x in images]
        shown = self.control.image_layer
        place = images.index(shown) if shown in images else -1
        if entries != self.list.entries or place != self.list.place:
            self.list.set_entries(entries, place)


def _listed(paths: list[Path]) -> list[Path] | str:
    try:
        return list_images(paths)
    except OSError as error:
        return f"The folder cannot be read: {error.strerror or error}."
