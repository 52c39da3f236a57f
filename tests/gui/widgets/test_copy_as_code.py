"""Copied settings give the mask that the dock shows."""

import shlex

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QPushButton

from napari_isr.cli.app import main
from napari_isr.io.export import write_labels
from napari_isr.io.readers import read_array
from tests.gui.conftest import PATIENCE


def press(dock, name):
    dock.findChild(QPushButton, name).click()
    return QApplication.clipboard().text()


@pytest.fixture
def from_files(viewer, disc, strokes, open_dock, tmp_path, monkeypatch, qtbot):
    """Give viewer and dock on an image and strokes that were opened from files, and fitted."""
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path / "disc.png", disc)
    write_labels(tmp_path / "strokes.tif", strokes)
    viewer.open(str(tmp_path / "disc.png"), plugin="napari")
    viewer.open(str(tmp_path / "strokes.tif"), plugin="napari", layer_type="labels")
    dock = open_dock(viewer, shape="star")
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.run()
    return viewer, dock


def test_program_and_line_give_the_docks_mask(from_files, tmp_path):
    viewer, dock = from_files
    shown = np.asarray(viewer.layers["disc [isr]"].data)
    exec(compile(press(dock, "isr_copy_code"), "copied", "exec"), {})
    assert "Copied the program." in dock.status.text()
    assert np.array_equal(read_array(tmp_path / "disc-mask.png"), shown)
    (tmp_path / "disc-mask.png").unlink()
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(press(dock, "isr_copy_cli"))[1:])
    assert ended.value.code == 0
    assert np.array_equal(read_array(tmp_path / "disc-mask.png"), shown)


def test_layers_without_a_file_are_told(ready):
    _, dock = ready
    program = press(dock, "isr_copy_code")
    assert program.startswith("# First save the layer 'disc' as 'disc.tif'")
    assert "save the layers as 'disc.tif' and 'disc [strokes].png'" in dock.status.text()


def test_what_was_carried_from_other_images_is_told(ready):
    _, dock = ready
    dock.controller.transfer = object
    assert "# What other images taught is not in this" in press(dock, "isr_copy_code")
    assert "what other images taught is not in it" in dock.status.text()


def test_shapes_of_objects_that_are_not_there_are_left_out(quick):
    _, dock = quick
    dock.controller.settings.own_shapes = {2: "none", 7: "star"}
    line = press(dock, "isr_copy_cli")
    assert "2=none" in line
    assert "7=" not in line


def test_without_layers_one_sentence_says_what_is_missing(viewer, open_dock):
    dock = open_dock(viewer)
    QApplication.clipboard().setText("before")
    assert press(dock, "isr_copy_code") == "before"
    assert "image" in dock.status.text()
