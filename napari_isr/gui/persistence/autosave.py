"""Autosave of scribbles, settings and shapes a second after each change.

The GUI thread only notes which arrays to save; a thread looks at them, block by block, while the
user goes on. A stroke that is drawn in that moment may be saved in part: its end asks for another
save.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import METADATA_PATH, image_shape
from napari_isr.gui.nd.axis_roles import TIME, resolve_axes
from napari_isr.io.session import (
    ImageReference,
    Snapshot,
    SnapshotStore,
    export_shape_states,
    image_key,
)

__all__ = ["Autosave", "ImageKeyCache", "PendingSnapshot", "full_resolution_data"]

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 0.2  # seconds that closing waits for the last save, which is done in any case
EVENTS = ("paint", "data", "set_data", "labels_update", "name")


def full_resolution_data(image: Image) -> Any:
    """Return the array of an image, the finest level of a pyramid."""
    return image.data[0] if image.multiscale else image.data


class ImageKeyCache:
    """Keys of images, computed once for each array; for one thread."""

    def __init__(self) -> None:
        self._known: list[tuple[Any, str]] = []

    def key_for(self, array: Any) -> str:
        """See :func:`napari_isr.io.session.image_key`."""
        for there, key in self._known:
            if there() is array:
                return key
        key = image_key(array)
        self._known = [*((t, k) for t, k in self._known if t() is not None), (_ref(array), key)]
        return key

    def forget(self) -> None:
        """Drop the key of an array whose pixels were changed."""
        self._known = []


def _ref(array: Any) -> Any:
    """Return a weak reference, so that the key keeps no image in memory."""
    try:
        return weakref.ref(array)
    except TypeError:
        return lambda: None


@dataclass(frozen=True)
class PendingSnapshot:
    """Snapshot to save, as captured in the GUI thread."""

    image: Any
    about: Mapping[str, Any]
    strokes: Any
    strokes_name: str
    settings: Mapping[str, Any]
    given: Mapping[int, Any]
    result: Any
    layer: int

    def snapshot(self, key: str) -> Snapshot:
        """Make what is saved; in the thread."""
        return Snapshot(
            ImageReference(key=key, **self.about),
            np.asarray(self.strokes),
            self.strokes_name,
            self.settings,
            {label: np.asarray(mask) for label, mask in self.given.items()},
            export_shape_states(self.result),
        )


class Autosave:
    """Saves the work of one controller soon after each change.

    Parameters
    ----------
    control : Controller
    store : SnapshotStore
        Where to.
    executor : BackgroundExecutor
        The thread.
    keys : ImageKeyCache
        Used in that thread only.

    Attributes
    ----------
    seconds : float
        A change is saved so long after it, also while more of them come.
    """

    saved = Signal()
    failed = Signal(str)

    def __init__(
        self,
        control: Controller,
        store: SnapshotStore,
        executor: BackgroundExecutor,
        keys: ImageKeyCache,
    ) -> None:
        self.seconds = 1.0
        self._control, self._store, self._executor, self._keys = control, store, executor, keys
        self._chosen: Mapping[str, Any] = control.settings.to_dict()
        self._given: Mapping[int, Any] = {}
        self._image: Image | None = None
        self._layer: Labels | None = None
        self._numbers: weakref.WeakKeyDictionary[Labels, int] = weakref.WeakKeyDictionary()
        self._on, self._dirty, self._saving, self._began = True, False, False, threading.Event()
        self._told = ""
        self._timer = make_single_shot_timer(self.save)
        control.layers.events.image.connect(self._rebind)
        control.layers.events.scribbles.connect(self._rebind)
        control.presenter.settled.connect(self.schedule)
        control.imports.changed.connect(self._on_choice)
        control.settings.events.connect(self._on_choice)
        self._rebind()

    @property
    def enabled(self) -> bool:
        """True if changes are saved."""
        return self._on

    @enabled.setter
    def enabled(self, on: bool) -> None:
        self._on = on
        if on and self._dirty:
            self._schedule()
        elif not on:
            self._timer.stop()

    def schedule(self, *_: Any) -> None:
        """Something changed: save soon."""
        self._dirty = True
        self._schedule()

    def save(self) -> None:
        """Save now what changed since the last time."""
        self._timer.stop()
        if not self._on or not self._dirty or self._saving:
            return  # what comes back from the thread asks again
        draft = self.capture()
        self._dirty = False
        if draft is not None:
            self._saving = True
            self._executor.submit(partial(self._keep, draft), self._on_saved, self._on_saved)

    def close(self) -> None:
        """Save the rest, and tell other processes that this one ended in good order."""
        draft = self.capture() if self._on and self._dirty else None
        self._bind(None)
        self._dirty = False
        # First of all, for nothing of Qt may be left where Python ends.
        self._executor.close(partial(self._finish, draft), CLOSE_TIMEOUT_S)
        self._timer.stop()

    # ----------------------------------------------------------------------- in the thread

    def _keep(self, draft: PendingSnapshot) -> None:
        key = self._keys.key_for(draft.image)
        # An image on which nothing was drawn yet needs no place.
        if self._began.is_set() or draft.given or np.any(draft.strokes):
            self._began.set()
            self._store.save(draft.snapshot(key), draft.layer)

    def _finish(self, draft: PendingSnapshot | None) -> None:
        try:
            if draft is not None:
                self._keep(draft)
        except Exception:
            log.exception("The last strokes could not be saved")
        finally:
            self._store.close()

    # ------------------------------------------------------------------- in the GUI thread

    def _on_saved(self, error: Exception | None) -> None:
        self._saving = False
        if error is None:
            self._told = ""
            self.saved.emit()
        else:
            self._tell(error)
        if self._dirty:
            self._schedule()

    def _tell(self, error: Exception) -> None:
        """Show a failure once. The next change saves again."""
        log.error("Autosave failed", exc_info=error)
        why = str(error) if isinstance(error, InputError | OSError) else type(error).__name__
        if why != self._told:
            self._told = why
            self.failed.emit(f"Autosave failed: {why}.")

    def _schedule(self) -> None:
        # Not started again while it runs, or strokes that never pause would never be saved.
        if self._on and not self._timer.isActive():
            self._timer.start(round(1000 * self.seconds))

    @property
    def _current(self) -> bool:
        """True if the dock still uses the followed layers."""
        control = self._control
        return (control.image_layer, control.scribble_layer) == (self._image, self._layer)

    def _on_choice(self, *_: Any) -> None:
        """Note what is chosen, unless it is of layers that the dock goes to just now."""
        if self._current:
            self._chosen, self._given = (
                self._control.settings.to_dict(),
                self._control.imported_objects,
            )
            self.schedule()

    def _rebind(self, *_: Any) -> None:
        """Follow the dock to other layers; what was drawn on the last ones is saved first."""
        control = self._control
        if self._current:
            return
        if self._dirty and self._on and (draft := self.capture()) is not None:
            self._executor.submit(partial(self._keep, draft), self._on_saved, self._on_saved)
        self._dirty = False
        self._timer.stop()
        self._image = control.image_layer
        self._began = threading.Event()
        self._bind(control.scribble_layer)
        self._chosen, self._given = control.settings.to_dict(), control.imported_objects

    def _bind(self, layer: Labels | None) -> None:
        if self._layer is not None:
            for name in EVENTS:
                self._layer.events[name].disconnect(self.schedule)
        self._layer = layer
        if layer is not None:
            for name in EVENTS:
                layer.events[name].connect(self.schedule)

    def capture(self) -> PendingSnapshot | None:
        """Note what is there now; None if nothing belongs together."""
        image, layer = self._image, self._layer
        if image is None or layer is None or tuple(layer.data.shape) != image_shape(image):
            return None
        path = image.source.path or image.metadata.get(METADATA_PATH)
        about = {
            "name": image.name,
            "path": str(Path(path).absolute()) if path and "://" not in path else path,
            "reader": image.source.reader_plugin,
            "shape": image_shape(image),
            "dtype": str(image.dtype),
            "scale": tuple(float(x) for x in image.scale),
            "translate": tuple(float(x) for x in image.translate),
            "units": tuple(str(unit) for unit in image.units),
        }
        # That the first axis is time, the layer may say, but hardly its file.
        axes = resolve_axes(image, self._chosen.get("axes", ""))
        settings = {**self._chosen, "axes": TIME} if axes == TIME + "yx" else self._chosen
        # The shapes of another image's fit are not shapes of this one.
        result = self._control.result if image == self._control.image_layer else None
        return PendingSnapshot(
            full_resolution_data(image),
            about,
            layer.data,
            layer.name,
            settings,
            self._given,
            result,
            self._numbers.setdefault(layer, len(self._numbers)),
        )
