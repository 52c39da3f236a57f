"""Scribbles and settings are saved, and offered after a crash."""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from napari.layers import Labels

from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.persistence.recovery import OverwriteCheck, RecoveryOffer
from napari_isr.io.session import (
    ImageReference,
    Snapshot,
    SnapshotStore,
    StoredSnapshots,
    default_folder,
    image_key,
    save,
)

WAIT = 30_000


def quiet_dock(viewer):
    """A dock that does not fit: what is kept does not depend on that."""
    dock = ScribbleWidget(viewer)
    dock.live = False
    viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
    return dock


def bar(dock):
    return dock.findChild(object, "isr_restore_bar")


def press(dock, name):
    dock.findChild(object, name).click()


def kept_of(array):
    return [one for one in SnapshotStore().find(image_key(array)) if one.snapshot() is not None]


def wait_saved(qtbot, array, check):
    def found():
        kept = kept_of(array)
        assert kept
        assert check(kept[0].snapshot())

    qtbot.waitUntil(found, timeout=WAIT)


@pytest.fixture
def drawn(viewer, disc, strokes, qtbot):
    """Give viewer and dock with strokes that were saved."""
    viewer.add_image(disc, name="disc")
    dock = quiet_dock(viewer)
    dock.new.click()
    dock.scribble_layer.data = strokes
    wait_saved(qtbot, disc, lambda s: np.array_equal(s.strokes, strokes))
    return viewer, dock


CRASH = """
import os, sys
import numpy as np
from napari_isr.io.session import *
image, name, path, folder = np.load(sys.argv[1]), sys.argv[2], sys.argv[3] or None, sys.argv[4]
strokes = np.load(sys.argv[5])
about = ImageReference(key=image_key(image), name=name, path=path, shape=image.shape[:2])
settings = {"shape": "star", "own_shapes": {"3": "convex"}, "live": False, "from_the_future": 1}
SnapshotStore(folder).save(Snapshot(about, strokes, "mine", settings))
print("saved", flush=True)
os.kill(os.getpid(), 9)
"""


