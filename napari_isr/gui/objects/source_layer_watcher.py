"""When a layer that objects were imported from changes, gets another name, or goes."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.scribbles.change_detector import ScribbleChangeDetector

__all__ = ["SourceLayerWatcher"]

PAUSE_MS = 100


class SourceLayerWatcher:
    """Follows one layer.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : Labels or Image
    executor : BackgroundExecutor
    """

    changed = Signal(object)  # the watch; the layer's data are new
    renamed = Signal(object, str)  # the watch, and the name before
    removed = Signal(object)

    def __init__(self, viewer: Any, layer: Any, executor: BackgroundExecutor) -> None:
        self._viewer = viewer
        self.layer: Any = layer
        self.name = str(layer.name)
        self._pause = make_single_shot_timer(lambda: self.changed.emit(self), PAUSE_MS)
        self._strokes = ScribbleChangeDetector(executor) if isinstance(layer, Labels) else None
        if self._strokes is not None:
            self._strokes.layer = layer
            self._strokes.changed.connect(self._on_data)
        else:
            layer.events.data.connect(self._on_data)
        layer.events.name.connect(self._on_name)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Follow it no more."""
        if self.layer is None:
            return
        layer, self.layer = self.layer, None
        self._pause.stop()
        if self._strokes is not None:
            self._strokes.layer = None
        else:
            layer.events.data.disconnect(self._on_data)
        layer.events.name.disconnect(self._on_name)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_data(self, event: Any = None) -> None:
        self._pause.start()

    def _on_name(self, event: Any = None) -> None:
        before, self.name = self.name, str(self.layer.name)
        self.renamed.emit(self, before)

    def _on_removed(self, event: Any) -> None:
        if event.value == self.layer:
            self.close()
            self.removed.emit(self)
