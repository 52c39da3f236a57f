"""How long a user waits: mouse released after a stroke -> outline on the screen, in the real dock.

A 512 x 512 picture with two objects; strokes are drawn on the canvas with mouse events. Prints
Markdown. Needs a display: `xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/latency.py`.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_isr.gui.launch import open_sample
from napari_isr.gui.robot import Robot

GOAL = "goal: median below 150 ms, 95th percentile below 300 ms on 2 cores"
WINDOW = 1100, 800
ALL_SHAPES = {("shape", 2), ("shape", 3)}


class Watch(QObject):
    """Notes when outlines are drawn and painted, and how long the GUI thread was away."""

    def __init__(self, dock: Any, canvas: Any) -> None:
        super().__init__()
        self.timer = QTimer()
        self.timer.timeout.connect(self._tick)
        self.timer.start(1)
        canvas.installEventFilter(self)
        dock.controller.updated.connect(self._on_updated)
        dock.settled.connect(self._on_settled)
        self.start()

    def start(self) -> None:
        self.began = self.last = time.perf_counter()
        self.gap = 0.0
        self.kinds: set[Any] = set()
        self.orange = self.painted = self.settled = float("nan")
        self._wait_for_paint = self._paint_seen = False

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Paint and self._wait_for_paint:
            self._paint_seen = True
        return False

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gap, self.last = max(self.gap, now - self.last), now
        if self._paint_seen:
            self.painted, self._wait_for_paint, self._paint_seen = now - self.began, False, False

    def _on_updated(self, kinds: set[Any]) -> None:
        before = self.kinds
        self.kinds = before | kinds
        if self.kinds >= ALL_SHAPES and not before >= ALL_SHAPES:
            self.orange = time.perf_counter() - self.began
            self._wait_for_paint = True

    def _on_settled(self) -> None:
        self.settled = time.perf_counter() - self.began


def wait_until(done: Any, seconds: float = 60) -> None:
    stop = time.perf_counter() + seconds
    while not done():
        if time.perf_counter() > stop:
            raise SystemExit("latency: the dock does not answer")
        QTest.qWait(2)


def stroke_near(scribbles: np.ndarray, label: int, rng: np.random.Generator) -> list[Any]:
    """Ends of a short stroke that begins on an earlier one of its label and leaves it."""
    rows, columns = np.nonzero(scribbles == label)
    while True:
        pick = rng.integers(len(rows))
        start = np.array([rows[pick], columns[pick]], float)
        turn = rng.uniform(0, 2 * np.pi)
        stop = np.clip(start + 16 * np.array([np.sin(turn), np.cos(turn)]), 8, 503)
        if scribbles[tuple(np.rint(stop).astype(int))] == 0:
            return [tuple(start), tuple(stop)]


def measure(count: int) -> None:
    viewer = napari.Viewer()
    next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)).resize(*WINDOW)
    dock = open_sample(viewer, "fruit")
    wait_until(lambda: dock.shapes.count() > 1)
    robot = Robot(viewer, dock)
    QTest.qWait(1000)
    strokes = dock.scribble_layer
    rng = np.random.default_rng(0)
    watch = Watch(dock, robot.canvas)
    rows = []
    for number in range(count + 1):
        label = 1 + number % 3
        dock.brush.pick(label)
        QTest.qWait(150)
        robot.draw(*stroke_near(np.asarray(strokes.data), label, rng))
        watch.start()
        wait_until(lambda: np.isfinite(watch.settled) and np.isfinite(watch.painted))
        QTest.qWait(50)
        rows.append((watch.orange, watch.painted, watch.settled, watch.gap))
    baseline = pan(viewer, watch)
    size = f"{robot.canvas.width()} x {robot.canvas.height()}"
    viewer.close()
    report(1000 * np.array(rows), 1000 * baseline, size)


def pan(viewer: Any, watch: Watch) -> float:
    """Median gap that napari's own drawing makes when the view is moved."""
    gaps = []
    for _ in range(9):
        watch.start()
        row, column = viewer.scene.camera.center[-2:]
        viewer.scene.camera.center = (0, row, column + 1)
        QTest.qWait(300)
        gaps.append(watch.gap)
    return float(np.median(gaps))


def report(rows: np.ndarray, baseline: float, size: str) -> None:
    names = (
        "orange outlines handed to napari",
        "orange outlines painted",
        "settled, masks written",
    )
    warm = rows[1:]
    print(f"Canvas {size}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}.\n")
    print("| mouse released → | first fit (ms) | warm median (ms) | warm 95th percentile (ms) |")
    print("|---|---:|---:|---:|")
    for column, name in enumerate(names):
        middle, high = np.percentile(warm[:, column], [50, 95])
        print(f"| {name} | {rows[0, column]:.0f} | {middle:.0f} | {high:.0f} |")
    print(
        f"| largest gap in the GUI thread | {rows[0, 3]:.0f} | {np.median(warm[:, 3]):.0f} | ",
        end="",
    )
    print(f"{warm[:, 3].max():.0f} (largest) |")
    print(f"\n{len(warm)} warm strokes; {GOAL}.")
    print(f"Moving the view alone, with nothing running, makes gaps of {baseline:.0f} ms here.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=30, help="warm strokes")
    measure(parser.parse_args().strokes)
