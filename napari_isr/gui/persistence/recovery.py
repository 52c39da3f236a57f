"""Recovery of autosaved work after a crash."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import add_scribbles_layer, image_shape
from napari_isr.gui.persistence.autosave import ImageKeyCache, full_resolution_data
from napari_isr.io.session import ImageReference, Snapshot, SnapshotStore, StoredSnapshots

__all__ = ["OverwriteCheck", "RecoveryManager", "RecoveryOffer"]

log = logging.getLogger(__name__)

BUILTIN = "napari"  # the reader that is always there
GONE = "What was kept cannot be read any more; napari's log says why."


@dataclass(frozen=True)
class RecoveryOffer:
    """Offer to restore a snapshot.

    Parameters
    ----------
    kept : StoredSnapshots
    crashed : bool
        Whether the process that kept it was killed.
    openable : bool, optional
        Whether its image is open, or in a file that is there. Otherwise the user has to open it.
    """

    kept: StoredSnapshots
    crashed: bool
    openable: bool = True

    def message(self, now: datetime) -> str:
        """Return the offer in one sentence."""
        record = self.kept.record
        assert record is not None  # nothing else is offered
        when = _when(record.saved_at, now)
        if self.crashed:
            lost = f"Strokes of “{record.image.name}” from {when} were not saved."
            return lost if self.openable else f"{lost} Open the image again to restore them."
        return f"Strokes of this image from {when}."


class OverwriteCheck:
    """Check that a layer can receive scribbles without losing others.

    It is made and queried in the GUI thread. :meth:`compute` runs in the thread that reads the
    scribbles, because it takes tens of milliseconds for a large layer.

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
    """Return True if restoring loses nothing: the layer is empty or equal."""
    if data is None or strokes is None or data.shape != strokes.shape:
        return False
    return not np.any(data) or np.array_equal(data, strokes)


class RecoveryManager:
    """Looks for what was kept, and brings it back when the user says so.

    Parameters
    ----------
    control : Controller
    store : SnapshotStore
    executor : BackgroundExecutor
        Where it is looked for.
    keys : ImageKeyCache
        Used in that thread only.
    """

    offered = Signal(object)  # Offer, or None if there is none any more
    restored = Signal(object)  # Kept

    def __init__(
        self,
        control: Controller,
        store: SnapshotStore,
        executor: BackgroundExecutor,
        keys: ImageKeyCache,
    ) -> None:
        self._control, self._store, self._executor, self._keys = control, store, executor, keys
        self.offer: RecoveryOffer | None = None
        self._asked = 0
        executor.submit(store.prune, None, _log_prune_error)
        control.layers.events.image.connect(self.find_offer)
        self.find_offer()

    def find_offer(self, *_: Any) -> None:
        """Look for something to offer, for the image that is open now."""
        self._asked += 1
        image, layer = self._control.image_layer, self._control.scribble_layer
        about = (
            None if image is None else (full_resolution_data(image), image.name, image_shape(image))
        )
        strokes = None if layer is None else layer.data
        find = partial(_find, self._store, self._keys, about, strokes)
        self._executor.submit(find, partial(self._on_found, self._asked), _log_search_error)

    def discard(self) -> None:
        """Discard the offer."""
        if self.offer is not None:
            self.dismiss(self.offer.kept)
            self._show(None)

    def dismiss(self, kept: StoredSnapshots) -> None:
        """Offer a snapshot no more, then search for another one."""
        self._executor.submit(kept.dismiss, self.find_offer, self.find_offer)

    def restore(self) -> None:
        """Restore the snapshot."""
        if self.offer is not None:
            kept, overwrite = self.offer.kept, OverwriteCheck(self._control.scribble_layer)
            loaded = partial(self._on_loaded, kept, overwrite)
            self._executor.submit(partial(_read, kept, overwrite), loaded, loaded)
            self._show(None)

    def _show(self, offer: RecoveryOffer | None) -> None:
        self.offer = offer
        self.offered.emit(offer)

    def _on_found(self, asked: int, offer: Any) -> None:
        if asked == self._asked:
            self._show(offer)

    def _on_loaded(self, kept: StoredSnapshots, overwrite: OverwriteCheck, snapshot: Any) -> None:
        control = self._control
        if not isinstance(snapshot, Snapshot):
            control.state.set_status("error", GONE)
            return
        try:
            image = control.image_layer or self.open_image(snapshot.image)
            if image_shape(image) != snapshot.image.shape:
                raise ValueError("the image has another size now")
        except Exception as error:  # readers of other plugins may raise anything
            log.exception("The image of kept strokes could not be opened")
            name = snapshot.image.path or snapshot.image.name
            why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            control.state.set_status(
                "error", f"“{name}” cannot be opened: {why}. Its strokes are kept."
            )
            return
        self.restore_snapshot(snapshot, image, overwrite)
        self.restored.emit(kept)

    def open_image(self, about: ImageReference, near: Path | None = None) -> Image:
        """Open the file of an image, placed as it was; it may lie in the folder ``near`` now."""
        viewer, path = self._control.viewer, about.path
        if near is not None and path is not None and not Path(path).exists():
            path = str(near / Path(path).name)
        if path is None or (near is not None and not Path(path).is_file()):
            raise InputError(f"the file '{about.path or about.name}' is not there: open the image")
        try:
            layers = viewer.open(path, plugin=about.reader or BUILTIN)
        except Exception:
            if about.reader in (None, BUILTIN):
                raise
            layers = viewer.open(path, plugin=BUILTIN)  # the other one may be gone
        image = next(layer for layer in layers if isinstance(layer, Image))
        if len(about.scale) == image.ndim and len(about.translate) == image.ndim:
            image.scale, image.translate = about.scale, about.translate
        self._control.image_layer = image
        return image

    def restore_snapshot(self, snapshot: Snapshot, image: Image, overwrite: OverwriteCheck) -> None:
        """Restore the settings first and the scribbles last, because these start the fit.

        Parameters
        ----------
        snapshot : Snapshot
        image : Image
        overwrite : OverwriteCheck
            That has looked at the snapshot's strokes.
        """
        control = self._control
        control.settings.update(snapshot.settings)
        control.initial_shapes = dict(snapshot.shapes)
        if snapshot.strokes is None:
            return
        layer = control.scribble_layer
        if not overwrite.is_safe(layer, snapshot.strokes):
            layer = add_scribbles_layer(control.viewer, image)
            layer.name = snapshot.strokes_name or layer.name
            control.scribble_layer = layer
        if snapshot.given:
            control.imported_objects = {**control.imported_objects, **snapshot.given}
        layer.data = snapshot.strokes


