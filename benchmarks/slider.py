"""Time that contours and masks of a stack take in the GUI thread as its slider moves.

    python benchmarks/slider.py [--shape 24,512,512]

Needs a display. Milliseconds of CPU time of the GUI thread for one step of the slider, medians over
all slices, there and back: with the image and an empty stroke layer alone, and with what the dock
shows after a fit. ``step`` is what `dims.set_point` takes, ``drawn`` what it takes until all is on
the screen; ``outlines`` is that part of a step that is spent on them, which have been traced ahead.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from _napari_window import on_stage, wait_until

SHAPE = "24,512,512"
SETTLE_MS = 15


def ball(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return a ball in noise, and strokes on three slices."""
    place = np.stack(np.indices(shape, dtype=np.float32), -1)
    half = np.array(shape, np.float32) / 2
    inside = (((place - half) / (0.9 * half[0], 0.7 * half[1], 0.7 * half[2])) ** 2).sum(-1) < 1
    noise = np.random.default_rng(0).normal(0, 8, shape)
    strokes = np.zeros(shape, np.uint8)
    depth, rows, columns = shape
    for plane in (depth // 5, depth // 2, 4 * depth // 5):
        strokes[plane, rows // 2 - 5 : rows // 2 + 5, 2 * columns // 5 : 3 * columns // 5] = 2
        strokes[plane, 10:20, 10:-10] = strokes[plane, -20:-10, 10:-10] = 1
    strokes[0, rows // 3 : rows // 2, columns // 3 : columns // 2] = 1
    strokes[-1, rows // 3 : rows // 2, columns // 3 : columns // 2] = 1
    return np.clip(np.where(inside, 190, 60) + noise, 0, 255).astype(np.uint8), strokes


def turns(viewer: Any, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each step, and until it is drawn."""
    steps, drawn = [], []
    for plane in [*range(count), *range(count - 2, -1, -1)]:
        start = time.thread_time()
        viewer.dims.set_point(0, plane)
        steps.append(1000 * (time.thread_time() - start))
        QApplication.processEvents()
        QTest.qWait(SETTLE_MS)
        drawn.append(1000 * (time.thread_time() - start))
    return steps, drawn


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default=SHAPE, help="slices, rows, columns")
    shape = tuple(int(n) for n in parser.parse_args().shape.split(","))
    image, strokes = ball(shape)
    with on_stage() as stage:
        stage.viewer.add_image(image, name="ball")
        stage.dock.new.click()
        alone = turns(stage.viewer, shape[0])
        stage.viewer.dims.set_point(0, shape[0] // 2)
        stage.fit(lambda: setattr(stage.dock.scribble_layer, "data", strokes))
        views = stage.dock.controller.presenter.views
        wait_until(lambda: len(views._planes._known) == shape[0])
        outlines, turn = [], views._turn

        def timed(found: Any) -> None:
            start = time.thread_time()
            turn(found)
            outlines.append(1000 * (time.thread_time() - start))

        views._planes.ready.disconnect()
        views._planes.ready.connect(timed)
        together = turns(stage.viewer, shape[0])
    print("| GUI thread, one step of the slider | median (ms) | largest (ms) |")
    print("|---|---:|---:|")
    for name, values in (
        ("image and strokes alone: step", alone[0]),
        ("image and strokes alone: drawn", alone[1]),
        ("with all layers of the dock: step", together[0]),
        ("with all layers of the dock: drawn", together[1]),
        ("of that the outlines", outlines),
    ):
        print(f"| {name} | {np.median(values):.1f} | {max(values):.1f} |")


if __name__ == "__main__":
    main()
