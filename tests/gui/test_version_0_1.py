"""What the dock of version 0.1 (commit 90e4b3d) left on the disk is offered and comes back."""

import json
import shutil

import numpy as np

from napari_isr.gui.dock import ScribbleAndRefine

from ..compatibility.cases import DATA

WAIT = 30_000  # ms


def open_dock_without_fits(viewer):
    """Open a dock: the one place that names its class."""
    dock = ScribbleAndRefine(viewer)
    dock.live = False
    viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
    return dock


def images_of(dock):
    """Return the list of images, each with its name and its mark: the one place that names it."""
    return dock.switching.list


def restore_data(tmp_path, done=()):
    """Copy the stored folder to where the dock looks for it."""
    folder = tmp_path / "data"
    shutil.copytree(DATA / "autosave", folder)
    marks = json.loads((folder / "images.json").read_text())
    assert marks == {"carry": True, "done": ["/images/a.png", "/images/c.png"]}
    # The stored paths are of another machine.
    marks["done"] = [str(path) for path in done]
    (folder / "images.json").write_text(json.dumps(marks))


def test_strokes_of_a_crashed_dock_are_offered_and_restored(viewer, qtbot, tmp_path):
    restore_data(tmp_path)
    with np.load(DATA / "inputs.npz") as inputs:
        image, scribbles, given = inputs["image"], inputs["scribbles"], inputs["given"]
    viewer.add_image(image, rgb=True, name="other name")
    dock = open_dock_without_fits(viewer)
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
    np.testing.assert_array_equal(dock.controller.given[4], given)


def test_images_that_were_marked_are_done(viewer, qtbot, tmp_path):
    files = [tmp_path / f"{name}.png" for name in "abc"]
    with np.load(DATA / "inputs.npz") as inputs:
        from PIL import Image

        for file in files:
            Image.fromarray(inputs["image"]).save(file)
    restore_data(tmp_path, done=[files[0], files[2]])
    viewer.open([str(file) for file in files], plugin="napari")
    dock = open_dock_without_fits(viewer)
    images = images_of(dock)
    qtbot.waitUntil(lambda: len(images.entries) == 3 and images.carry, timeout=WAIT)
    assert {entry.name: entry.done for entry in images.entries} == {
        "a": True,
        "b": False,
        "c": True,
    }
