"""Record docs/images/session.webp: strokes being drawn in the real window, the outline following.

    xvfb-run -a -s "-screen 0 1600x1000x24" python tools/record_session_animation.py

The strokes are mouse events on napari's canvas; frames are taken while they are drawn.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _napari_window import IMAGES, Stage, on_stage, wait_until
from PIL import Image, ImageDraw
from qtpy.QtCore import QPointF, QTimer
from qtpy.QtTest import QTest

from napari_isr.data import load_sample
from napari_isr.gui._testing import CanvasMouse

SIZE = 1240, 820
WIDTH = 860  # of the picture
FRAME_MS = 125  # between two frames as they are taken
SHOWN_MS = 75  # as they are shown: the machine that takes them is slowed down by that
PAUSE_MS = 800  # at most where nothing moves
LIMIT = 1_500_000  # bytes
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))


class SlowHand(CanvasMouse):
    """Draws as slowly as a person."""

    place = QPointF(-100, -100)

    def _drag(self, point: QPointF) -> None:
        self.place = point
        super()._drag(point)
        QTest.qWait(28)

    def draw(self, *points: tuple[float, float]) -> None:
        """Drag the brush through points, in short steps."""
        path = [np.array(points[0])]
        for start, stop in pairwise(np.array(points, float)):
            count = max(2, int(np.hypot(*(stop - start)) / 9))
            path += [start + (stop - start) * k / count for k in range(1, count + 1)]
        super().draw(*[tuple(p) for p in path])


class Recorder:
    """Takes a frame now and then."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.frames = stage, []
        self.hand = SlowHand(stage.viewer, stage.dock)
        self._timer = QTimer()
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.take)

    def start(self) -> None:
        """Begin."""
        self._timer.start()

    def stop(self) -> None:
        """End."""
        self._timer.stop()

    def take(self) -> None:
        """Take one frame, and draw the pointer, which a grab of the window lacks."""
        self._stage.tidy()
        array = self._stage.viewer.screenshot(canvas_only=False, flash=False)
        frame = Image.fromarray(array[..., :3])
        origin = self.hand.canvas.mapTo(self._stage.window, self.hand.canvas.rect().topLeft())
        x, y = origin.x() + self.hand.place.x(), origin.y() + self.hand.place.y()
        shape = [(x + dx, y + dy) for dx, dy in POINTER]
        ImageDraw.Draw(frame).polygon(shape, fill="white", outline="black")
        height = round(frame.height * WIDTH / frame.width)
        self.frames.append(frame.resize((WIDTH, height), Image.Resampling.LANCZOS))


def play(stage: Stage, film: Recorder) -> None:
    """Play the scene of the animation."""
    dock, hand = stage.dock, film.hand

    def stroke(label: int, *points: tuple[float, float]) -> None:
        dock.brush.select_label(label)
        hand.draw(*points)
        QTest.qWait(400)
        wait_until(lambda: not dock.controller.state.busy)
        QTest.qWait(600)

    QTest.qWait(500)
    stroke(2, *OBJECT[0])
    stroke(1, *GROUND[0])
    stroke(1, *GROUND[1])
    stroke(2, *OBJECT[1])
    stroke(2, *OBJECT[2])
    stroke(1, *GROUND[2])
    stroke(1, *GROUND[3])
    QTest.qWait(1200)


# (row, column) on the bundled fruit
OBJECT = (
    ((240, 273), (275, 290), (335, 297)),
    ((258, 447), (300, 462), (330, 473)),
    ((189, 336), (188, 344), (190, 352)),
)
GROUND = (
    ((160, 112), (128, 200), (110, 262), (70, 336)),
    ((470, 250), (452, 370), (440, 470)),
    ((290, 222), (320, 228), (342, 225)),
    ((72, 452), (130, 484), (200, 500), (238, 496)),
)


def without_doubles(frames: list[Image.Image]) -> tuple[list[Image.Image], list[int]]:
    """Frames that differ, and how long each is shown."""
    kept, times = [frames[0]], [SHOWN_MS]
    for frame in frames[1:]:
        change = np.abs(np.asarray(frame, np.int16) - np.asarray(kept[-1], np.int16))
        if change.max() > 24:
            kept.append(frame)
            times.append(SHOWN_MS)
        else:
            times[-1] = min(times[-1] + SHOWN_MS, PAUSE_MS)
    times[-1] = 2500
    return kept, times


def write(frames: list[Image.Image], times: list[int], path: Path) -> None:
    """Save as WebP, as good as fits the limit."""
    for quality in (80, 70, 60, 50, 40, 30):
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=times,
            loop=0,
            quality=quality,
            method=4,
            minimize_size=True,
        )
        if path.stat().st_size <= LIMIT:
            break
    print(path, path.stat().st_size, f"bytes, {len(frames)} frames, {sum(times) / 1000:.0f} s")


def main() -> None:
    """Record it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the picture")
    folder: Any = parser.parse_args().out
    with on_stage(size=SIZE) as stage:
        stage.add(load_sample("fruit").image, "fruit")
        film = Recorder(stage)
        film.start()
        play(stage, film)
        film.stop()
        write(*without_doubles(film.frames), folder / "session.webp")


if __name__ == "__main__":
    main()
