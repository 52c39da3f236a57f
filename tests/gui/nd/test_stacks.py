"""Strokes on slices of a volume, outlines that follow the slider, results for the whole."""

import shlex

import numpy as np
import pytest
import tifffile

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.nd.current_slice import current_slice
from napari_isr.gui.persistence.recovery import OverwriteCheck
from napari_isr.gui.slice_contour_tracer import neighboring_slices
from napari_isr.gui.widgets.export import script_from_controller
from napari_isr.io.session import SnapshotStore, image_key
from napari_isr.results.result import iou
from tests.gui.conftest import PATIENCE, fit

DEPTH, SIDE = 7, 64
CENTRE, RADII = np.array([3, 32, 32]), np.array([2.5, 18.0, 18.0])


def radius(plane):
    """Of the ball in a plane, in rows and columns."""
    return 18 * np.sqrt(max(0, 1 - ((plane - 3) / 2.5) ** 2))


@pytest.fixture
def volume():
    places = np.stack(np.indices((DEPTH, SIDE, SIDE)), -1)
    inside = ((((places - CENTRE) / RADII) ** 2).sum(-1)) < 1
    noise = np.random.default_rng(0).normal(0, 6, inside.shape)
    return np.clip(np.where(inside, 190, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def strokes():
    scribbles = np.zeros((DEPTH, SIDE, SIDE), np.uint8)
    scribbles[3, 28:36, 24:40] = 2
    scribbles[3, 4:8, 4:60] = 1
    scribbles[3, 56:60, 4:60] = 1
    scribbles[0, 28:36, 10:50] = 1
    scribbles[6, 28:36, 10:50] = 1
    return scribbles


@pytest.fixture
def stack(make_napari_viewer_proxy, volume, open_dock):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(volume, name="ball", scale=(4, 1, 1), units=("um", "um", "um"))
    dock = open_dock(viewer, shape="none")
    dock.new.click()
    viewer.dims.set_point(0, 3 * 4)
    return viewer, dock


def outlines(viewer):
    layer = viewer.layers["ball [outlines]"]
    return layer.metadata["contours"]


def mean_radius(lines):
    return np.hypot(*(max(lines, key=len) - (32, 32)).T).mean() if lines else 0


def test_a_stroke_layer_of_a_stack_has_its_size_and_place(stack, volume):
    _, dock = stack
    layer = dock.scribble_layer
    assert layer.data.shape == volume.shape
    np.testing.assert_array_equal(layer.scale, (4, 1, 1))
    assert layer.n_edit_dimensions == 2


def test_outlines_follow_the_slider_and_masks_are_of_the_whole(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    for kind in ("raw", "isr"):
        layer = viewer.layers[f"ball [{kind}]"]
        assert layer.data.shape == strokes.shape
        np.testing.assert_array_equal(layer.scale, (4, 1, 1))
    mask = viewer.layers["ball [raw]"].data
    for plane in (3, 2, 4, 1, 3):
        viewer.dims.set_point(0, 4 * plane)
        key = "predictor", 2
        qtbot.waitUntil(lambda key=key: bool(outlines(viewer).get(key)), timeout=PATIENCE)
        area = np.count_nonzero(mask[plane])
        assert abs(mean_radius(outlines(viewer)[key]) - np.sqrt(area / np.pi)) < 1.5
        vertices = viewer.layers["ball [outlines]"].data[0]
        assert set(vertices[:, 0].tolist()) == {plane}


def test_an_outline_is_never_shown_in_a_plane_that_it_is_not_of(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    for plane in (0, 3, 6, 5, 4):
        viewer.dims.set_point(0, 4 * plane)  # without waiting
        vertices = viewer.layers["ball [outlines]"].data[0]
        assert not np.any(vertices) or set(vertices[:, 0].tolist()) == {plane}


def test_a_stack_is_traced_ahead_of_its_slider(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    known = dock.controller.presenter.views._planes._known
    qtbot.waitUntil(lambda: len(known) == DEPTH, timeout=PATIENCE)
    viewer.dims.set_point(0, 8)
    assert mean_radius(outlines(viewer)["predictor", 2]) > 5  # there at once


def test_outlines_in_the_two_other_directions(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 32)
    assert current_slice(viewer, dock.image_layer) == (None, 32, None)
    key = "predictor", 2
    qtbot.waitUntil(lambda: bool(outlines(viewer).get(key)), timeout=PATIENCE)
    line = max(outlines(viewer)[key], key=len)
    np.testing.assert_allclose(np.ptp(line, axis=0) / 2, (2.5, 18), atol=1.2)
    assert set(viewer.layers["ball [outlines]"].data[0][:, 1].tolist()) == {32}


def test_planes_nearest_to_the_shown_one_come_first():
    found = list(neighboring_slices((1, None, None), (4, 9, 9), (1, 1, 1)))
    assert [place for place, *_ in found] == [1, 2, 0, 3]
    halves = list(neighboring_slices((1, None, None), (3, 9, 9), (0.5, 1, 1)))
    assert [place for place, *_ in halves] == [1, 1.5, 0.5, 2, 0, 2.5, -0.5]
    assert list(neighboring_slices((1, None, None), (4, 9, 9))) == [(1, None, None)]


def test_moving_the_slider_starts_no_fit(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    started = []
    dock.controller.fit_started.connect(started.append)
    for plane in (0, 5, 2, 3):
        viewer.dims.set_point(0, 4 * plane)
        qtbot.wait(20)
    qtbot.wait(100)
    assert not started
    # The end of the first fit must not be taken for that of the second one.
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scribble_layer.fill((3, 10, 10), 1)
    assert len(started) == 1
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scribble_layer.undo()
    assert len(started) >= 2


def test_strokes_by_hand_on_two_slices(make_napari_viewer_proxy, volume, open_dock, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(volume, name="ball")
    dock = open_dock(viewer, shape="none", live=False)
    dock.new.click()
    hand = CanvasMouse(viewer, dock)
    qtbot.waitUntil(lambda: hand.canvas.width() > 100, timeout=PATIENCE)
    viewer.reset_view()
    viewer.dims.set_point(0, 3)
    hand.draw((28, 26), (36, 38))
    dock.brush.select_label(1)
    hand.draw((6, 6), (6, 58))
    viewer.dims.set_point(0, 0)
    hand.draw((32, 20), (32, 44))
    drawn = dock.scribble_layer.data
    assert {int(k) for k in np.unique(drawn[3])} == {0, 1, 2}
    assert {int(k) for k in np.unique(drawn[0])} == {0, 1}
    assert not drawn[[1, 2, 4, 5, 6]].any()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.live = True
        dock.run()
    assert dock.result.objects[2].mask.shape == volume.shape


def test_the_surface_is_seen_in_three_dimensions(stack, strokes, qtbot):
    viewer, dock = stack
    tick = dock.stack_tools.surface
    assert not tick.isHidden()
    assert not tick.isEnabled()  # nothing is fitted yet
    fit(dock, strokes, qtbot)
    tick.click()
    assert viewer.dims.ndisplay == 3
    name = "ball [isr] surface"
    qtbot.waitUntil(lambda: name in viewer.layers, timeout=PATIENCE)
    layer = viewer.layers[name]
    assert layer.visible
    np.testing.assert_array_equal(layer.scale, (4, 1, 1))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    vertices, faces = layer.data[:2]
    a, b, c = (vertices[faces[:, k]] * (4, 1, 1) for k in range(3))
    inside = abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6
    assert inside == pytest.approx(4 * np.count_nonzero(dock.result.objects[2].mask), rel=0.15)
    bright = layer.vertex_colors[:, :3].max(axis=1)
    lower_right = (vertices - vertices.mean(axis=0)) @ (0, 1, 1) > 0
    assert bright.min() > 0.3 * bright.max()  # nothing is black
    assert bright[~lower_right].mean() > 1.1 * bright[lower_right].mean()  # the lamp is upper left
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scribble_layer.fill((3, 10, 10), 1)
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(
        lambda: name in viewer.layers and not viewer.layers[name].visible, timeout=PATIENCE
    )
    tick.click()
    assert name not in viewer.layers


def test_the_table_tells_volumes(stack, strokes, qtbot):
    _, dock = stack
    fit(dock, strokes, qtbot)
    (row,) = dock.controller.state.rows
    assert row.measure.name == "Volume"
    assert row.area == 4 * np.count_nonzero(dock.result.objects[2].mask)
    assert "µm³" in dock.objects.item(0, 1).toolTip()
    dock.certificate_panel.more.click()
    assert "the whole volume of 7 slices" in dock.certificate_panel.account.text()


def test_strokes_of_a_stack_are_kept_and_brought_back(stack, strokes, volume, qtbot):
    _, dock = stack
    dock.live = False
    dock.axes = "z"
    dock.scribble_layer.data = strokes
    key = image_key(volume)

    def kept():
        found = [one.snapshot() for one in SnapshotStore().find(key)]
        return any(s is not None and np.array_equal(s.strokes, strokes) for s in found)

    qtbot.waitUntil(kept, timeout=PATIENCE)
    (snapshot,) = [one.snapshot() for one in SnapshotStore().find(key)]
    dock.scribble_layer.data = np.zeros_like(strokes)
    dock.axes = ""
    dock.persistence.recovery.restore_snapshot(snapshot, dock.image_layer, OverwriteCheck(None))
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert dock.axes == "z"


def test_guides_lie_in_their_slices_and_the_key_goes_there(stack, strokes, qtbot):
    viewer, dock = stack
    dock.uncertainty, dock.shape = True, "convex"
    strokes[1, 20:40, 58] = 2  # where nothing is to be seen
    fit(dock, strokes, qtbot)
    stroke = dock.result.next_stroke
    assert stroke is not None
    mark = viewer.layers["ball [next stroke]"]
    middle = (mark.vertices.min(axis=0) + mark.vertices.max(axis=0)) / 2
    np.testing.assert_allclose(middle, stroke.point, atol=0.01)
    assert set(mark.vertices[:, 0]) == {stroke.point[0]}  # in its slice
    assert viewer.layers["ball [uncertainty]"].data.shape == strokes.shape
    viewer.dims.set_point(0, 4 * (6 - round(stroke.point[0])))
    dock.controller.show_suggestion()
    assert current_slice(viewer, dock.image_layer)[0] == stroke.point[0]
    middle = np.asarray(viewer.scene.camera.center)[-2:]
    np.testing.assert_allclose(middle, stroke.point[1:], atol=0.6)
    assert "ball [handles]" not in viewer.layers


def test_a_mask_of_a_stack_is_imported_and_made_convex(stack, volume, qtbot):
    viewer, dock = stack
    dock.shape = "convex"
    mask = volume > 125
    mask[3, 20:30, 30:34] = False
    viewer.add_labels(mask.astype(np.uint8), name="mask", scale=(4, 1, 1))
    viewer.add_labels(np.ones((SIDE, SIDE), np.uint8), name="flat")
    dock.panel.menu.aboutToShow.emit()
    actions = {a.text(): a for a in dock.panel.menu.actions() if a.isEnabled()}
    assert list(actions) == ["mask"]
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        actions["mask"].trigger()
    item = dock.result.objects[2]
    assert item.certificate.holds
    assert dock.controller.state.certificate[0] is True
    assert iou(item.mask, volume > 125) > 0.8
    assert item.mask[3, 25, 32]
    key = "shape", 2
    qtbot.waitUntil(lambda: bool(outlines(viewer).get(key)), timeout=PATIENCE)
    assert abs(mean_radius(outlines(viewer)[key]) - 18) < 2.5


def test_strokes_in_conflict_are_marked_in_their_slice(stack, volume, strokes, qtbot):
    viewer, dock = stack
    dock.shape = "convex"
    wrong = np.array(strokes)
    wrong[2, 30:34, 30:34] = 2
    wrong[4, 30:34, 30:34] = 2
    wrong[3] = 0
    wrong[3, 31:33, 31:33] = 1
    wrong[3, 4:8, 4:60] = 1
    fit(dock, wrong, qtbot)
    marks = viewer.layers["ball [conflict]"].data
    assert set(marks[:, 0].tolist()) == {3}
    dock.certificate_panel.more.click()
    viewer.dims.set_point(0, 0)
    dock.certificate_panel.account.linkActivated.emit("conflict:2")
    assert current_slice(viewer, dock.image_layer)[0] == 3


def test_fits_of_a_stack_are_undone_with_their_outlines(stack, strokes, qtbot):
    viewer, dock = stack
    fit(dock, strokes, qtbot)
    first = dock.result
    more = np.array(strokes)
    more[3, 48:50, 20:40] = 1
    fit(dock, more, qtbot)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.controller.undo_fit()
    assert dock.result is first
    key = "predictor", 2
    lines = first.objects[2].predictor_contours(current_slice(viewer, dock.image_layer))
    qtbot.waitUntil(
        lambda: np.isclose(mean_radius(outlines(viewer).get(key, [])), mean_radius(lines)),
        timeout=PATIENCE,
    )
    dock.panel.table.deleted.emit(2)
    qtbot.waitUntil(lambda: not outlines(viewer).get(key), timeout=PATIENCE)


def test_the_copied_program_fits_the_same_volume(
    stack, strokes, volume, tmp_path, monkeypatch, qtbot
):
    _, dock = stack
    fit(dock, strokes, qtbot)
    recipe, missing = script_from_controller(dock.controller)
    assert missing == ["ball.tif", "ball [strokes].tif"]
    assert "'--axes', 'zyx'" in str(shlex.split(recipe.to_command_line()))
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("ball.tif", volume)
    tifffile.imwrite("ball [strokes].tif", strokes)
    exec(compile(recipe.to_python(), "copied", "exec"), {})
    np.testing.assert_array_equal(tifffile.imread(recipe.output) > 0, dock.result.objects[2].mask)
