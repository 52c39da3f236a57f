"""Commands of napari's menus, and its Save, without the dock."""

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_isr.gui import menu_actions as commands
from napari_isr.io.readers import read_array

WAIT = 30_000


@pytest.fixture
def told(monkeypatch):
    """Record messages to the user as (kind, message)."""
    heard = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(commands, name, lambda text, how=name: heard.append((how, text)))
    return heard


def bitten(centre, radius=14, size=96):
    """A disc with a bite, which no convex mask has."""
    rows, columns = np.ogrid[:size, :size]
    disc = np.hypot(rows - centre[0], columns - centre[1]) < radius
    disc[centre[0] - 3 : centre[0] + 3, centre[1] :] = False
    return disc


@pytest.fixture
def masks():
    labels = np.zeros((96, 96), np.uint16)
    labels[bitten((24, 24))] = 4
    labels[bitten((66, 60))] = 900
    return labels


def give_shape(shape):
    return commands.reshape_selected_layer(napari.current_viewer(), shape)


def entries(viewer, *path):
    """The actions of a menu, as the menu bar of the window shows it, by their texts."""
    (window,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)]
    found = window.menuBar()
    for text in path:
        (action,) = [a for a in found.actions() if a.text().replace("&", "") == text]
        found = action.menu()
        found.aboutToShow.emit()
    return {action.text().partition(" (")[0]: action for action in found.actions()}


def test_a_menu_makes_every_label_convex(viewer, masks, told, qtbot):
    source = viewer.add_labels(masks, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    menu = entries(viewer, "Layers", "Segment", "Give this mask a shape")
    menu["Make this mask convex"].trigger()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=WAIT)
    made = viewer.layers[1]
    assert made.name == "cells [convex]"
    assert made.data.dtype == masks.dtype
    assert tuple(made.scale) == (0.5, 0.5)
    assert made.units == source.units
    assert np.array_equal(made.colormap.map(900), source.colormap.map(900))
    for label in (4, 900):
        assert np.count_nonzero(made.data == label) > np.count_nonzero(masks == label) + 20
        assert made.metadata["objects"][label]["certificate"]["holds"]
    assert viewer.layers.selection.active == source
    (how, sentence) = told[0]
    assert how == "show_info"
    assert sentence.startswith("cells [convex]: 2 objects: convex, by construction and as checked")


def test_the_menus_are_enabled_for_masks_only(viewer, masks):
    where = ("Layers", "Annotate", "Give this mask a shape")
    names = list(entries(viewer, *where))
    assert len([n for n in names if n.startswith("Make this mask")]) == 10
    for add, enabled in (
        (lambda: viewer.add_labels(masks), True),
        (lambda: viewer.add_image(masks > 0), True),
        (lambda: viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True), False),
        (lambda: viewer.add_points(np.zeros((1, 2))), False),
    ):
        viewer.layers.selection.active = add()
        found = entries(viewer, *where)
        assert {a.isEnabled() for n, a in found.items() if n.startswith("Make")} == {enabled}


@pytest.mark.parametrize("kind", [bool, np.float32, np.uint8])
def test_an_image_with_a_mask_or_probabilities_is_one_object(viewer, kind, told, qtbot):
    mask = bitten((40, 40)).astype(kind)
    viewer.add_image(mask * kind(200) if kind is np.uint8 else mask, name="sam")
    worker = give_shape("star")
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT)
    assert worker is not None
    assert viewer.layers[1].name == "sam [star]"
    assert set(np.unique(viewer.layers[1].data)) == {0, 2}


def test_what_is_no_mask_is_told_in_one_sentence(viewer, disc, told, qtbot):
    assert give_shape("convex") is None
    viewer.add_image(disc, name="disc")
    give_shape("convex")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=WAIT)
    viewer.add_labels(np.zeros((9, 9), int))
    give_shape("convex")
    qtbot.waitUntil(lambda: len(told) == 3, timeout=WAIT)
    assert "Select a Labels layer" in told[0][1]
    assert "'disc' is neither a mask nor probabilities" in told[1][1]
    assert "there is no object" in told[2][1].lower()
    assert {how for how, _ in told} == {"show_warning"}
    assert all("\n" not in sentence for _, sentence in told)
    assert len(viewer.layers) == 2


def test_it_can_be_cancelled(viewer, masks, told, qtbot, monkeypatch):
    bars = []
    kind = commands.cancelable_progress
    monkeypatch.setattr(
        commands, "cancelable_progress", lambda **about: bars.append(kind(**about)) or bars[-1]
    )
    viewer.add_labels(masks, name="cells")
    give_shape("connected")
    bars[0].cancel()  # what the button of napari's activity dock does
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT)
    assert told == [("show_warning", "Cancelled; 'cells' is as it was.")]
    assert len(viewer.layers) == 1


def test_a_source_that_goes_does_not_matter(viewer, masks, told, qtbot):
    viewer.add_labels(masks)
    give_shape("convex")
    viewer.layers.clear()
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT)
    assert len(viewer.layers) == 1


def test_a_failed_check_is_a_warning(viewer, masks, told, qtbot, monkeypatch):
    from napari_isr.certificates import Certificate

    monkeypatch.setattr(Certificate, "holds", property(lambda self: False))
    viewer.add_labels(masks)
    give_shape("convex")
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT)
    assert told[0][0] == "show_warning"
    assert "the check fails for label 4, 900" in told[0][1]


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy"])
def test_labels_are_saved_by_our_writers(viewer, masks, ending, tmp_path):
    layer = viewer.add_labels(masks)
    (path,) = layer.save(str(tmp_path / f"masks{ending}"), plugin="napari-isr")
    assert np.array_equal(read_array(tmp_path / f"masks{ending}"), masks)
    assert path.endswith(ending)


def test_what_cannot_be_saved_is_one_sentence(viewer, tmp_path, monkeypatch):
    from napari_isr.gui import writers

    heard = []
    monkeypatch.setattr(writers, "show_error", heard.append)
    layer = viewer.add_labels(np.full((4, 4), 70_000))
    with pytest.warns(UserWarning, match="did not return any written paths"):
        layer.save(str(tmp_path / "much.png"), plugin="napari-isr")
    assert heard == ["A PNG file holds labels up to 65535: write .tif or .npy."]
    assert list(tmp_path.iterdir()) == []


def test_a_viewer_that_is_closed_in_the_midst_does_not_matter(viewer, masks, told, qtbot):
    viewer.add_labels(masks)
    worker = give_shape("connected")
    viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=WAIT)
