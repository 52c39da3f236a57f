"""Keys, tools and colours of the stroke layer."""

from itertools import combinations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.action_manager import action_manager
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from skimage.color import rgb2lab

from napari_isr.gui import keybindings as keys
from napari_isr.gui.theme import PREDICTOR, SHAPE, scribble_colormap
from napari_isr.gui.widgets.object_table import COLOR, NAME

WAIT = 30_000
OF_OTHER_LAYERS = ("points", "shapes", "surface", "tracks", "vectors", "image")
# Actions of these layers have no such word in their names.
ALSO_OTHERS = ("auto_contrast_once", "select_all", "direct_mode", "select_mode", "vertex", "add_")


def normal(key):
    return frozenset(str(key).replace("Control", "Ctrl").replace("-", "+").split("+"))


def napari_keys():
    """Keys of the viewer and of Labels layers, as they are set by default and as they are now."""
    found = set()
    for name, bindings in default_shortcuts.items():
        if any(word in name for word in (*OF_OTHER_LAYERS, *ALSO_OTHERS)):
            continue
        now = action_manager._shortcuts.get(name, ())
        found |= {normal(key) for key in (*bindings, *now)}
    return found


def test_our_keys_are_free_in_napari():
    taken = napari_keys()
    assert {normal("P"), normal("Ctrl+R"), normal("M"), normal("3")} <= taken
    ours = {normal(key) for key in keys.TAKEN}
    assert len(ours) == len(keys.TAKEN)
    assert not ours & taken
    for keymap in (Labels.class_keymap, ViewerModel.class_keymap):
        assert not ours & {normal(key) for key in keymap}


def bound(viewer, layer):
    """Keys of the stroke layer, and those of the list of images, which act on any layer."""
    return {normal(key) for keymap in (layer.keymap, viewer.keymap) for key in keymap}


def test_every_key_is_bound_while_the_dock_is_open_and_told_in_a_tooltip(fitted, qtbot):
    viewer, dock = fitted
    layer = dock.scribble_layer
    assert {normal(key) for key in keys.TAKEN} <= bound(viewer, layer)
    tips = " ".join(w.toolTip() for w in dock.findChildren(object) if hasattr(w, "toolTip"))
    for key in keys.TAKEN:
        told = keys.format_key(key)
        assert f"({told})" in tips or f"; {told} brings" in tips, key
    viewer.window.remove_dock_widget(dock)
    assert not bound(viewer, layer) & {normal(key) for key in keys.TAKEN}


def test_keys_run_and_cancel(drawing, strokes, qtbot):
    _, dock, hand = drawing
    dock.live, dock.shape = False, "none"
    dock.scribble_layer.data = strokes
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.keyClick(hand.canvas, keys.RUN)
    qtbot.keyClick(hand.canvas, keys.RUN)
    qtbot.waitUntil(lambda: dock.controller.state.busy, timeout=WAIT)
    qtbot.keyClick(hand.canvas, keys.CANCEL)
    assert not dock.controller.state.busy
    assert "ancel" in dock.status.text()


def test_the_brush_stays_armed_after_a_fit(drawing, strokes, qtbot):
    viewer, dock, _ = drawing
    layer = dock.scribble_layer
    dock.brush.select_label(1)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = strokes
    assert viewer.layers.selection.active == layer
    assert (layer.mode, layer.selected_label) == ("paint", 1)


def test_polygon_and_fill_count_as_strokes(drawing, strokes, qtbot):
    _, dock, hand = drawing
    dock.shape = "none"
    layer = dock.scribble_layer
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.data = strokes
    layer.selected_label = 3
    layer.mode = "polygon"
    left, no_key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    corners = [
        hand.to_canvas(*corner).toPoint() for corner in ((60, 60), (60, 76), (76, 76), (76, 60))
    ]
    for corner in corners:
        QTest.mouseMove(hand.canvas, corner)
        QTest.mouseClick(hand.canvas, left, no_key, corner)
        QTest.qWait(20)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.keyClick(hand.canvas, Qt.Key.Key_Return)
    assert (layer.data[64:72, 64:72] == 3).all()
    assert set(dock.result.objects) == {2, 3}
    layer.selected_label = 4
    layer.mode = "fill"
    inside = hand.to_canvas(68, 68).toPoint()
    QTest.mouseMove(hand.canvas, inside)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        QTest.mouseClick(hand.canvas, left, no_key, inside)
    assert set(dock.result.objects) == {2, 4}


def test_masks_and_table_follow_the_colors_of_the_strokes(fitted):
    viewer, dock = fitted
    layer = dock.scribble_layer
    other = scribble_colormap()
    other.colors[2] = (0.1, 0.2, 0.3, 1.0)
    layer.colormap = other
    expected = layer.colormap.map(2)
    for name in ("disc [raw]", "disc [isr]"):
        np.testing.assert_allclose(viewer.layers[name].colormap.map(2), expected)
    color = np.array(dock.objects.item(0, NAME).data(COLOR)) / 255
    np.testing.assert_allclose(color, np.ravel(expected)[:3], atol=0.01)


# Machado, Oliveira & Fernandes 2009, severity 1; they act on linear RGB.
VISION = {
    "all cones": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def seen(rgb, matrix):
    """L*a*b* of sRGB colours (n, 3) as somebody sees them."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ matrix.T
    linear = np.clip(linear, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None])[0]


@pytest.mark.parametrize("vision", VISION)
def test_strokes_are_told_apart_with_any_color_vision(vision):
    colormap = scribble_colormap()
    strokes = np.array([np.ravel(colormap.map(label))[:3] for label in range(1, 10)])
    colors = seen(np.concatenate([strokes, [PREDICTOR, SHAPE]]), VISION[vision])
    for first, second in combinations(range(9), 2):
        assert np.linalg.norm(colors[first] - colors[second]) > 20, (first + 1, second + 1)
    for stroke in range(1, 9):
        assert np.linalg.norm(colors[stroke] - colors[9:], axis=1).min() > 12, stroke + 1
