"""A viewer with a disc, strokes by hand, and the dock."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("napari", reason="the dock's tests need napari")
pytest.importorskip("qtpy", reason="the dock's tests need Qt")

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_isr.gui.dock import ScribbleAndRefine

SIZE = 96
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PATIENCE = 30_000  # ms; the first fit imports torch, on a machine that may be busy


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gui/" in item.path.as_posix():
            item.add_marker(pytest.mark.gui)


@pytest.fixture
def disc():
    rows, columns = np.ogrid[:SIZE, :SIZE]
    noise = np.random.default_rng(0).normal(0, 6, (SIZE, SIZE))
    inside = np.hypot(rows - 48, columns - 48) < 25
    return np.clip(np.where(inside, 190, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def strokes():
    scribbles = np.zeros((SIZE, SIZE), np.uint8)
    scribbles[40:44, 38:58] = 2
    scribbles[4:8, 6:90] = 1
    scribbles[88:92, 6:90] = 1
    scribbles[10:88, 6:9] = 1
    return scribbles


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def open_dock(qtbot):
    """Give a function that adds the dock to a viewer and waits until the library is loaded."""

    def opened(viewer, **settings):
        dock = ScribbleAndRefine(viewer)
        for name, value in settings.items():
            setattr(dock, name, value)
        viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
        qtbot.waitUntil(lambda: dock.shapes.count() > 1, timeout=PATIENCE)
        return dock

    return opened


@pytest.fixture
def ready(viewer, disc, open_dock):
    """Give viewer and dock with a disc and an empty stroke layer."""
    viewer.add_image(disc, name="disc")
    dock = open_dock(viewer)
    dock.new.click()
    return viewer, dock


@pytest.fixture
def fitted(ready, strokes, qtbot):
    """Give viewer and dock after the first fit."""
    viewer, dock = ready
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scribble_layer.data = strokes
    return viewer, dock


@pytest.fixture
def hand(make_napari_viewer_proxy, disc, open_dock, qtbot):
    """Give a shown viewer with the dock, and a hand that draws on its canvas."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(disc, name="disc")
    dock = open_dock(viewer)
    dock.new.click()
    return Hand(viewer, dock, qtbot)


def canvas_of(dock):
    """The widget that napari draws on."""
    candidates = dock.window().findChildren(object)
    return next(w for w in candidates if type(w).__name__.startswith("CanvasBackend"))


class Hand:
    """Draws in image coordinates.

    Parameters
    ----------
    viewer, dock, qtbot
        A viewer that is shown, and its dock.
    """

    def __init__(self, viewer, dock, qtbot):
        self.viewer, self.dock, self.qtbot = viewer, dock, qtbot
        self.canvas = canvas_of(dock)
        viewer.reset_view()
        qtbot.wait(50)

    def at(self, row, column):
        """Where a point of the image lies on the canvas."""
        camera = self.viewer.scene.camera
        centre = np.asarray(camera.center)[-2:]
        size = np.array([self.canvas.height(), self.canvas.width()])
        y, x = (np.array([row, column]) - centre) * camera.zoom + size / 2
        return QPoint(round(x), round(y))

    def draw(self, *points, release=True):
        """Drag the brush through points (row, column)."""
        path = [self.at(*p) for p in points]
        QTest.mouseMove(self.canvas, path[0])
        QTest.mousePress(self.canvas, LEFT, NONE, path[0])
        for a, b in pairwise(path):
            for t in np.linspace(0, 1, 6)[1:]:
                self._drag(QPointF(a) + t * (QPointF(b) - QPointF(a)))
        if release:
            self.release(path[-1])

    def release(self, point):
        """Let go of the button at a point of the canvas."""
        QTest.mouseRelease(self.canvas, LEFT, NONE, point)

    def _drag(self, point):
        screen = QPointF(self.canvas.mapToGlobal(point.toPoint()))
        move = QMouseEvent(
            QEvent.Type.MouseMove, point, screen, Qt.MouseButton.NoButton, LEFT, NONE
        )
        QApplication.sendEvent(self.canvas, move)
        self.qtbot.wait(12)  # moves that come faster are merged