def crash(tmp_path, image, strokes, path="", name="disc"):
    """Save scribbles of an image in another process that is killed."""
    files = [tmp_path / "crash_image.npy", tmp_path / "crash_strokes.npy"]
    for file, array in zip(files, (image, strokes), strict=True):
        np.save(file, array)
    arguments = [str(files[0]), name, str(path), str(default_folder()), str(files[1])]
    done = subprocess.run(
        [sys.executable, "-c", CRASH, *arguments],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert b"saved" in done.stdout, done.stderr


# ----------------------------------------------------------------------------------- autosave


def test_strokes_settings_and_shapes_are_saved_as_they_come(fitted, disc, strokes, qtbot):
    _, dock = fitted
    wait_saved(qtbot, disc, lambda s: 2 in s.shapes)
    dock.shape = "star"
    dock.controller.settings.own_shapes = {2: "convex"}
    wait_saved(qtbot, disc, lambda s: s.settings["own_shapes"] == {"2": "convex"})
    snapshot = kept_of(disc)[0].snapshot()
    assert snapshot.settings["shape"] == "star"
    np.testing.assert_array_equal(snapshot.strokes, strokes)
    assert snapshot.shapes[2].spec == "convex"
    assert snapshot.image.name == "disc"


def test_undo_is_saved_too(drawn, disc, strokes, qtbot):
    _, dock = drawn
    layer = dock.scribble_layer
    layer.paint((60, 60), 2)
    wait_saved(qtbot, disc, lambda s: s.strokes[60, 60] == 2)
    layer.undo()
    wait_saved(qtbot, disc, lambda s: s.strokes[60, 60] == 0)


def test_strokes_that_never_pause_are_saved_all_the_same(drawn, disc, qtbot):
    _, dock = drawn
    layer, place = dock.scribble_layer, 0
    until = time.monotonic() + 60
    while time.monotonic() < until:
        place = (place + 1) % 90
        layer.paint((70, place), 3)
        qtbot.wait(15)
        if place % 30 == 29 and (kept_of(disc)[0].snapshot().strokes == 3).any():
            return
    pytest.fail("nothing was saved while the user drew")


def test_each_layer_of_strokes_has_a_place_of_its_own(drawn, disc, strokes, qtbot):
    _, dock = drawn
    dock.new.click()
    dock.scribble_layer.data = strokes[::-1].copy()
    wait_saved(qtbot, disc, lambda s: np.array_equal(s.strokes, strokes[::-1]))
    found = [one.snapshot().strokes for one in kept_of(disc)]
    assert len(found) == 2
    np.testing.assert_array_equal(found[1], strokes)


def test_nothing_is_saved_of_an_image_without_strokes(viewer, disc, qtbot):
    viewer.add_image(disc)
    dock = quiet_dock(viewer)
    dock.new.click()
    dock.shape = "star"
    with qtbot.waitSignal(dock.persistence.autosave.saved, timeout=WAIT):
        dock.persistence.autosave.save()
    assert not kept_of(disc)


def test_closing_saves_the_last_strokes_at_once(drawn, disc, strokes, qtbot):
    _, dock = drawn
    last = strokes.copy()
    last[50:60, 50:60] = 2
    dock.scribble_layer.data = last
    dock.persistence.close()
    wait_saved(qtbot, disc, lambda s: np.array_equal(s.strokes, last))
    qtbot.waitUntil(lambda: not list(default_folder().glob("running/*")), timeout=WAIT)
    assert SnapshotStore().find_orphaned() == []


def test_a_save_that_fails_is_told_and_the_next_one_works(drawn, disc, strokes, qtbot, monkeypatch):
    _, dock = drawn
    full = {"now": True}
    real = SnapshotStore.save

    def save_or_fail(self, *what):
        if full["now"]:
            raise OSError(28, "No space left on device")
        return real(self, *what)

    monkeypatch.setattr(SnapshotStore, "save", save_or_fail)
    dock.scribble_layer.data = strokes[::-1].copy()
    qtbot.waitUntil(lambda: "No space left" in dock.status.text(), timeout=WAIT)
    full["now"] = False
    dock.scribble_layer.data = strokes[:, ::-1].copy()
    wait_saved(qtbot, disc, lambda s: np.array_equal(s.strokes, strokes[:, ::-1]))


def test_a_large_layer_does_not_hold_up_the_window(viewer, qtbot):
    image = np.zeros((4096, 4096), np.uint8)
    viewer.add_image(image)
    dock = quiet_dock(viewer)
    dock.new.click()
    for place in range(0, 4096, 512):
        dock.scribble_layer.data[place : place + 9, place : place + 400] = 2
    autosave = dock.persistence.autosave
    longest = 0.0
    for _ in range(5):
        autosave.schedule()
        before = time.thread_time()
        with qtbot.waitSignal(autosave.saved, timeout=WAIT):
            autosave.save()
            longest = max(longest, time.thread_time() - before)
    assert longest < 0.1  # all of it at once took more
    assert len(kept_of(image)) == 1


# ------------------------------------------------------------------------------------ restore


def test_what_a_crash_left_is_offered_and_comes_back(viewer, disc, strokes, qtbot, tmp_path):
    crash(tmp_path, disc, strokes)
    viewer.add_image(disc, name="another name")
    dock = quiet_dock(viewer)
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    sentence = dock.findChild(object, "isr_restore_sentence").text()
    assert "“disc”" in sentence
    assert "were not saved" in sentence
    press(dock, "isr_restore")
    qtbot.waitUntil(lambda: dock.scribble_layer is not None, timeout=WAIT)
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert dock.scribble_layer.name == "mine"
    assert dock.shape == "star"
    assert dock.controller.settings.own_shapes == {3: "convex"}
    assert not bar(dock).isVisibleTo(dock)
    qtbot.waitUntil(lambda: SnapshotStore().find_orphaned() == [], timeout=WAIT)
    wait_saved(qtbot, disc, lambda s: np.array_equal(s.strokes, strokes))


def test_what_is_not_wanted_is_not_offered_again(viewer, disc, strokes, qtbot, tmp_path):
    crash(tmp_path, disc, strokes)
    viewer.add_image(disc)
    dock = quiet_dock(viewer)
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    press(dock, "isr_discard")
    qtbot.waitUntil(lambda: SnapshotStore().find_orphaned() == [], timeout=WAIT)
    assert dock.scribble_layer is None
    assert not bar(dock).isVisibleTo(dock)


def test_strokes_on_the_canvas_are_never_written_over(drawn, disc, strokes, qtbot, tmp_path):
    _, dock = drawn
    crash(tmp_path, disc, strokes[::-1].copy())
    before = dock.scribble_layer
    dock.persistence.recovery.find_offer()
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    press(dock, "isr_restore")
    qtbot.waitUntil(lambda: dock.scribble_layer != before, timeout=WAIT)
    np.testing.assert_array_equal(before.data, strokes)
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes[::-1])


