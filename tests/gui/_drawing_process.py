"""A user who draws without end, by a seed; ``test_kill.py`` runs and kills this program.

What is on the canvas after each stroke is written to files whose names tell when that was.
FOLDER, DATA and SEED are set by who runs it.
"""

import os
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtTest import QTest

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.fitting import worker
from napari_isr.gui.fitting.worker import AvailableChoices

PATIENCE = 240  # seconds


def wait_until(check):
    end = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > end:
            raise SystemExit("waited too long")
        QTest.qWait(20)


def open_dock(folder):
    """A viewer with the image and a dock; what was kept of it is taken back."""
    viewer = napari.Viewer(show=True)
    viewer.add_image(np.load(folder / "image.npy"), name="disc")
    dock = ScribbleWidget(viewer)
    dock.live = False
    viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
    offers = []
    dock.persistence.recovery.offered.connect(offers.append)
    dock.persistence.recovery.find_offer()
    wait_until(lambda: offers)
    if offers[-1] is None:
        dock.new.click()
    else:
        dock.findChild(object, "isr_restore").click()
        wait_until(lambda: dock.scribble_layer is not None)
    return viewer, dock


def note(folder, number, labels):
    when = time.time()
    with (folder / "part").open("wb") as file:
        np.save(file, labels)
    (folder / "part").rename(folder / f"{number:04d}-{when:.4f}.npy")


def draw(dock, hand, rng):
    """One stroke of a random label, or undo."""
    layer = dock.scribble_layer
    if rng.random() < 0.15:
        layer.undo()
        return
    layer.selected_label = int(rng.integers(1, 6))
    hand.draw(*rng.uniform(4, 92, (int(rng.integers(2, 6)), 2)))


def main(folder, seed):
    # Nothing is fitted here, so torch need not be loaded.
    worker.load_library = lambda: AvailableChoices(("convex",), ("auto",), ("auto",), ("auto",))
    viewer, dock = open_dock(folder)
    hand = CanvasMouse(viewer, dock)
    QTest.qWait(300)
    viewer.reset_view()
    dock.scribble_layer.mode = "paint"
    dock.scribble_layer.brush_size = 3
    viewer.layers.selection.active = dock.scribble_layer
    rng = np.random.default_rng(seed)
    note(folder, 0, dock.scribble_layer.data)
    for number in range(1, 100_000):
        draw(dock, hand, rng)
        note(folder, number, dock.scribble_layer.data)
        QTest.qWait(int(rng.integers(0, 300)))


if __name__ == "__main__":
    given = globals()
    os.environ["NAPARI_ISR_DATA"] = given["DATA"]
    main(Path(given["FOLDER"]), given["SEED"])
