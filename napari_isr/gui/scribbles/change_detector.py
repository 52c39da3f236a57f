"""Detection of finished, filled, undone and redone strokes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import QueuedCallback

__all__ = ["BrushActivity", "ScribbleChangeDetector", "array_checksum"]

Digest = tuple[tuple[int, ...], int]
BRUSHES = "paint", "erase"


def array_checksum(data: Any) -> Digest:
    """Return size and checksum of an array, in a millisecond for a megapixel."""
    array = np.ascontiguousarray(data)
    flat: Any = array.reshape(-1).view(np.uint8)
    return array.shape, zlib.crc32(flat)


class ScribbleChangeDetector:
    """Tells when the strokes of a Labels layer changed.

    A stroke, a fill and a polygon emit ``paint``, new data emit ``data``. Undo and redo emit only
    ``set_data``, and so do a change of slice or of visibility: there a checksum decides. That of a
    large layer takes tens of milliseconds, so it is made in another thread.

    Parameters
    ----------
    executor : BackgroundExecutor
        Computes the checksums of large layers.
    place : callable, optional
        Tells where the sliders are: what is shown of a stack after they were moved is no change.
    """

    changed = Signal()

    def __init__(
        self, executor: BackgroundExecutor, place: Callable[[], Any] = lambda: None
    ) -> None:
        self._executor, self._place = executor, place
        self._shown_at = place()
        self._layer: Labels | None = None
        self._seen: Digest | None = None  # None: not known yet
        self._painting = False  # the last change was a stroke, and it is not known yet
        self._changes = 0

    @property
    def layer(self) -> Labels | None:
        """The layer that is watched."""
        return self._layer

    @layer.setter
    def layer(self, layer: Labels | None) -> None:
        if self._layer is not None:
            events = self._layer.events
            events.paint.disconnect(self._on_painted)
            events.data.disconnect(self._on_data)
            events.set_data.disconnect(self._on_shown)
        self._layer = layer
        self.mark_seen()
        if layer is not None:
            layer.events.paint.connect(self._on_painted)
            layer.events.data.connect(self._on_data)
            layer.events.set_data.connect(self._on_shown)

    def _on_data(self) -> None:
        self.mark_seen()
        if self._layer is not None:
            self.changed.emit()

    def _on_painted(self) -> None:
        self.mark_seen()
        self._painting = self._seen is None
        if self._layer is not None:
            self.changed.emit()

    def mark_seen(self) -> None:
        """Remember what is drawn now; to be called, too, after a change that was told before."""
        self._changes += 1
        self._seen, self._painting = None, False
        if self._layer is not None:
            self._with_digest(partial(self._keep, self._changes))

    def _keep(self, number: int, now: Digest) -> None:
        if number == self._changes:  # nothing was drawn meanwhile
            self._seen, self._painting = now, False

    def _on_shown(self) -> None:
        if (place := self._place()) != self._shown_at:
            self._shown_at = place
        elif self._painting:  # the stroke is undone before it could be compared with
            self._on_painted()
        elif self._layer is not None:
            self._with_digest(partial(self._compare, self._changes))

    def _compare(self, number: int, now: Digest) -> None:
        if number != self._changes or now == self._seen:
            return
        self._changes += 1
        self._seen = now
        self.changed.emit()

    def _with_digest(self, use: Callable[[Digest], None]) -> None:
        if self._layer is not None:
            self._executor.scan(self._layer.data, array_checksum, use)


class BrushActivity:
    """Follows the mouse on one layer.

    Of fills, polygons and calls of ``layer.paint`` napari tells just before it draws them, of a
    stroke of the brush when the mouse is released and all of it is drawn.
    """

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._on = False
        self._over = QueuedCallback(self._rest)

    @property
    def is_painting(self) -> bool:
        """Whether the mouse draws with the brush, its release included."""
        return self._on

    def set_layer(self, layer: Labels | None) -> None:
        """Follow another layer; None: no layer."""
        if self._layer is not None and self._drag in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._drag)
        self._layer = layer
        self._over.stop()
        self._rest()
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._drag)

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Follow a drag from press to release, before or after the brush of napari."""
        if layer.mode not in BRUSHES:
            return
        self._over.stop()
        self._on = True
        yield
        while event.type == "mouse_move":
            yield
        self._over.start()

    def _rest(self) -> None:
        self._on = False
