"""Many images one after the other: nothing is lost, what was learned goes along."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels
from PIL import Image as Picture
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QPushButton, QWidget

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.fitting.job import DeferredTransfer, FitJob, SegmenterCache
from napari_isr.gui.image_list.model import ImageList, ImageListEntry, ImageState, list_images
from napari_isr.gui.widgets.object_table import DETAILS, NAME
from napari_isr.results.result import iou
from tests.gui.conftest import SIZE

WAIT = 30_000
CENTRES = ((48, 48), (40, 60), (56, 36))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_ISR_DATA", str(tmp_path / "kept"))


def round_mask(place):
    rows, columns = np.ogrid[:SIZE, :SIZE]
    return np.hypot(rows - CENTRES[place][0], columns - CENTRES[place][1]) < 22


def pixels(place):
    noise = np.random.default_rng(place).normal(0, 6, (SIZE, SIZE))
    return np.clip(np.where(round_mask(place), 190, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Three images, whose names a machine would sort otherwise."""
    place = tmp_path / "images"
    place.mkdir()
    for index, name in enumerate(("cell1.png", "cell2.png", "cell10.png")):
        Picture.fromarray(pixels(index)).save(place / name)
    (place / "notes.txt").write_text("no image")
    return place


@pytest.fixture
def many(make_napari_viewer_proxy, open_dock, folder, qtbot):
    """Give viewer and dock with the first of three images."""
    viewer = make_napari_viewer_proxy()
    dock = open_dock(viewer, shape="none", features="rgb")
    dock.navigator.open([folder])
    shown(dock, qtbot, "cell1.png")
    return viewer, dock


def shown(dock, qtbot, name):
    def there():
        layer = dock.image_layer
        return layer is not None and layer.name == name and dock.scribble_layer is not None

    qtbot.waitUntil(there, timeout=WAIT)


def reopen(dock, folder, qtbot):
    before = dock.navigator.list.current
    dock.navigator.open([folder])
    qtbot.waitUntil(lambda: dock.navigator.list.current is not before, timeout=WAIT)
    shown(dock, qtbot, "cell1.png")


def fit(dock, strokes, qtbot):
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = strokes


def names(viewer):
    return sorted(layer.name for layer in viewer.layers)


def test_the_bar_is_small_with_one_image(ready):
    _, dock = ready
    assert not dock.findChild(QPushButton, "isr_open_folder").isHidden()
    assert dock.image_list.isHidden()


def test_three_images_by_buttons_and_back(many, strokes, qtbot):
    viewer, dock = many
    box = dock.findChild(QComboBox, "isr_playlist")
    assert [box.itemText(i) for i in range(3)] == [
        "1 of 3  cell1.png",
        "2 of 3  cell2.png",
        "3 of 3  cell10.png",
    ]
    for name in ("open_folder", "previous", "next_image", "playlist", "done", "carry"):
        assert dock.findChild(QWidget, f"isr_{name}").toolTip(), name
    assert dock.minimumSizeHint().width() <= 300
    fit(dock, strokes, qtbot)
    mask = viewer.layers["cell1.png [isr]"].data.copy()
    first = dock.scribble_layer
    forth = dock.findChild(QPushButton, "isr_next_image")
    forth.click()
    shown(dock, qtbot, "cell2.png")
    assert names(viewer) == ["cell2.png", "cell2.png [strokes]"]
    assert not dock.scribble_layer.data.any()
    assert dock.scribble_layer.mode == "paint"
    assert dock.result is None
    dock.shape = "convex"
    forth.click()
    shown(dock, qtbot, "cell10.png")
    assert not forth.isEnabled()
    assert dock.shape == "convex"  # a new image begins as the last one was left
    back = dock.findChild(QPushButton, "isr_previous")
    back.click()
    shown(dock, qtbot, "cell2.png")
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        back.click()
    assert not back.isEnabled()
    assert (dock.shape, dock.image_layer.name) == ("none", "cell1.png")
    assert dock.scribble_layer is first
    assert first.mode == "paint"  # the brush is armed, though the layer was away
    np.testing.assert_array_equal(first.data, strokes)
    np.testing.assert_array_equal(viewer.layers["cell1.png [isr]"].data, mask)
    assert dock.export_button.isEnabled()
    first.undo()  # napari's own history came along
    fit(dock, strokes, qtbot)