def test_the_image_is_opened_from_its_file(viewer, disc, strokes, qtbot, tmp_path):
    path = tmp_path / "disc.tif"
    imageio.imwrite(path, disc)
    crash(tmp_path, disc, strokes, path)
    dock = quiet_dock(viewer)
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    press(dock, "isr_restore")
    qtbot.waitUntil(lambda: dock.scribble_layer is not None, timeout=WAIT)
    assert dock.image_layer.source.path == str(path)
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)


def test_a_file_that_is_no_image_any_more_is_told(viewer, disc, strokes, qtbot, tmp_path):
    path = tmp_path / "disc.npy"
    path.write_text("nonsense")
    crash(tmp_path, disc, strokes, path)
    dock = quiet_dock(viewer)
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    press(dock, "isr_restore")
    qtbot.waitUntil(lambda: "cannot be opened" in dock.status.text(), timeout=WAIT)
    assert len(SnapshotStore().find_orphaned()) == 1


def test_without_its_file_the_offer_waits_for_the_image(viewer, disc, strokes, qtbot, tmp_path):
    crash(tmp_path, disc, strokes)
    dock = quiet_dock(viewer)
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    sentence, restore = (dock.findChild(object, f"isr_restore{x}") for x in ("_sentence", ""))
    assert "“disc”" in sentence.text()
    assert sentence.text().endswith("Open the image again to restore them.")
    assert not restore.isVisibleTo(dock)
    viewer.add_image(np.zeros((20, 30), np.uint8), name="other")
    with qtbot.waitSignal(dock.persistence.recovery.offered, timeout=WAIT) as told:
        dock.persistence.recovery.find_offer()
    assert told.args == [None]
    dock.image_layer = viewer.add_image(disc, name="disc")
    qtbot.waitUntil(lambda: bar(dock).isVisibleTo(dock), timeout=WAIT)
    assert sentence.text().endswith("were not saved.")
    assert restore.isVisibleTo(dock)


def test_the_last_strokes_are_offered_when_the_image_is_opened_again(drawn, disc, strokes, qtbot):
    viewer, dock = drawn
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not list(default_folder().glob("running/*")), timeout=WAIT)
    again = quiet_dock(viewer)
    with qtbot.waitSignal(again.persistence.recovery.offered, timeout=WAIT) as told:
        again.persistence.recovery.find_offer()
    assert told.args == [None]  # they are on the canvas
    viewer.layers.clear()
    viewer.add_image(disc, name="disc")
    qtbot.waitUntil(lambda: bar(again).isVisibleTo(again), timeout=WAIT)
    assert "Strokes of this image from" in again.findChild(object, "isr_restore_sentence").text()
    again.new.click()
    layer = again.scribble_layer
    press(again, "isr_restore")
    qtbot.waitUntil(lambda: layer.data.any(), timeout=WAIT)
    np.testing.assert_array_equal(layer.data, strokes)
    assert again.scribble_layer == layer


