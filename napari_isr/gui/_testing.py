"""Simulated mouse on the canvas for tests, benchmarks and screenshots."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

__all__ = ["CanvasMouse"]

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PAUSE_MS = 8  # napari merges moves that come faster than every 5 ms
STEP = 40.0  # canvas pixels between two moves


class CanvasMouse:
    """A hand that draws in image coordinates.

    Parameters
    ----------
    viewer : napari.Viewer
        Shown, its image without scale or rotation.
    dock : QWidget
        A widget of the viewer's window.
    """

    def __init__(self, viewer: Any, dock: QWidget) -> None:
        self.viewer = viewer
        widgets = dock.window().findChildren(QWidget)
        self.canvas = next(w for w in widgets if type(w).__name__.startswith("CanvasBackend"))

    def to_canvas(self, row: float, column: float) -> QPointF:
        """Return the position of a point of the image on the canvas."""
        camera = self.viewer.scene.camera
        size = np.array([self.canvas.height(), self.canvas.width()])
        y, x = (np.array([row, column]) - np.asarray(camera.center)[-2:]) * camera.zoom + size / 2
        return QPointF(float(x), float(y))

    def draw(self, *points: tuple[float, float]) -> None:
        """Drag the brush through points (row, column)."""
        path = [self.to_canvas(*point) for point in points]
        QTest.mouseMove(self.canvas, _whole(path[0]))
        QTest.mousePress(self.canvas, LEFT, NO_KEY, _whole(path[0]))
        for start, stop in pairwise(path):
            way = stop - start
            count = max(2, int(np.hypot(way.x(), way.y()) / STEP))
            for part in range(1, count + 1):
                self._drag(start + way * (part / count))
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, _whole(path[-1]))

    def _drag(self, point: QPointF) -> None:
        screen = QPointF(self.canvas.mapToGlobal(_whole(point)))
        kind, button = QEvent.Type.MouseMove, Qt.MouseButton.NoButton
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, point, screen, button, LEFT, NO_KEY))
        QTest.qWait(PAUSE_MS)


def _whole(point: QPointF) -> QPoint:
    return QPoint(round(point.x()), round(point.y()))
