"""Sessions in the dock: saved, opened in another window as they were, dropped on it."""

import numpy as np
import pytest
from napari.qt import QtViewer
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton

import napari_isr as isr
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.readers import get_reader, session_layers
from tests.gui.conftest import PATIENCE, fit


def status(dock):
    return dock.status.text()


def press(dock, name):
    dock.findChild(QPushButton, name).click()


@pytest.fixture
def saved(ready, strokes, qtbot, tmp_path, monkeypatch):
    """Give the file of a fit with two shapes; the image is in it, for it comes from no file."""
    viewer, dock = ready
    viewer.layers["disc"].scale = (0.5, 0.5)
    strokes = strokes.copy()
    strokes[54:57, 42:55] = 3
    dock.controller.settings.own_shapes = {3: "star:harmonics=10"}
    dock.controller.settings.names = {2: "cell"}
    fit(dock, strokes, qtbot)
    path = tmp_path / "disc.isr"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "disc"), ""))
    press(dock, "isr_save_session")
    qtbot.waitUntil(lambda: status(dock) == "Saved disc.isr.", timeout=PATIENCE)
    return path, dock.controller.result, viewer.layers["disc [isr]"].data.copy()


def empty(viewer):
    """Close the image, as a new window would be."""
    viewer.layers.clear()


def drop(widget, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    how = Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QDragEnterEvent(QPoint(20, 20), *how))
    QApplication.sendEvent(widget, QDropEvent(QPointF(20, 20), *how))


def docks(viewer):
    return [d for d in viewer.window.dock_widgets.values() if isinstance(d, ScribbleWidget)]


def opened(dock, qtbot, result):
    """Wait until a result is shown that says what another one says."""
    control = dock.controller
    qtbot.waitUntil(lambda: control.result not in (None, result), timeout=PATIENCE)
    for label, item in result.objects.items():
        np.testing.assert_array_equal(control.result.objects[label].mask, item.mask)
    assert not control.state.busy
    return control


def test_a_session_opens_in_an_empty_window_as_it_was(
    saved, ready, disc, qtbot, monkeypatch, open_dock
):
    path, result, mask = saved
    viewer, dock = ready
    empty(viewer)
    dock.controller.settings.names = {}
    dock.shape = "mirror"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    fits = []
    dock.controller.fit_started.connect(fits.append)
    press(dock, "isr_open_session")
    control = opened(dock, qtbot, result)
    np.testing.assert_array_equal(viewer.layers["disc"].data, disc)
    assert viewer.layers["disc"].scale.tolist() == [0.5, 0.5]
    np.testing.assert_array_equal(viewer.layers["disc [isr]"].data, mask)
    chosen = control.settings
    assert (chosen.shape, chosen.own_shapes) == ("convex", {3: "star:harmonics=10"})
    assert chosen.names == {2: "cell"}
    assert np.unique(dock.scribble_layer.data).tolist() == [0, 1, 2, 3]
    assert [row.label for row in control.state.rows] == [2, 3]
    assert all(row.holds and row.strokes for row in control.state.rows)
    assert dock.export_button.isEnabled()
    assert fits == []  # it was there; nothing was fitted again
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):  # and it goes on from there
        data = dock.scribble_layer.data.copy()
        data[60:62, 50:53] = 2
        dock.scribble_layer.data = data
    assert len(fits) == 1
    assert control.result.objects[2].certificate.holds


def test_the_image_that_is_open_is_used_and_one_that_is_a_file_is_found(
    saved, ready, disc, qtbot, tmp_path
):
    path, result, _ = saved
    viewer, dock = ready
    dock.open_session(path)
    opened(dock, qtbot, result)
    assert [type(layer).__name__ for layer in viewer.layers].count("Image") == 1
    file = tmp_path / "there.png"
    Image.fromarray(disc).save(file)
    strokes = dock.scribble_layer.data
    isr.save_session(tmp_path / "by.isr", result, image=disc, scribbles=strokes, file=file)
    empty(viewer)
    dock.open_session(tmp_path / "by.isr")
    opened(dock, qtbot, result)
    assert dock.image_layer.source.path == str(file)
    empty(viewer)
    file.unlink()
    dock.open_session(tmp_path / "by.isr")
    qtbot.waitUntil(lambda: "is not there" in status(dock), timeout=PATIENCE)
    assert list(viewer.layers) == []


def test_a_file_is_dropped_on_the_window(saved, ready, qtbot):
    path, result, mask = saved
    viewer, first = ready
    viewer.window.remove_dock_widget(first)
    empty(viewer)
    windows = [w for w in QApplication.topLevelWidgets() if w.findChild(QtViewer) is not None]
    drop(windows[-1].findChild(QtViewer), path)
    (dock,) = docks(viewer)
    opened(dock, qtbot, result)
    np.testing.assert_array_equal(viewer.layers["disc [isr]"].data, mask)
    viewer.open(str(path), plugin="napari-isr")  # File > Open, with a dock that is there
    qtbot.waitUntil(lambda: len(dock.controller.presenter.history) == 2, timeout=PATIENCE)
    assert docks(viewer) == [dock]
    drop(dock, path)
    qtbot.waitUntil(lambda: len(dock.controller.presenter.history) == 3, timeout=PATIENCE)


def test_without_a_window_a_session_is_layers(saved, disc):
    path, _, mask = saved
    layers = session_layers(isr.load_session(path))
    assert [(about["name"], kind) for _, about, kind in layers] == [
        ("disc", "image"),
        ("disc [strokes]", "labels"),
        ("disc [isr]", "labels"),
    ]
    np.testing.assert_array_equal(layers[0][0], disc)
    np.testing.assert_array_equal(layers[2][0], mask)
    assert get_reader(str(path)) is not None
    assert get_reader("image.png") is None
    assert get_reader([str(path)] * 2) is None


def test_what_cannot_be_opened_or_saved_is_one_sentence(ready, qtbot, tmp_path):
    _, dock = ready
    bad = tmp_path / "bad.isr"
    bad.write_bytes(b"PK not a zip")
    dock.open_session(bad)
    qtbot.waitUntil(lambda: "is no session of napari-isr" in status(dock), timeout=PATIENCE)
    dock.save_session(tmp_path / "no" / "s.isr")
    qtbot.waitUntil(lambda: "does not exist" in status(dock), timeout=PATIENCE)
    dock.scribble_layer = None
    dock.save_session(tmp_path / "s.isr")
    assert "nothing to save yet" in status(dock)