def test_a_fit_goes_on_from_the_kept_shape(fitted, disc, strokes, qtbot):
    viewer, dock = fitted
    wait_saved(qtbot, disc, lambda s: 2 in s.shapes)
    shape, old = kept_of(disc)[0].snapshot().shapes[2], dock.result
    viewer.layers.clear()
    viewer.add_image(disc, name="disc")
    dock.persistence.close()
    again = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(again, name="again", area="left")
    qtbot.waitUntil(lambda: bar(again).isVisibleTo(again), timeout=WAIT)
    press(again, "isr_restore")
    qtbot.waitUntil(lambda: again.result is not None, timeout=WAIT)
    assert again.controller.initial_shapes[2].spec == shape.spec
    assert (old.objects[2].mask ^ again.result.objects[2].mask).sum() < 20


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ((2026, 3, 5, 14, 3), "from 14:03"),
        ((2026, 3, 4, 23, 59), "from yesterday, 23:59"),
        ((2026, 2, 1, 8, 0), "from 1 February, 08:00"),
    ],
)
def test_the_time_is_told_as_people_tell_it(tmp_path, saved, told):
    now = datetime(2026, 3, 5, 17, 0).astimezone()
    about = ImageReference(key="0" * 32, name="fruit", shape=(4, 4))
    save(Snapshot(about, saved=datetime(*saved).astimezone()), tmp_path, "1.json")
    assert told in RecoveryOffer(StoredSnapshots(tmp_path), crashed=True).message(now)
    assert "“fruit”" in RecoveryOffer(StoredSnapshots(tmp_path), crashed=True).message(now)


def test_given_masks_and_names_come_back(drawn, disc, strokes, qtbot):
    viewer, dock = drawn
    mask = np.zeros(disc.shape, bool)
    mask[60:80, 60:80] = True
    dock.controller.imported_objects = {5: mask}
    dock.controller.settings.names = {2: "apple"}
    wait_saved(qtbot, disc, lambda s: 5 in s.given and s.settings["names"] == {"2": "apple"})
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not list(default_folder().glob("running/*")), timeout=WAIT)
    again = quiet_dock(viewer)
    before = again.scribble_layer
    qtbot.waitUntil(lambda: bar(again).isVisibleTo(again), timeout=WAIT)
    press(again, "isr_restore")
    qtbot.waitUntil(lambda: 5 in again.controller.imported_objects, timeout=WAIT)
    np.testing.assert_array_equal(np.asarray(again.controller.imported_objects[5]) > 0.5, mask)
    assert again.controller.settings.names == {2: "apple"}
    assert again.scribble_layer == before  # the strokes were there already


def test_scribbles_are_restored_onto_a_layer_only_if_nothing_is_overwritten():
    kept = np.zeros((9, 9), np.uint8)
    kept[4] = 2

    def is_safe(data, meanwhile=lambda layer: None, other=None):
        layer = Labels(data.copy())
        made = OverwriteCheck(layer)
        made.compute(kept)
        meanwhile(layer)
        return made.is_safe(layer if other is None else Labels(other), kept)

    assert is_safe(np.zeros_like(kept))
    assert is_safe(kept)
    assert not is_safe(kept + np.eye(9, dtype=np.uint8))
    assert not is_safe(np.zeros((5, 5), np.uint8))
    assert not is_safe(np.zeros_like(kept), lambda layer: layer.paint((1, 1), 2))
    assert not is_safe(np.zeros_like(kept), other=np.eye(9, dtype=np.uint8))
    assert is_safe(np.eye(9, dtype=np.uint8), other=np.zeros_like(kept))
    nobody = OverwriteCheck(None)
    nobody.compute(kept)
    assert not nobody.is_safe(None, kept)
