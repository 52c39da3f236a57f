"""Preferences of the user, and their effects."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

import napari_isr
from napari_isr.device import DEVICES
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.fitting.job import SegmenterCache
from napari_isr.gui.fitting.worker import AvailableChoices
from napari_isr.gui.persistence.preferences import Preferences
from napari_isr.io.session import SnapshotStore, image_key

WAIT = 30_000
MANIFEST = Path(napari_isr.__file__).parent / "napari.yaml"


@pytest.fixture
def settings(plugin_settings, npe2pm):
    """Give napari's settings of the plugin, kept in a folder of the test."""
    from napari.settings import get_plugin_settings

    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return get_plugin_settings("napari-isr")


@pytest.fixture
def preferences(settings):
    found = Preferences.from_napari()
    yield found
    found.close()


def properties():
    pages = PluginManifest.from_file(MANIFEST).contributions.configurations.values()
    return {name: about for page in pages for name, about in page.properties.items()}


def test_the_page_and_the_code_know_the_same_names_and_defaults():
    there = properties()
    assert set(there) == {one.name for one in fields(Preferences)}
    for one in fields(Preferences):
        assert there[one.name].default == one.default
        assert there[one.name].description


def test_the_page_offers_what_the_library_knows():
    there, names = properties(), AvailableChoices.load()
    assert tuple(there["device"].enum) == DEVICES
    assert tuple(there["shape"].enum) == names.shapes
    assert tuple(there["predictor"].enum) == names.predictors
    assert tuple(there["features"].enum) == names.features


def test_values_are_read_and_followed(settings, preferences):
    assert preferences.pause_ms == 30
    settings.fitting.pause_ms = 80
    assert preferences.pause_ms == 80
    assert Preferences.from_napari().pause_ms == 80
    assert "pause_ms: 80" in settings.config_path.read_text()
    preferences.close()
    settings.fitting.pause_ms = 90
    assert preferences.pause_ms == 80


def test_without_a_page_the_defaults_hold(plugin_settings, npe2pm):
    assert Preferences.from_napari() == Preferences()


def test_a_new_dock_begins_as_the_user_wants(settings, viewer):
    page = settings.beginning
    page.shape, page.predictor, page.features, page.live = "star", "fcn", "rgb,spatial", False
    dock = ScribbleWidget(viewer)
    assert (dock.shape, dock.predictor, dock.features, dock.live) == (
        "star",
        "fcn",
        "rgb,spatial",
        False,
    )
    dock._close()


def test_device_and_pause_change_while_the_dock_is_open(settings, viewer, disc, strokes, qtbot):
    settings.beginning.live = False
    viewer.add_image(disc)
    dock = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(dock, name="dock", area="right")
    dock.new.click()
    dock.scribble_layer.data = strokes
    settings.fitting.pause_ms = 150
    assert dock.controller.scheduler.pause_ms == 150
    settings.fitting.device = "mps"  # which torch has on a Mac only
    dock.run()
    told = "mps" if not _has_mps() else "Fitted"
    qtbot.waitUntil(lambda: told in dock.status.text(), timeout=WAIT)
    settings.fitting.device = "cpu"
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert dock.result.device == "cpu"


def test_memory_bounds_what_is_read_where_it_lies(settings, viewer, disc, strokes, qtbot, tmp_path):
    np.save(tmp_path / "disc.npy", disc)
    lazy = np.load(tmp_path / "disc.npy", mmap_mode="r")
    settings.beginning.live = False
    settings.fitting.memory = 64
    viewer.add_image(disc)
    dock = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(dock, name="dock", area="right")
    dock.new.click()
    dock.scribble_layer.data = strokes
    assert dock.controller.make_job(live=False).memory is None
    dock.image_layer.data = lazy
    assert dock.controller.make_job(live=False).memory == 64
    settings.fitting.memory = 128
    job = dock.controller.make_job(live=False)
    segmenters = SegmenterCache()
    assert segmenters.get(job).raster.shape == disc.shape[:2]
    assert job.memory == 128


def _has_mps():
    import torch

    return torch.backends.mps.is_available()


def test_autosave_is_switched_off_and_on(settings, viewer, disc, strokes, qtbot):
    settings.beginning.live = settings.saving.autosave = False
    settings.saving.autosave_seconds = 0.2
    viewer.add_image(disc)
    dock = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(dock, name="dock", area="right")
    assert dock.persistence.autosave.seconds == 0.2
    dock.new.click()
    dock.scribble_layer.data = strokes
    qtbot.wait(400)
    dock.persistence.autosave.save()
    found = []
    dock.persistence.executor.submit(lambda: SnapshotStore().latest(image_key(disc)), found.append)
    qtbot.waitUntil(lambda: bool(found), timeout=WAIT)
    assert found == [None]
    with qtbot.waitSignal(dock.persistence.autosave.saved, timeout=WAIT):
        settings.saving.autosave = True
    np.testing.assert_array_equal(SnapshotStore().latest(image_key(disc)).strokes, strokes)
