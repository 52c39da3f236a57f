"""Marks of done images are there again: in another dock, and after napari was closed."""

import numpy as np
import pytest

from napari_isr.gui.image_list.model import ImageList, ImageListEntry
from napari_isr.gui.image_list.status_store import FILE, ImageStatusFile, ImageStatusStore

WAIT = 30_000


@pytest.fixture
def kept(tmp_path):
    return tmp_path / FILE


@pytest.fixture
def followed(tmp_path, qtbot):
    """Give a function that makes a list of files, followed as that of a dock is."""
    opened = []

    def make(*names, wanted=True):
        images = ImageList()
        marks = ImageStatusStore(images, tmp_path, lambda: wanted)
        opened.append(marks)
        images.set_entries([ImageListEntry(name, tmp_path / name) for name in names], 0)
        qtbot.waitUntil(lambda: marks._marks is not None, timeout=WAIT)
        return images

    yield make
    for marks in opened:
        marks.close()


def done(images):
    return [entry.name for entry in images.entries if entry.done]


def test_marks_and_the_tick_are_there_the_next_time(followed, kept, qtbot):
    images = followed("a.png", "b.png", "c.png")
    assert not kept.exists()
    images.set_current_index(1)
    images.set_done(True)
    images.transfer_enabled = True
    other = followed("c.png")  # in another window, with another image
    other.set_done(True)
    paths = [str(kept.parent / name) for name in ("b.png", "c.png")]
    qtbot.waitUntil(lambda: kept.exists() and read(kept).done == paths, timeout=WAIT)
    again = followed("a.png", "b.png", "c.png")
    assert done(again) == ["b.png", "c.png"]
    assert again.transfer_enabled
    again.set_current_index(1)
    again.set_done(False)
    qtbot.waitUntil(lambda: read(kept).done == paths[1:], timeout=WAIT)


def read(path):
    return ImageStatusFile.model_validate_json(path.read_text())


def test_nothing_is_written_where_nothing_is_wanted_and_a_broken_file_is_none(
    followed, kept, qtbot
):
    kept.write_text("{")
    images = followed("a.png", wanted=False)
    images.set_done(True)
    assert done(images) == ["a.png"]
    images = followed("a.png")
    assert done(images) == []
    assert kept.read_text() == "{"


def test_layers_without_a_file_keep_their_mark_in_another_dock(viewer, disc, open_dock, qtbot):
    for name in ("one", "two"):
        viewer.add_image(disc, name=name)
    dock = open_dock(viewer)
    qtbot.waitUntil(lambda: len(dock.navigator.list.entries) == 2, timeout=WAIT)
    dock.image_list.done.click()
    marked = done(dock.navigator.list)
    assert len(marked) == 1
    viewer.window.remove_dock_widget(dock)
    again = open_dock(viewer)
    qtbot.waitUntil(lambda: done(again.navigator.list) == marked, timeout=WAIT)
    viewer.add_image(np.ones((4, 4)), name="three")
    qtbot.waitUntil(lambda: len(again.navigator.list.entries) == 3, timeout=WAIT)
    assert done(again.navigator.list) == marked
