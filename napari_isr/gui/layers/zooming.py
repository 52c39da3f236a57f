"""What is as large on the screen at every zoom is drawn anew when the zoom has come to rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["DebouncedZoomListener"]

PAUSE_MS = 40


class DebouncedZoomListener:
    """Calls a function a moment after the zoom of a viewer changed.

    Parameters
    ----------
    viewer : napari.Viewer
    act : callable
    """

    def __init__(self, viewer: Any, act: Callable[[], None]) -> None:
        self._timer = make_single_shot_timer(act, PAUSE_MS)
        self._zoom = viewer.scene.camera.events.zoom
        self._zoom.connect(self._on_zoom)

    def close(self) -> None:
        """Follow no longer."""
        self._timer.stop()
        self._zoom.disconnect(self._on_zoom)

    def _on_zoom(self) -> None:
        self._timer.start()
