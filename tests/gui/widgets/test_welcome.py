"""The first thing that a user reads."""

import numpy as np
import pytest
from qtpy.QtWidgets import QFrame, QPushButton

from napari_isr.gui.widgets import welcome as module
from tests.gui.conftest import PATIENCE


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", "coins")


def test_the_hint_leads_to_a_fitted_sample_and_goes(viewer, open_dock, qtbot):
    dock = open_dock(viewer)
    hint = dock.findChild(QFrame, "isr_hint")
    assert not hint.isHidden()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.findChild(QPushButton, "isr_try_sample").click()
    assert hint.isHidden()
    assert dock.image_layer == viewer.layers["coins"]
    assert viewer.layers.selection.active == dock.scribble_layer
    assert dock.scribble_layer.mode == "paint"
    assert np.count_nonzero(viewer.layers["coins [isr]"].data) > 1000


def test_the_hint_is_there_only_without_an_image(viewer, disc, open_dock):
    viewer.add_image(disc)
    dock = open_dock(viewer)
    hint = dock.findChild(QFrame, "isr_hint")
    assert hint.isHidden()
    needs_an_image = [dock.panel, dock.brush, dock.scribbles.parentWidget(), dock.bar]
    assert not any(part.isHidden() for part in needs_an_image)
    viewer.layers.clear()
    assert not hint.isHidden()
    assert all(part.isHidden() for part in needs_an_image)
    assert not dock.status.isHidden()
    viewer.add_image(disc)
    assert hint.isHidden()
    assert not any(part.isHidden() for part in needs_an_image)


def test_an_image_that_came_first_stays(viewer, disc, open_dock, qtbot):
    dock = open_dock(viewer)
    button = dock.findChild(QPushButton, "isr_try_sample")
    button.click()
    assert not button.isEnabled()
    layer = viewer.add_image(disc)
    qtbot.waitUntil(button.isEnabled, timeout=PATIENCE)
    assert list(viewer.layers) == [layer]


def test_the_first_words_suit_what_is_open(viewer, disc, open_dock):
    viewer.add_labels((disc > 120).astype(int), name="cells")
    dock = open_dock(viewer)
    assert "the mask 'cells'" in dock.status.text()
    assert "Layers > Segment" in dock.status.text()
    viewer.layers.clear()
    assert dock.status.text() == "Open an image to begin, or choose one above."
    viewer.add_image(np.stack([disc, disc, disc]), name="channels")
    assert "'channels' has 3 colours, not slices: Split Stack" in dock.status.text()
    viewer.layers.clear()
    viewer.add_image(np.stack([disc] * 5))
    assert dock.status.text() == "Click New to get a layer to draw strokes on."
