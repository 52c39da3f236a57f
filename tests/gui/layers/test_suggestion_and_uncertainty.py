"""Suggestion of the next stroke, and the map of the uncertainty."""

import threading

import numpy as np
import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel

from napari_isr.results import object_result

WAIT = 30_000
RING, MAP = "disc [next stroke]", "disc [uncertainty]"


@pytest.fixture
def disc(disc):
    """A bar before the disc: the shape says inside, the predictor outside."""
    disc[56:64] = np.random.default_rng(1).normal(60, 6, disc[56:64].shape)
    return disc


@pytest.fixture
def open_dock(open_dock):
    """Colours alone: quick, and they cannot know what the bar is."""
    return lambda viewer, **settings: open_dock(viewer, features="rgb", **settings)


def names(viewer):
    return [layer.name for layer in viewer.layers]


def middle(ring):
    return (ring.vertices.min(axis=0) + ring.vertices.max(axis=0)) / 2


def advice(dock):
    return dock.findChild(QLabel, "isr_advice").text()


def refit(dock, qtbot, data):
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = data


def test_the_ring_is_where_the_result_says(fitted):
    viewer, dock = fitted
    ring, stroke = viewer.layers[RING], dock.result.next_stroke
    np.testing.assert_allclose(middle(ring), stroke.point, atol=0.01)
    assert 54 <= middle(ring)[0] <= 65
    np.testing.assert_allclose(
        ring.colormap.colors[-1], dock.scribble_layer.get_color(2), atol=0.01
    )
    assert viewer.layers.selection == {dock.scribble_layer}
    assert dock.scribble_layer.mode == "paint"
    assert viewer.layers.index(ring) > viewer.layers.index(dock.scribble_layer)


def test_the_ring_follows_the_result(fitted, strokes, qtbot):
    viewer, dock = fitted
    first = dock.result.next_stroke.point
    strokes[56:64, 30:66] = 2
    refit(dock, qtbot, strokes)
    stroke = dock.result.next_stroke
    if stroke is None:
        assert RING not in names(viewer)
        assert advice(dock) == ""
    else:
        assert stroke.point != first
        np.testing.assert_allclose(middle(viewer.layers[RING]), stroke.point, atol=0.01)
        assert f"{stroke.point[0]:.0f}" in advice(dock)


def test_there_is_no_ring_where_all_is_clear(fitted, strokes, qtbot, monkeypatch):
    viewer, dock = fitted
    assert advice(dock)
    monkeypatch.setattr(object_result, "suggest_stroke", lambda *_: None)
    refit(dock, qtbot, strokes)
    assert RING not in names(viewer)
    assert advice(dock) == ""


def test_the_sentence_stands_beside_the_other_messages(fitted, qtbot):
    _, dock = fitted
    sentence = dock.result.next_stroke.message
    assert advice(dock)[1:] == f"{sentence[1:]}."
    assert advice(dock)[0] == "T"
    assert dock.status.text().startswith("Fitted")
    strokes = dock.scribble_layer
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        strokes.data_setitem((np.array([41, 42]), np.array([47, 47])), 1)
    assert "between the object strokes" in dock.status.text()


def test_the_ring_can_be_switched_off_and_on(fitted, strokes, qtbot):
    viewer, dock = fitted
    box = dock.findChild(QCheckBox, "isr_next")
    assert box.isChecked()
    assert dock.next_stroke
    box.click()
    assert not dock.next_stroke
    assert RING not in names(viewer)
    assert advice(dock) == ""
    refit(dock, qtbot, strokes)
    assert RING not in names(viewer)
    dock.next_stroke = True
    assert box.isChecked()
    assert RING in names(viewer)
    assert advice(dock)
    assert viewer.layers.selection == {dock.scribble_layer}


def test_the_map_is_made_only_when_it_is_wanted(fitted, strokes, qtbot):
    viewer, dock = fitted
    box = dock.findChild(QCheckBox, "isr_uncertainty")
    assert not dock.uncertainty
    assert MAP not in names(viewer)
    box.click()
    qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    layer = viewer.layers[MAP]
    np.testing.assert_array_equal(layer.data, dock.result.uncertainty)
    assert layer.contrast_limits == [0, 1]
    assert names(viewer).index(MAP) == 1  # right above the image
    assert viewer.layers.selection == {dock.scribble_layer}
    strokes[66:70, 38:58] = 2
    refit(dock, qtbot, strokes)
    assert viewer.layers[MAP] == layer
    np.testing.assert_array_equal(layer.data, dock.result.uncertainty)
    dock.uncertainty = False
    assert not box.isChecked()
    assert MAP not in names(viewer)
    refit(dock, qtbot, strokes)
    assert MAP not in names(viewer)


@pytest.mark.parametrize("on", [True, False])
def test_the_map_can_be_switched_during_a_fit(quick, strokes, qtbot, on):
    viewer, dock = quick
    dock.uncertainty = not on
    if not on:
        qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
        qtbot.waitUntil(lambda: dock.controller.state.busy, timeout=WAIT)
        dock.uncertainty = on
    qtbot.waitUntil(lambda: (MAP in names(viewer)) == on, timeout=WAIT)
    qtbot.wait(60)
    assert (MAP in names(viewer)) == on


