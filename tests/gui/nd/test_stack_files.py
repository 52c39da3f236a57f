"""Files of a stack, from the dock: masks, tables, and a session that brings it back as it was."""

import numpy as np
import pytest
import tifffile

from napari_isr.results.result import iou
from tests.gui.conftest import PATIENCE, fit

FRAMES, SIDE = 4, 40


def ball(shift=2):
    t, row, column = np.indices((FRAMES, SIDE, SIDE))
    return np.hypot(row - 20, column - 14 - shift * t) < 9


@pytest.fixture
def sequence(viewer, open_dock, qtbot):
    """Give viewer and dock on a fitted sequence."""
    noise = np.random.default_rng(0).normal(0, 6, (FRAMES, SIDE, SIDE))
    frames = np.clip(np.where(ball(), 190, 60) + noise, 0, 255).astype(np.uint8)
    viewer.add_image(frames, name="ball", axis_labels=("t", "y", "x"), scale=(1, 0.5, 0.5))
    dock = open_dock(viewer, shape="none", features="rgb")
    dock.new.click()
    strokes = np.zeros(frames.shape, np.uint8)
    for frame in (0, FRAMES - 1):
        strokes[frame, 18:22, 12 + 2 * frame : 16 + 2 * frame] = 2
        strokes[frame, 2:5] = strokes[frame, 35:38] = 1
    fit(dock, strokes, qtbot)
    return viewer, dock


def done(dock, text, qtbot):
    qtbot.waitUntil(lambda: dock.status.text().startswith(text), timeout=PATIENCE)


def test_masks_and_a_table_of_a_sequence(sequence, tmp_path, qtbot):
    viewer, dock = sequence
    mask = viewer.layers["ball [isr]"].data
    dock.export(tmp_path / "ball.tif")
    done(dock, "Saved ball.tif.", qtbot)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "ball.tif"), mask)
    dock.export(tmp_path / "ball.csv")
    done(dock, "Saved ball.csv.", qtbot)
    names, values = (tmp_path / "ball.csv").read_text().splitlines()
    line = dict(zip(names.split(","), values.split(","), strict=False))
    assert float(line["area_pixels"]) == np.count_nonzero(mask)
    dock.export(tmp_path / "ball.png")
    done(dock, "A PNG file holds 2 axes, but the masks have 3: write .tif", qtbot)


def test_a_session_brings_a_sequence_back(sequence, tmp_path, qtbot):
    viewer, dock = sequence
    mask, strokes = viewer.layers["ball [isr]"].data.copy(), dock.scribble_layer.data.copy()
    assert (
        dock.persistence.autosave.capture().settings["axes"] == "t"
    )  # the layer says so, its file not
    dock.save_session(tmp_path / "ball")
    done(dock, "Saved ball.isr.", qtbot)
    viewer.layers.clear()
    dock.shape = "convex"
    dock.open_session(tmp_path / "ball.isr")
    done(dock, "The fit is back", qtbot)
    image = viewer.layers["ball"]
    assert image.axis_labels == ("t", "y", "x")
    np.testing.assert_array_equal(image.scale, (1, 0.5, 0.5))
    np.testing.assert_array_equal(viewer.layers["ball [isr]"].data, mask)
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert dock.shape == "none"
    assert dock.controller.make_job(live=True).axes == "tyx"
    assert iou(dock.result.mask, ball()) > 0.9
