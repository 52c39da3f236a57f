"""Use the extensions of the toy package in the dock, and print what was found as JSON."""

from __future__ import annotations

import json
import time
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QWidget

from napari_isr.gui.dock_widget import ScribbleWidget


def wait_until(condition, seconds=120):
    """Process events of the window until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.01)


def main():
    """Fit a box to a bright rectangle in the dock."""
    image = np.zeros((60, 80), np.float32)
    image[15:45, 20:60] = 1
    strokes = np.zeros(image.shape, np.uint8)
    strokes[25:35, 30:50], strokes[5:8, 5:75] = 2, 1
    viewer = napari.Viewer(show=False)
    viewer.add_image(image, name="screen")
    dock = ScribbleWidget(viewer)
    wait_until(lambda: dock.shapes.count() > 0)
    found = {"tile": dock.shapes.tile("box").toolTip(), "icon": dock.shapes.tile("box").card.icon}
    dock.live = False
    dock.shape, dock.features, dock.mode = "box", "rgb", "sequential"
    found["option"] = dock.findChild(QWidget, "isr_option_cube") is not None
    dock.scribble_layer = viewer.add_labels(strokes, name="strokes")
    box = dock.findChild(QComboBox, "isr_features")
    found["features"] = [box.itemText(index) for index in range(box.count())]
    with patch.object(QFileDialog, "getSaveFileName", return_value=("", "")) as dialog:
        dock.exporter.ask(dock)
    found["formats"] = dialog.call_args.args[3].split(";;")
    settled = []
    dock.settled.connect(lambda: settled.append(True))
    dock.run()
    wait_until(lambda: settled)
    item = dock.controller.result.objects[2]
    found["box"] = item.certificate.to_dict()["property"]
    found["holds"] = item.certificate.holds
    found["pixels"] = int(item.mask.sum())
    print(json.dumps(found))
    viewer.close()


if __name__ == "__main__":
    main()