def _log_prune_error(error: Exception) -> None:
    log.error("Old snapshots could not be removed", exc_info=error)


def _log_search_error(error: Exception) -> None:
    log.error("The snapshots could not be searched", exc_info=error)


def _read(kept: StoredSnapshots, overwrite: OverwriteCheck) -> Snapshot | None:
    """Read what was kept, and look whether the open layer can take its strokes; in the thread."""
    snapshot = kept.snapshot()
    overwrite.compute(None if snapshot is None else snapshot.strokes)
    return snapshot


def _find(
    store: SnapshotStore,
    keys: ImageKeyCache,
    about: tuple[Any, str, tuple[int, ...]] | None,
    strokes: Any,
) -> RecoveryOffer | None:
    """Find the offer for an image, or for an image to open if there is none."""
    if about is None:
        offers = sorted(_crashed(store, lambda _: True), key=lambda offer: not offer.openable)
        return next((offer for offer in offers if _is_worth_offering(offer, strokes)), None)
    array, name, shape = about
    key = keys.key_for(array)

    def same(image: ImageReference) -> bool:
        return image.key == key or (image.name, image.shape) == (name, shape)

    offers = [replace(offer, openable=True) for offer in _crashed(store, same)]
    last = next((kept for kept in store.find(key) if not store.is_process_alive(kept)), None)
    if last is not None and not last.is_dismissed:
        offers.append(RecoveryOffer(last, crashed=False))
    return next((offer for offer in offers if _is_worth_offering(offer, strokes)), None)


def _crashed(store: SnapshotStore, wanted: Callable[[ImageReference], bool]) -> list[RecoveryOffer]:
    kept = [
        one for one in store.find_orphaned() if one.record is not None and wanted(one.record.image)
    ]
    return [RecoveryOffer(one, crashed=True, openable=_file_is_there(one)) for one in kept]


def _file_is_there(kept: StoredSnapshots) -> bool:
    path = kept.record.image.path if kept.record is not None else None
    return path is not None and Path(path).exists()


def _is_worth_offering(offer: RecoveryOffer, strokes: Any) -> bool:
    """Whether there is something in it that is not on the canvas already."""
    record = offer.kept.record
    if record is None or record.is_empty:
        return False
    if strokes is None or tuple(strokes.shape) != record.image.shape:
        return True
    snapshot = offer.kept.snapshot()
    if snapshot is None or snapshot.strokes is None:
        return False
    return bool(record.given) or not np.array_equal(snapshot.strokes, strokes)


def _when(time: datetime, now: datetime) -> str:
    days = (now.date() - time.date()).days
    clock = f"{time:%H:%M}"
    if days == 0:
        return clock
    return f"yesterday, {clock}" if days == 1 else f"{time.day} {time:%B}, {clock}"
