"""Time that autosave blocks the window on a large layer.

    xvfb-run -a python benchmarks/autosave.py [--size 8192] [--saves 10]

A timer in the event loop measures the longest gap: first while nothing is saved, then while one
save follows the other. The rest of the table is what one save costs its thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QElapsedTimer, Qt, QTimer
from qtpy.QtTest import QTest

from napari_isr.gui.dock_widget import ScribbleWidget


class Heart:
    """Beats every millisecond and knows the longest pause."""

    def __init__(self) -> None:
        self.longest, self._since = 0.0, QElapsedTimer()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(1)
        self._since.start()

    def _beat(self) -> None:
        self.longest = max(self.longest, self._since.nsecsElapsed() / 1e6)
        self._since.restart()

    def begin(self) -> None:
        """Forget what was."""
        self.longest = 0.0
        self._since.restart()


def scribble(labels: np.ndarray, rng: np.random.Generator, strokes: int) -> None:
    """Draw strokes all over a layer."""
    size = len(labels)
    length = min(600, size // 4)
    for number in range(strokes):
        row, column = rng.integers(0, size - length, 2)
        labels[row : row + 40, column : column + length] = 1 + number % 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--saves", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_ISR_DATA"] = folder
        measure(asked.size, asked.saves, Path(folder))


def measure(size: int, saves: int, folder: Path) -> None:
    """Print what saving costs."""
    rng = np.random.default_rng(0)
    viewer = napari.Viewer(show=True)
    viewer.add_image(rng.integers(0, 255, (size, size), np.uint8), name="noise")
    dock = ScribbleWidget(viewer)
    dock.live = False
    viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
    while dock.controller.worker.is_loading:
        QTest.qWait(100)
    dock.new.click()
    labels, autosave = dock.scribble_layer.data, dock.persistence.autosave
    scribble(labels, rng, 60)
    done: list[float] = []
    autosave.saved.connect(lambda: done.append(time.perf_counter()))
    heart = Heart()
    QTest.qWait(3000)
    heart.begin()
    QTest.qWait(3000)
    idle, spent, waited, noted = heart.longest, [], [], []
    heart.begin()
    for _ in range(saves):
        scribble(labels, rng, 1)
        before, process = time.perf_counter(), time.process_time()
        autosave.schedule()
        autosave.save()
        noted.append(time.perf_counter() - before)
        count = len(done)
        while len(done) == count:
            QTest.qWait(5)
        waited.append(done[-1] - before)
        spent.append(time.process_time() - process)
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{size} x {size}, {saves} saves; milliseconds")
    print(f"  longest pause of the event loop, nothing saved  {idle:8.1f}")
    print(f"  longest pause of the event loop, saving         {heart.longest:8.1f}")
    print(f"  GUI thread, to note what is to be saved, median {1e3 * np.median(noted):8.2f}")
    print(f"  until it is on disk, median                     {1e3 * np.median(waited):8.1f}")
    print(f"  CPU time of a save, median                      {1e3 * np.median(spent):8.1f}")
    print(f"  on disk, in all                                 {written / 1024:8.0f} KB")
    viewer.close()


if __name__ == "__main__":
    main()
