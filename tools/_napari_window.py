"""A napari window with the dock, for scripts that take pictures of it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.launch import TITLE, open_sample
from napari_isr.io.session.snapshot_store import FOLDER_VARIABLE

__all__ = ["IMAGES", "Stage", "on_stage", "wait_until"]

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = 1440, 900
PATIENCE = 120.0
QUALITY = 88  # of WebP


class Stage:
    """A window, its dock, and a hand that draws.

    Parameters
    ----------
    sample : str
        A bundled sample; empty for a window without an image.
    size : (int, int)
        Of the window.
    theme : str
        napari's theme.
    """

    def __init__(self, sample: str = "", size: tuple[int, int] = SIZE, theme: str = "dark") -> None:
        self.viewer = napari.Viewer(title="napari-isr")
        self.viewer.theme = theme
        self.window = next(
            w
            for w in QApplication.topLevelWidgets()
            if isinstance(w, QMainWindow) and w.isVisible()
        )
        self.window.resize(*size)
        QCursor.setPos(self.window.mapToGlobal(QPoint(2, 2)))  # hovers over nothing
        if sample:
            self.dock = open_sample(self.viewer, sample)
        else:
            self.dock = ScribbleWidget(self.viewer)
            self.viewer.window.add_dock_widget(self.dock, name=TITLE, area="right")
        self._settled = 0
        self.dock.settled.connect(self._count)
        names: list[Any] = []
        self.dock.controller.choices_loaded.connect(names.append)
        wait_until(lambda: bool(names))
        wait_until(lambda: not self.dock.controller.state.busy)
        QTest.qWait(400)
        self.viewer.reset_view()
        self.hand = CanvasMouse(self.viewer, self.dock)
        self.tidy()

    def add(self, image: Any, name: str) -> None:
        """Open an image and a layer for strokes."""
        self.viewer.add_image(image, name=name)
        self.dock.new.click()
        QTest.qWait(300)
        self.viewer.reset_view()

    def fit(self, act: Callable[[], Any] | None = None) -> None:
        """Do something that starts a fit (default: press Run), and wait until it is finished."""
        before = self._settled
        (act or self.dock.run)()
        wait_until(lambda: self._settled > before and not self.dock.controller.state.busy)
        QTest.qWait(300)

    def stroke(self, label: int, *points: tuple[float, float]) -> None:
        """Draw through points (row, column) with the mouse."""
        self.dock.brush.select_label(label)
        self.hand.draw(*points)

    def paint(self, label: int, *boxes: tuple[int, int, int, int]) -> None:
        """Write strokes into the layer: boxes (row, row, column, column)."""
        layer = self.dock.scribble_layer
        data = np.array(layer.data)
        for top, bottom, left, right in boxes:
            data[top:bottom, left:right] = label
        layer.data = data

    def narrow(self, width: int) -> None:
        """Give the dock a width."""
        holder = self.dock.parentWidget()
        while holder.parentWidget() is not self.window:
            holder = holder.parentWidget()
        holder.setFixedWidth(width)
        QTest.qWait(400)

    def tidy(self) -> None:
        """Close napari's notifications, which tell of this machine only."""
        for note in self.window.findChildren(object):
            if type(note).__name__ == "NapariQtNotification":
                note.close()

    def hush(self) -> None:
        """Leave out how long the fit took: of a stack that tells of this machine only."""
        self.dock.controller.state.set_status("hint", "")

    def save(self, path: Path, only_dock: bool = False) -> None:
        """Save the window, or the dock alone."""
        QTest.qWait(500)
        self.tidy()
        array = self.viewer.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(array[..., :3])
        if only_dock:
            corner = self.dock.mapTo(self.window, self.dock.rect().topLeft())
            x, y = corner.x(), corner.y()
            picture = picture.crop((x, y, x + self.dock.width(), y + self.dock.height()))
        picture.save(path, quality=QUALITY, method=6)
        print(path, path.stat().st_size)

    def _count(self) -> None:
        self._settled += 1


@contextmanager
def on_stage(*args: Any, **kwargs: Any) -> Iterator[Stage]:
    """Open a stage, and close it even if something fails; what it saves is forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER_VARIABLE] = folder
        stage = Stage(*args, **kwargs)
        try:
            yield stage
        finally:
            stage.viewer.close()
            QTest.qWait(500)


def wait_until(done: Callable[[], bool]) -> None:
    """Process events until a condition holds."""
    stop = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > stop:
            raise SystemExit("the dock does not answer")
        QTest.qWait(10)