def test_nothing_of_it_is_computed_in_the_gui_thread(ready, strokes, qtbot, monkeypatch):
    viewer, dock = ready
    threads = {"binary_entropy": set(), "suggest_stroke": set()}

    def watch(name, work):
        def noted(*arguments):
            threads[name].add(threading.current_thread() is threading.main_thread())
            return work(*arguments)

        monkeypatch.setattr(object_result, name, noted)

    watch("binary_entropy", object_result.binary_entropy)
    watch("suggest_stroke", object_result.suggest_stroke)
    refit(dock, qtbot, strokes)
    assert threads == {"binary_entropy": set(), "suggest_stroke": {False}}
    dock.uncertainty = True
    qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    dock.next_stroke = False
    dock.next_stroke = True
    refit(dock, qtbot, strokes)
    assert threads == {"binary_entropy": {False}, "suggest_stroke": {False}}


def test_guides_lie_where_the_image_lies(viewer, disc, strokes, open_dock, qtbot):
    affine = np.array([[0.9, 0.1, 3], [-0.1, 0.9, 2], [0, 0, 1]])
    image = viewer.add_image(
        disc,
        name="disc",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=10,
        affine=affine,
        units=("um", "um"),
    )
    dock = open_dock(viewer, uncertainty=True)
    dock.new.click()
    refit(dock, qtbot, strokes)
    for name in (RING, MAP):
        layer = viewer.layers[name]
        for part in ("scale", "translate", "rotate"):
            np.testing.assert_allclose(getattr(layer, part), getattr(image, part))
        np.testing.assert_allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
        assert layer.units == image.units
    image.translate = (7, 9)
    refit(dock, qtbot, strokes)
    for name in (RING, MAP):
        np.testing.assert_allclose(viewer.layers[name].translate, (7, 9))


def test_a_reset_takes_the_guides_away(fitted, qtbot):
    viewer, dock = fitted
    dock.uncertainty = True
    qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    dock.reset()
    assert names(viewer) == ["disc", "disc [strokes]"]
    assert advice(dock) == ""
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert {RING, MAP} <= set(names(viewer))


def test_guides_go_and_come_with_the_strokes(drawing, qtbot):
    viewer, dock, hand = drawing
    dock.uncertainty = True
    layer = dock.scribble_layer
    hand.draw((45, 38), (45, 58))
    dock.brush.toggle_background()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        hand.draw((5, 8), (5, 88), (90, 88), (90, 8), (6, 8))
    assert {RING, MAP} <= set(names(viewer))
    layer.undo()
    qtbot.waitUntil(lambda: "background" in dock.status.text(), timeout=WAIT)
    assert not {RING, MAP} & set(names(viewer))
    assert advice(dock) == ""
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        layer.redo()
    assert {RING, MAP} <= set(names(viewer))


def test_guides_belong_to_the_chosen_image(fitted, disc, strokes, qtbot):
    viewer, dock = fitted
    dock.uncertainty = True
    qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    box = dock.findChild(QComboBox, "isr_image")
    assert [box.itemText(k) for k in range(box.count())] == ["disc"]
    dock.image_layer = viewer.add_image(255 - disc, name="other")
    assert not {RING, MAP} & set(names(viewer))
    assert advice(dock) == ""
    refit(dock, qtbot, strokes)
    assert {"other [next stroke]", "other [uncertainty]"} <= set(names(viewer))
    assert not {RING, MAP} & set(names(viewer))


def test_deleted_guides_are_made_again(fitted, strokes, qtbot):
    viewer, dock = fitted
    dock.uncertainty = True
    qtbot.waitUntil(lambda: MAP in names(viewer), timeout=WAIT)
    for name in (RING, MAP):
        viewer.layers.remove(viewer.layers[name])
    refit(dock, qtbot, strokes)
    assert {RING, MAP} <= set(names(viewer))


def test_the_ring_is_as_large_at_every_zoom(fitted, qtbot):
    viewer, _ = fitted
    ring, camera = viewer.layers[RING], viewer.scene.camera
    for zoom in (0.5, 4.0, 20.0):
        camera.zoom = zoom
        qtbot.waitUntil(lambda z=zoom: abs(np.ptp(ring.vertices[:, 0]) * z - 28) < 2, timeout=WAIT)


def test_a_key_brings_the_ring_into_view(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    camera = viewer.scene.camera
    before = camera.center
    qtbot.keyClick(hand.canvas, "J")  # there is none
    assert camera.center == before
    refit(dock, qtbot, strokes)
    point = dock.result.next_stroke.point
    camera.center, camera.zoom = (0, 5, 90), 12
    qtbot.keyClick(hand.canvas, "J")
    np.testing.assert_allclose(camera.center[-2:], point)
    assert camera.zoom == 12
    assert dock.scribble_layer.mode == "paint"


def test_the_key_is_given_back(fitted):
    viewer, dock = fitted
    layer = dock.scribble_layer
    assert any(str(key) == "J" for key in layer.keymap)
    viewer.window.remove_dock_widget(dock)
    assert not any(str(key) == "J" and act for key, act in layer.keymap.items())
