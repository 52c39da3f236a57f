"""Take the pictures of docs/images from the real window.

Needs a display: `xvfb-run -a -s "-screen 0 1600x1000x24" python tools/screenshot.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_isr.gui.launch import open_sample
from napari_isr.gui.robot import Robot

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = 1440, 900
PATIENCE = 60.0
LAST_STROKE = {"fruit": ((188.0, 338.0), (190.0, 350.0))}  # on the tomato, above the leaves


def wait_until(done: Callable[[], bool]) -> None:
    """Let Qt work until something is true."""
    stop = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > stop:
            raise SystemExit("screenshot: the dock does not answer")
        QTest.qWait(10)


def picture(viewer: Any, path: Path) -> None:
    """Save the whole window."""
    QTest.qWait(500)
    viewer.screenshot(path, canvas_only=False, flash=False)
    print(path)


def dock_picture(folder: Path, sample: str) -> None:
    """Draw what is left to be drawn, fit, and save the window."""
    viewer = napari.Viewer(title="napari-isr")
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    window.resize(*SIZE)
    dock = open_sample(viewer, sample)
    settled: list[bool] = []
    dock.settled.connect(lambda: settled.append(True))
    wait_until(lambda: dock.shapes.count() > 1)
    dock.run()
    wait_until(lambda: len(settled) == 1)
    viewer.reset_view()
    # One more stroke by mouse, so that the picture shows what a user sees who has been drawing.
    if sample in LAST_STROKE:
        QTest.qWait(300)
        dock.brush.pick(2)
        Robot(viewer, dock).draw(*LAST_STROKE[sample])
    else:
        dock.run()
    wait_until(lambda: len(settled) == 2)
    for note in window.findChildren(object):
        if type(note).__name__ == "NapariQtNotification":
            note.close()
    picture(viewer, folder / ("dock.png" if sample == "fruit" else f"dock-{sample}.png"))
    viewer.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*", default=["fruit"], help="samples to show")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for sample in chosen.samples:
        dock_picture(chosen.out, sample)


if __name__ == "__main__":
    main()
