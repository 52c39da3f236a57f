"""Files of version 0.1 (commit 90e4b3d) are offered and restored."""

import json
import shutil

import numpy as np
from PIL import Image

from ..compatibility.cases import DATA

WAIT = 30_000  # ms


def marked_images(dock):
    """Return which images are done, by name, and whether what was learned goes to the next."""
    images = dock.navigator.list
    return {entry.name: entry.done for entry in images.entries}, images.transfer_enabled


def imported_masks(dock):
    """Return the masks of objects that were not drawn, by label."""
    return dock.controller.imported_objects


def restore_data(tmp_path, done=()):
    """Copy the stored folder to where the dock looks for it."""
    folder = tmp_path / "data"
    shutil.copytree(DATA / "autosave", folder)
    marks = json.loads((folder / "images.json").read_text())
    assert marks == {"carry": True, "done": ["/images/a.png", "/images/c.png"]}
    # The stored paths are of another machine.
    marks["done"] = [str(path) for path in done]
    (folder / "images.json").write_text(json.dumps(marks))


def test_strokes_of_a_crashed_dock_are_offered_and_restored(viewer, open_dock, qtbot, tmp_path):
    restore_data(tmp_path)
    with np.load(DATA / "inputs.npz") as inputs:
        image, scribbles, given = inputs["image"], inputs["scribbles"], inputs["given"]
    viewer.add_image(image, rgb=True, name="other name")
    dock = open_dock(viewer, live=False)
    bar = dock.findChild(object, "isr_restore_bar")
    qtbot.waitUntil(lambda: bar.isVisibleTo(dock), timeout=WAIT)
    assert "fruit" in dock.findChild(object, "isr_restore_sentence").text()
    dock.findChild(object, "isr_restore").click()
    qtbot.waitUntil(lambda: dock.scribble_layer is not None, timeout=WAIT)
    np.testing.assert_array_equal(dock.scribble_layer.data, scribbles)
    assert (dock.shape, dock.predictor, dock.features) == ("star", "linear", "rgb")
    assert (dock.mode, dock.live) == ("sequential", False)
    settings = dock.controller.settings
    assert settings.own_shapes == {3: "convex:pieces=20"}
    assert settings.names == {2: "apple"}
    assert settings.hidden == (3,)
    assert dock.scribble_layer.name == "fruit [strokes]"
    np.testing.assert_array_equal(imported_masks(dock)[4], given)


def test_images_that_were_marked_are_done(viewer, open_dock, qtbot, tmp_path):
    files = [tmp_path / f"{name}.png" for name in "abc"]
    with np.load(DATA / "inputs.npz") as inputs:
        for file in files:
            Image.fromarray(inputs["image"]).save(file)
    restore_data(tmp_path, done=[files[0], files[2]])
    viewer.open([str(file) for file in files], plugin="napari")
    dock = open_dock(viewer, live=False)
    expected = {"a": True, "b": False, "c": True}, True
    qtbot.waitUntil(lambda: marked_images(dock) == expected, timeout=WAIT)
