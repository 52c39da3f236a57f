"""Take the pictures of a volume, a sequence and a depth in docs/images, of generated data.

    python tools/stack_pictures.py [NAME ...] [--out FOLDER] [--theme dark|light]

Needs a display, as tools/screenshot.py does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _napari_window import IMAGES, Stage, on_stage, wait_until
from qtpy.QtTest import QTest
from scipy.ndimage import gaussian_filter

Picture = npt.NDArray[np.uint8]
DEPTH, SIDE, FRAMES = 20, 160, 12
SLICE, FRAME = 9, 4


def noisy(values: npt.NDArray[np.floating], seed: int) -> Picture:
    """Grey values with a fine grain."""
    grain = np.random.default_rng(seed).normal(0, 9, values.shape)
    return np.clip(gaussian_filter(values, 1) + grain, 0, 255).astype(np.uint8)


def cells() -> Picture:
    """Return two touching cells in a stack of slices four pixels apart."""
    z, y, x = np.indices((DEPTH, SIDE, SIDE)).astype(float)
    first = ((z - 9) * 4 / 34) ** 2 + ((y - 70) / 40) ** 2 + ((x - 58) / 34) ** 2 < 1
    second = ((z - 11) * 4 / 28) ** 2 + ((y - 92) / 30) ** 2 + ((x - 116) / 27) ** 2 < 1
    return noisy(45 + 105 * first + 75 * (second & ~first), 1)


def rolling() -> Picture:
    """Return a ball that rolls past a post."""
    t, y, x = np.indices((FRAMES, SIDE, SIDE)).astype(float)
    ball = (y - 92 - 8 * np.sin(t)) ** 2 + (x - 28 - 9.5 * t) ** 2 < 22**2
    scene = 60 + 25 * np.sin(y / 9) + 115 * ball
    scene[:, 30:, 88:96] = 45
    return noisy(scene, 2)


def floor_scene() -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return a floor behind a table leg, and its depth."""
    y, x = np.indices((SIDE, 220)).astype(float)
    floor = (y > 70) & (np.abs(x - 110) < 45 + 0.75 * (y - 70))
    leg = (y < 140) & (np.abs(x - 95) < 9)
    depth = np.where(y > 70, 140 - 0.75 * (y - 70), 150.0)
    depth[leg] = 40
    seen = np.where(floor, 165 + 12 * np.sin(x / 6), 85 + 10 * np.sin(y / 5))
    seen[leg] = 70
    return noisy(seen, 3), depth.astype(np.float32)


def boxes(shape: tuple[int, ...], *strokes: tuple[int, ...]) -> Picture:
    """Strokes (label, [plane,] row, row, column, column)."""
    made = np.zeros(shape, np.uint8)
    for label, *place in strokes:
        *plane, top, bottom, left, right = place
        made[(*plane, slice(top, bottom), slice(left, right))] = label
    return made


def open_volume(stage: Stage) -> None:
    """Open the cells with strokes on three slices, fitted."""
    stack = cells()
    stage.viewer.add_image(stack, name="cells", scale=(4, 1, 1), units=("um",) * 3)
    stage.dock.new.click()
    strokes = [(2, k, 62, 66, 40, 76) for k in (6, 9, 13)] + [(3, 11, 88, 92, 108, 128)]
    strokes += [(1, k, 8, 12, 10, 150) for k in (0, 9, 19)]
    strokes += [(1, k, 148, 152, 10, 150) for k in (9,)] + [(1, 0, 30, 130, 60, 64)]
    strokes += [(1, 19, 30, 130, 70, 74), (1, 9, 10, 150, 152, 156), (1, 9, 10, 150, 4, 8)]
    stage.viewer.dims.set_point(0, 4 * SLICE)
    stage.viewer.reset_view()
    data = boxes(stack.shape, *strokes)
    stage.fit(lambda: setattr(stage.dock.scribble_layer, "data", data))
    QTest.qWait(800)


def volume(path: Path, theme: str) -> None:
    """Show a slice of a volume."""
    with on_stage(theme=theme) as stage:
        open_volume(stage)
        stage.hush()
        stage.save(path)


def surface(path: Path, theme: str) -> None:
    """Show the surface of the same volume."""
    with on_stage(theme=theme) as stage:
        open_volume(stage)
        stage.dock.stack_tools.surface.click()
        wait_until(lambda: "cells [isr] surface" in stage.viewer.layers)
        for name in ("cells [strokes]", "cells [isr]", "cells [outlines]", "cells [next stroke]"):
            if name in stage.viewer.layers:
                stage.viewer.layers[name].visible = False
        stage.viewer.layers["cells"].opacity = 0.5
        stage.viewer.reset_view()
        stage.viewer.scene.camera.angles = (-12, 35, 60)
        QTest.qWait(800)
        stage.hush()
        stage.save(path)


def sequence(path: Path, theme: str) -> None:
    """Show a frame of a sequence with strokes on the first and the last frame."""
    with on_stage(theme=theme) as stage:
        frames = rolling()
        stage.viewer.add_image(frames, name="ball", axis_labels=("t", "y", "x"))
        stage.dock.new.click()
        strokes = [(2, 0, 88, 96, 18, 38), (2, FRAMES - 1, 80, 88, 124, 142)]
        for frame in (0, FRAMES - 1):
            strokes += [(1, frame, 10, 14, 8, 152), (1, frame, 148, 152, 8, 152)]
            strokes += [(1, frame, 34, 56, 90, 94), (1, frame, 128, 144, 40, 120)]
        stage.viewer.dims.set_point(0, FRAME)
        data = boxes(frames.shape, *strokes)
        stage.fit(lambda: setattr(stage.dock.scribble_layer, "data", data))
        tools = stage.dock.stack_tools
        tools.finer.click()
        wait_until(lambda: "ball [isr] x4" in stage.viewer.layers)
        stage.viewer.layers["ball [isr] x4"].visible = False
        QTest.qWait(800)
        stage.save(path)


def depth(path: Path, theme: str) -> None:
    """Show a floor that is convex in depth, but not in the image."""
    with on_stage(theme=theme) as stage:
        image, values = floor_scene()
        stage.viewer.add_image(values, name="depth", visible=False)
        stage.viewer.add_image(image, name="floor")
        stage.dock.image_layer = stage.viewer.layers["floor"]
        stage.dock.new.click()
        stage.dock.more.set_expanded(True)
        stage.dock.coordinates.current_text = "depth"
        strokes = [(2, 100, 104, 120, 150), (2, 120, 124, 50, 80), (2, 144, 148, 70, 160)]
        strokes += [(1, 10, 14, 10, 210), (1, 90, 130, 6, 10), (1, 90, 120, 208, 212)]
        strokes += [(1, 20, 130, 93, 97), (1, 50, 54, 130, 200)]
        stage.viewer.reset_view()
        data = boxes(image.shape, *strokes)
        stage.fit(lambda: setattr(stage.dock.scribble_layer, "data", data))
        stage.dock.certificate_panel.more.click()
        stage.hush()
        stage.save(path)


PICTURES: dict[str, Callable[[Path, str], None]] = {
    f"stack-{made.__name__}": made for made in (volume, surface, sequence, depth)
}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(PICTURES), help="which pictures")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures")
    parser.add_argument("--theme", default="dark", help="of napari")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.names:
        PICTURES[name](chosen.out / f"{name}.webp", chosen.theme)


if __name__ == "__main__":
    main()
