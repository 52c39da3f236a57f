"""Controls, properties, layers, export and errors."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QWidget,
)

from napari_isr.gui.widgets.object_table import DETAILS, NAME, PROOF

WAIT = 30_000
CONTROLS = {
    "isr_image": QComboBox,
    "isr_scribbles": QComboBox,
    "isr_new_scribbles": QPushButton,
    "isr_shape": QWidget,
    "isr_predictor": QComboBox,
    "isr_features": QComboBox,
    "isr_mode": QComboBox,
    "isr_live": QCheckBox,
    "isr_next": QCheckBox,
    "isr_uncertainty": QCheckBox,
    "isr_run": QPushButton,
    "isr_cancel": QPushButton,
    "isr_reset": QPushButton,
    "isr_export": QPushButton,
    "isr_export_scale": QSpinBox,
    "isr_export_each": QCheckBox,
    "isr_open_session": QPushButton,
    "isr_save_session": QPushButton,
    "isr_objects": QTableWidget,
    "isr_import": QPushButton,
    "isr_status": QLabel,
    "isr_certificate": QLabel,
    "isr_advice": QLabel,
}


def status(dock):
    return dock.findChild(QLabel, "isr_status").text()


def test_every_control_has_its_name_a_tooltip_and_room(ready):
    _, dock = ready
    dock.more.set_expanded(True)
    QApplication.processEvents()
    assert dock.minimumSizeHint().width() <= 300
    for name, kind in CONTROLS.items():
        widget = dock.findChild(kind, name)
        assert widget is not None, name
        if kind not in (QLabel, QTableWidget):
            assert widget.toolTip(), name


def test_properties_and_controls_agree(ready):
    _, dock = ready
    assert (dock.shape, dock.predictor, dock.features, dock.mode) == ("convex", *["auto"] * 3)
    for name, value in (("predictor", "fcn"), ("features", "rgb")):
        setattr(dock, name, value)
        box = dock.findChild(QComboBox, f"isr_{name}")
        assert box.currentText() == value
        box.setCurrentIndex(box.findText("auto"))
        assert getattr(dock, name) == box.currentText() != value
    dock.live = False
    assert not dock.findChild(QCheckBox, "isr_live").isChecked()
    dock.findChild(QCheckBox, "isr_live").setChecked(True)
    assert dock.live


def test_layer_choices_follow_the_viewer(viewer, disc, open_dock):
    dock = open_dock(viewer)
    assert dock.image_layer is None
    assert "image" in status(dock)
    first = viewer.add_image(disc, name="first")
    assert dock.image_layer == first
    second = viewer.add_image(disc, name="second")
    dock.image_layer = second
    assert dock.findChild(QComboBox, "isr_image").currentText() == "second"
    second.name = "renamed"
    assert dock.findChild(QComboBox, "isr_image").currentText() == "renamed"
    viewer.layers.remove(second)
    assert dock.image_layer == first
    viewer.layers.remove(first)
    assert dock.image_layer is None
    with pytest.raises(TypeError, match="Image layer"):
        dock.image_layer = viewer.add_points()


def test_a_fit_is_told_and_leaves_the_brush_alone(fitted):
    viewer, dock = fitted
    assert dock.findChild(QLabel, "isr_certificate").text().startswith("✓ Object 2: convex")
    assert status(dock).startswith("Fitted in ")
    box = dock.findChild(QComboBox, "isr_scribbles")
    assert [box.itemText(k) for k in range(box.count())] == ["disc [strokes]"]
    assert viewer.layers.selection.active == dock.scribble_layer
    assert dock.scribble_layer.mode == "paint"


def test_new_strokes_lie_on_the_image_and_arm_the_brush(viewer, disc, open_dock):
    viewer.add_image(np.stack([disc] * 3, axis=-1), name="rgb", scale=(2, 2), translate=(5, 7))
    dock = open_dock(viewer)
    dock.findChild(QPushButton, "isr_new_scribbles").click()
    layer = dock.scribble_layer
    assert layer == viewer.layers.selection.active
    assert layer.data.shape == disc.shape
    np.testing.assert_array_equal(layer.scale, (2, 2))
    np.testing.assert_array_equal(layer.translate, (5, 7))
    assert (layer.mode, layer.selected_label) == ("paint", 2)


def test_metadata_is_copied_and_colors_are_those_of_the_strokes(
    viewer, disc, strokes, open_dock, qtbot
):
    affine = np.array([[0.9, 0.1, 3], [-0.1, 0.9, 2], [0, 0, 1]])
    image = viewer.add_image(
        disc,
        name="disc",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=10,
        shear=[0.1],
        affine=affine,
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    dock = open_dock(viewer)
    dock.new.click()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = strokes
    for kind in ("raw", "isr", "outlines"):
        layer = viewer.layers[f"disc [{kind}]"]
        for name in ("scale", "translate", "rotate", "shear"):
            np.testing.assert_allclose(getattr(layer, name), getattr(image, name))
        np.testing.assert_allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
    for kind in ("raw", "isr"):
        layer = viewer.layers[f"disc [{kind}]"]
        assert set(np.unique(layer.data)) == {0, 2}
        np.testing.assert_allclose(layer.get_color(2), dock.scribble_layer.get_color(2))


def test_the_table_shows_the_objects_and_picks_them(fitted, qtbot):
    _, dock = fitted
    table = dock.findChild(QTableWidget, "isr_objects")
    assert table.rowCount() == 1
    assert [table.item(0, column).text() for column in (NAME, PROOF)] == ["object 2", "✓"]
    area, _, drawn = table.item(0, NAME).data(DETAILS).partition(" px · ")
    assert int(area.replace(",", "")) > 1000
    assert drawn == "80 drawn"
    dock.brush.toggle_background()
    qtbot.mouseClick(
        table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=table.visualItemRect(table.item(0, NAME)).center(),
    )
    assert dock.scribble_layer.selected_label == 2


def test_missing_strokes_are_a_hint_live_and_an_error_on_run(ready, qtbot):
    _, dock = ready
    data = dock.scribble_layer.data.copy()
    data[40:44, 40:50] = 2
    dock.scribble_layer.data = data
    qtbot.waitUntil(lambda: "Background" in status(dock), timeout=WAIT)
    assert dock.controller.state.kind == "hint"
    dock.run_button.click()
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
    assert "background" in status(dock)
    assert "Traceback" not in status(dock)


def test_a_bad_setting_is_one_sentence(quick, qtbot):
    _, dock = quick
    known = {"shape": ("convx", "convex"), "predictor": ("forest", "fcn")}
    for setting, (value, word) in {**known, "features": ("smell", "rgb")}.items():
        before = getattr(dock, setting)
        setattr(dock, setting, value)
        qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
        assert word in status(dock)
        assert "\n" not in status(dock)
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            setattr(dock, setting, before)


def test_strokes_of_another_size_are_one_sentence(viewer, disc, open_dock, qtbot):
    viewer.add_image(disc, name="disc")
    viewer.add_labels(np.eye(50, dtype=int) * 2, name="small")
    dock = open_dock(viewer)
    dock.run()
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
    assert "size" in status(dock)


def test_more_dimensions_are_one_sentence(viewer, open_dock):
    viewer.add_image(np.zeros((2, 2, 4, 20, 20)), name="stack")
    dock = open_dock(viewer)
    assert "5 dimensions" in status(dock)
    dock.new.click()
    assert "5 dimensions" in status(dock)
    assert len(viewer.layers) == 1


def test_an_unexpected_error_is_one_sentence(quick, qtbot, monkeypatch):
    from napari_isr.segmentation.segmenter import Segmenter

    def broken(*_, **__):
        raise RuntimeError("boom")
        yield

    _, dock = quick
    monkeypatch.setattr(Segmenter, "run", broken)
    dock.run()
    qtbot.waitUntil(lambda: dock.controller.state.kind == "error", timeout=WAIT)
    assert "RuntimeError" in status(dock)
    assert not dock.controller.state.busy


def test_reset_forgets_the_fit_and_keeps_the_strokes(quick, strokes, qtbot):
    viewer, dock = quick
    dock.reset_button.click()
    assert [layer.name for layer in viewer.layers] == ["disc", "disc [strokes]"]
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert "no strokes" not in dock.objects.item(0, NAME).data(DETAILS)
    assert not dock.objects.item(0, PROOF).text()
    assert not dock.export_button.isEnabled()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()


def test_a_deleted_result_layer_is_made_again(quick, qtbot):
    viewer, dock = quick
    viewer.layers.remove(viewer.layers["disc [isr]"])
    viewer.layers.remove(viewer.layers["disc [outlines]"])
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert {"disc [isr]", "disc [outlines]"} <= {layer.name for layer in viewer.layers}


def test_a_dock_opened_again_goes_on_with_the_layers_of_the_one_before(
    fitted, strokes, open_dock, qtbot
):
    viewer, dock = fitted
    there = [layer.name for layer in viewer.layers]
    mask = next(layer for layer in viewer.layers if layer.name.endswith("[isr]"))
    viewer.window.remove_dock_widget(dock)
    again = open_dock(viewer)
    strokes = strokes.copy()
    strokes[50:54, 38:58] = 2
    with qtbot.waitSignal(again.settled, timeout=WAIT):
        again.scribble_layer.data = strokes
    ring = "disc [next stroke]"  # as long as another stroke would help
    now = [layer.name for layer in viewer.layers]
    assert now.count(ring) == (again.result.next_stroke is not None)
    assert sorted({*now} - {ring}) == sorted({*there} - {ring})
    assert len(now) == len({*now})
    np.testing.assert_array_equal(mask.data == 2, again.result.mask)
