"""The dock's export: every format by its ending, any size, one file or one for each object."""

import json

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QCheckBox, QFileDialog, QPushButton, QSpinBox

from napari_isr.gui.widgets.export import with_ending
from napari_isr.io.export import FORMATS
from napari_isr.io.readers import read_array
from tests.gui.conftest import PATIENCE


def status(dock):
    return dock.status.text()


def written(dock, qtbot, name):
    qtbot.waitUntil(lambda: status(dock) == f"Saved {name}.", timeout=PATIENCE)


@pytest.fixture
def choose(monkeypatch):
    """Give a function that lets the next file dialog end with a name and a kind."""

    def chosen(path, kind=""):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), kind))

    return chosen


def test_the_button_writes_what_the_ending_says(quick, qtbot, tmp_path, choose):
    viewer, dock = quick
    mask = viewer.layers["disc [isr]"].data
    for name in ("mask.png", "mask.tif", "mask.npy", "m.strokes.png"):
        choose(tmp_path / name)
        dock.findChild(QPushButton, "isr_export").click()
        written(dock, qtbot, name)
        expected = dock.scribble_layer.data if "strokes" in name else mask
        np.testing.assert_array_equal(read_array(tmp_path / name), expected)
    choose(tmp_path / "outline", "GeoJSON for QuPath (*.geojson)")
    dock.controller.settings.names = {2: "cell"}
    dock.findChild(QPushButton, "isr_export").click()
    written(dock, qtbot, "outline.geojson")
    (feature,) = json.loads((tmp_path / "outline.geojson").read_text())["features"]
    assert feature["properties"]["name"] == "cell"


def test_size_and_one_file_for_each_object_are_chosen_in_the_dock(quick, qtbot, tmp_path):
    viewer, dock = quick
    viewer.layers["disc"].units = ("um", "um")
    dock.findChild(QSpinBox, "isr_export_scale").setValue(3)
    dock.findChild(QCheckBox, "isr_export_each").setChecked(True)
    dock.export(tmp_path / "m.ome.tif")
    written(dock, qtbot, "m-2.ome.tif")
    with tifffile.TiffFile(tmp_path / "m-2.ome.tif") as file:
        expected = dock.controller.result.objects[2].render(3)
        np.testing.assert_array_equal(file.asarray() == 2, expected)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert pixels["PhysicalSizeXUnit"] == "µm"


def test_what_cannot_be_written_is_one_sentence(quick, ready, qtbot, tmp_path, choose):
    _, dock = quick
    for name, says in (
        ("mask.bmpp", "ending"),
        ("no folder/mask.png", "no folder"),
    ):
        dock.export(tmp_path / name)
        assert says in status(dock)
    choose("")
    before = status(dock)
    dock.findChild(QPushButton, "isr_export").click()
    assert status(dock) == before
    dock.reset()
    dock.export(tmp_path / "mask.png")
    assert "no mask" in status(dock)
    assert list(tmp_path.glob("*.png")) == []


def test_names_get_the_ending_of_the_chosen_format():
    for one in FORMATS:
        assert with_ending("a", one.extensions) == "a" + one.extensions[0]
        for ending in one.extensions:
            assert with_ending("a" + ending, one.extensions) == "a" + ending
    assert with_ending("a.tif", (".png",)) == "a.tif"  # what the user wrote counts
    assert with_ending("a.json", (".polygons.json",)) == "a.polygons.json"
    assert with_ending("", (".png",)) == ""