def test_imported_objects_stay_with_their_image(many, qtbot):
    _, dock = many
    dock.live = False
    dock.controller.imported_objects = {3: round_mask(0)}
    dock.navigator.next()
    shown(dock, qtbot, "cell2.png")
    assert not dock.controller.imported_objects
    dock.navigator.previous()
    shown(dock, qtbot, "cell1.png")
    np.testing.assert_array_equal(dock.controller.imported_objects[3], round_mask(0))


def test_keys_lead_through_the_list_and_mark(make_napari_viewer_proxy, open_dock, folder, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    dock = open_dock(viewer)
    dock.navigator.open([folder])
    shown(dock, qtbot, "cell1.png")
    canvas = CanvasMouse(viewer, dock).canvas
    done = dock.findChild(QCheckBox, "isr_done")
    qtbot.keyClick(canvas, "D")
    assert done.isChecked()
    for name in ("cell2.png", "cell10.png"):
        qtbot.keyClick(canvas, Qt.Key.Key_PageDown)
        shown(dock, qtbot, name)
        assert not done.isChecked()
    qtbot.keyClick(canvas, Qt.Key.Key_PageDown)  # there is none after the last
    qtbot.keyClick(canvas, Qt.Key.Key_PageUp)
    shown(dock, qtbot, "cell2.png")
    assert "✓ cell1.png" in dock.image_list.names.itemText(0)
    qtbot.keyClick(canvas, Qt.Key.Key_PageUp)
    shown(dock, qtbot, "cell1.png")
    qtbot.keyClick(canvas, "D")
    assert not done.isChecked()
    assert "✓" not in dock.image_list.names.itemText(0)


def test_a_switch_in_mid_fit_loses_no_stroke(many, strokes, qtbot):
    viewer, dock = many
    dock.shape = "convex"
    dock.scribble_layer.data = strokes
    qtbot.waitUntil(lambda: dock.controller.state.busy, timeout=WAIT)
    dock.navigator.next()
    shown(dock, qtbot, "cell2.png")
    qtbot.waitUntil(lambda: not dock.controller.state.busy, timeout=WAIT)
    assert names(viewer) == ["cell2.png", "cell2.png [strokes]"]
    with qtbot.waitSignal(dock.settled, timeout=WAIT):  # what was cut short is done now
        dock.navigator.previous()
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert dock.result.objects[2].certificate.holds


def test_what_was_learned_needs_no_stroke(many, strokes, qtbot):
    viewer, dock = many
    dock.findChild(QCheckBox, "isr_carry").click()
    dock.scribble_layer.data = strokes
    dock.navigator.next()  # at once: the strokes teach all the same
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        shown(dock, qtbot, "cell2.png")
    assert not dock.scribble_layer.data.any()
    assert dock.objects.item(0, NAME).data(DETAILS).endswith("no strokes")
    assert iou(viewer.layers["cell2.png [isr]"].data == 2, round_mask(1)) > 0.9
    more = np.zeros_like(strokes)
    more[2:5, 10:40] = 1
    fit(dock, more, qtbot)
    assert iou(viewer.layers["cell2.png [isr]"].data == 2, round_mask(1)) > 0.9
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.navigator.next()
        shown(dock, qtbot, "cell10.png")
    assert iou(viewer.layers["cell10.png [isr]"].data == 2, round_mask(2)) > 0.9
    fit(dock, np.where(round_mask(2) & (strokes == 2), 2, 0).astype(np.uint8), qtbot)
    dock.findChild(QCheckBox, "isr_carry").click()
    with qtbot.waitSignal(dock.controller.adapter.scribbles_edited, timeout=WAIT):
        dock.scribble_layer.data = np.zeros_like(strokes)
    qtbot.waitUntil(lambda: dock.controller.state.kind == "hint", timeout=WAIT)


def test_a_broken_file_is_one_sentence_and_can_be_passed(many, folder, qtbot):
    viewer, dock = many
    (folder / "cell2.png").write_bytes(b"\x89PNG no more")
    reopen(dock, folder, qtbot)
    dock.navigator.next()
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
    assert "cell2.png" in dock.status.text()
    assert dock.image_layer is None
    assert "✗ cell2.png" in dock.image_list.names.itemText(1)
    dock.navigator.next()
    shown(dock, qtbot, "cell10.png")
    dock.navigator.previous()
    dock.navigator.previous()
    shown(dock, qtbot, "cell1.png")
    assert names(viewer) == ["cell1.png", "cell1.png [strokes]"]


def test_images_that_are_open_are_a_list(ready, strokes, qtbot):
    viewer, dock = ready
    drawn = dock.scribble_layer
    assert isinstance(drawn, Labels)
    dock.shape = "none"
    fit(dock, strokes, qtbot)
    viewer.add_image(pixels(1), name="other")
    qtbot.waitUntil(lambda: not dock.image_list.isHidden(), timeout=WAIT)
    assert dock.image_layer.name == "disc"
    dock.navigator.next()
    shown(dock, qtbot, "other")
    assert "disc [isr]" not in viewer.layers
    assert not viewer.layers["disc"].visible
    assert not drawn.visible
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.navigator.previous()
    assert dock.scribble_layer is drawn
    assert drawn.visible
    viewer.layers.remove("other")
    qtbot.waitUntil(dock.image_list.isHidden, timeout=WAIT)


def test_files_are_dropped_on_the_dock(ready, folder, qtbot):
    viewer, dock = ready
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    rest = Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for event in (QDragEnterEvent(QPoint(5, 5), *rest), QDropEvent(QPointF(5, 5), *rest)):
        QApplication.sendEvent(dock, event)
        assert event.isAccepted()
    qtbot.waitUntil(lambda: "cell1.png" in viewer.layers, timeout=WAIT)
    shown(dock, qtbot, "cell1.png")
    assert dock.image_list.names.count() == 3


def test_strokes_of_another_session_come_back(many, folder, strokes, qtbot, tmp_path):
    from napari_isr.io.session import ImageReference, Snapshot, SnapshotStore, image_key

    _, dock = many
    image = ImageReference(key=image_key(pixels(1)), shape=(SIZE, SIZE), dtype="uint8", name="x")
    SnapshotStore().save(
        Snapshot(image, strokes, settings={"shape": "star", "own_shapes": {"3": "none"}})
    )
    reopen(dock, folder, qtbot)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.navigator.next()
        shown(dock, qtbot, "cell2.png")
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert dock.shape == "star"
    assert dock.controller.settings.own_shapes == {3: "none"}


def test_a_list_knows_its_place():
    images, told = ImageList(), []
    images.changed.connect(lambda: told.append(images.place))
    images.set_entries([ImageListEntry("a"), ImageListEntry("b")], 0)
    images.set_done(True)
    images.set_done(True)
    images.set_current_index(1)
    images.transfer_enabled = images.transfer_enabled = True
    assert told == [0, 0, 1, 1]
    assert [entry.done for entry in images.entries] == [True, False]
    assert not images.is_file_based


def test_fits_that_were_left_long_ago_make_room():
    images = ImageList()
    images.set_entries([ImageListEntry("a"), ImageListEntry("b"), ImageListEntry("c")], 2)
    for at, entry in enumerate(images.entries):
        entry.work = ImageState("strokes", fit=SimpleNamespace(nbytes=40), at=at)
    images.evict_fits(100)
    assert [entry.work.fit is not None for entry in images.entries] == [False, True, True]
    assert all(entry.work.strokes == "strokes" for entry in images.entries)


def test_a_folder_is_in_natural_order(folder):
    assert [p.name for p in list_images([folder])] == ["cell1.png", "cell2.png", "cell10.png"]
    assert list_images([folder / "cell2.png", folder])[0].name == "cell2.png"


def test_a_lesson_is_learned_once_and_lets_go_of_its_image(disc, strokes):
    segmenters = SegmenterCache()
    job = FitJob(disc, (1.0, 1.0), strokes, shape="none", features="rgb")
    transfer = DeferredTransfer(job)
    learned = transfer.resolve(segmenters)
    assert transfer.resolve(segmenters) is learned
    nothing = FitJob(pixels(1), (1.0, 1.0), np.zeros_like(strokes), transfer=transfer)
    assert DeferredTransfer(nothing).resolve(segmenters) is learned
    assert (
        DeferredTransfer(FitJob(disc, (1.0, 1.0), np.zeros_like(strokes))).resolve(segmenters)
        is None
    )
    assert isinstance(disc, np.ndarray)
    assert transfer._job is None


def test_layers_of_results_are_no_images_of_the_list(quick, qtbot):
    viewer, dock = quick
    dock.uncertainty = True
    qtbot.waitUntil(lambda: "disc [uncertainty]" in viewer.layers, timeout=WAIT)
    assert isinstance(viewer.layers["disc [uncertainty]"], Image)
    qtbot.wait(50)
    assert len(dock.navigator.list.entries) == 1
