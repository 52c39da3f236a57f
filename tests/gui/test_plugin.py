"""Contributions of the plugin to napari."""

from importlib.resources import files

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

from napari_isr.data import SAMPLES
from napari_isr.gui.launch import open_sample
from napari_isr.io.export import FORMATS
from napari_isr.shapes import shape_names

WAIT = 30_000
SHAPES = "napari-isr/shape"


@pytest.fixture(scope="module")
def manifest():
    manager = PluginManager()
    manager.discover()
    return manager.get_manifest("napari-isr")


def test_the_manifest_offers_dock_and_samples(manifest):
    assert isinstance(manifest, PluginManifest)
    manifest.validate_imports()
    (widget,) = manifest.contributions.widgets
    assert widget.display_name == "Scribble and refine"
    assert [s.key for s in manifest.contributions.sample_data] == list(SAMPLES)


@pytest.mark.parametrize("name", ["coins", "cat"])
def test_samples_open(viewer, name):
    viewer.open_sample("napari-isr", name)
    assert [layer.name for layer in viewer.layers] == [name, f"{name} [strokes]"]


def test_a_sample_with_depth_brings_its_map_hidden(viewer):
    dock = open_sample(viewer, "motorcycle")
    names = [layer.name for layer in viewer.layers]
    assert names[:3] == ["motorcycle", "motorcycle [disparity]", "motorcycle [strokes]"]
    assert not viewer.layers["motorcycle [disparity]"].visible
    assert dock.image_layer.name == "motorcycle"
    assert dock.scribble_layer.name == "motorcycle [strokes]"
    assert dock.coordinate == "motorcycle [disparity]"
    assert list(dock.controller.adapter.job_inputs()["coordinates"]) == ["disparity"]
    assert dock.image_list.isHidden()  # the map is not another image
    dock.coordinates.current_text = "none"
    viewer.add_image(np.ones((4, 4)))
    assert dock.coordinate == ""  # what the user chose stays


def test_the_dock_opens_from_the_plugin_menu(viewer, disc):
    viewer.add_image(disc)
    _, dock = viewer.window.add_plugin_dock_widget("napari-isr", "Scribble and refine")
    assert dock.image_layer == viewer.layers[0]


def test_a_sample_opens_with_its_dock_and_fits(viewer, qtbot):
    dock = open_sample(viewer, "coins")
    assert viewer.layers.selection.active == dock.scribble_layer
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert dock.objects.rowCount() == 3


def test_the_manifest_offers_commands_a_writer_and_an_icon(manifest):
    package, _, name = manifest.icon.partition(":")
    assert "<svg" in (files(package) / name).read_text(encoding="utf-8")
    (writer,) = manifest.contributions.writers
    # napari looks at what follows the last dot only; the rest of an ending is ours to see.
    known = [
        e for one in FORMATS if one.accepts_labels for e in one.extensions if e.count(".") == 1
    ]
    assert writer.filename_extensions == known
    names = {item.command.rpartition(".")[2] for item in manifest.contributions.menus[SHAPES]}
    assert names == {name.replace("+", "_") for name in shape_names()} - {"none"}
    for place in ("segment", "annotate"):
        items = manifest.contributions.menus[f"napari/layers/{place}"]
        assert SHAPES in {getattr(item, "submenu", "") for item in items}
