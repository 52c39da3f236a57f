"""Handles on the canvas, by real mouse events."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QPushButton

from napari_isr.gui._testing import PAUSE_MS
from napari_isr.gui.layers.utils import METADATA_KIND, is_result_layer

WAIT = 30_000
RIGHT, NO_KEY = Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier
SHAPES = {
    "star": ("center", "center"),
    "rotational:order=4": ("center", "center"),
    "mirror": ("axis", "middle"),
    "star+mirror": ("axis", "end"),
}


def handles(dock):
    return dock.controller.presenter.views._handles


def layer_of(viewer):
    found = [layer for layer in viewer.layers if layer.metadata.get(METADATA_KIND) == "handles"]
    return found[0] if found else None


def fit(dock, strokes, shape, qtbot):
    dock.shape, dock.features = shape, "rgb"  # which is quick
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = strokes.copy()


def spot(dock, hand, grip, away=(0.0, 0.0)):
    """Pixels (row, column) of a grip, or so far away from it."""
    return tuple(np.add(handles(dock)._handle.control_points[grip], away))


def drag(dock, hand, grip, away, qtbot):
    """Drag a grip by so many pixels of the image; give where it came from.

    With Live on, wait for the fit.
    """
    start = spot(dock, hand, grip)
    if dock.live:
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            draw(dock, hand, start, np.add(start, away))
    else:
        draw(dock, hand, start, np.add(start, away))
    return start


def on_canvas(dock, hand, point):
    """Return the position of a pixel of the image on the canvas."""
    return hand.to_canvas(*dock.image_layer.data_to_world(point)[-2:])


def draw(dock, hand, *points):
    hand.draw(*(dock.image_layer.data_to_world(point)[-2:] for point in points))


def test_a_drag_holds_a_place_fixed_and_a_double_click_releases_it(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    fit(dock, strokes, "convex", qtbot)
    assert layer_of(viewer) is None  # a convex shape has no place
    for shape, (option, grip) in SHAPES.items():
        dock.live = False
        dock.shape = shape
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            dock.live = True
        assert is_result_layer(layer_of(viewer))
        assert viewer.layers.selection.active == dock.scribble_layer
        start = drag(dock, hand, grip, (7, -6), qtbot)
        assert dock.shape.startswith(f"{shape.partition(':')[0]}:")
        assert f"{option}=" in dock.shape
        if grip in ("center", "middle"):  # an end is as far out as the object is long
            np.testing.assert_allclose(spot(dock, hand, grip), np.add(start, (7, -6)), atol=1.5)
        check_that_it_is_held(dock, option)
        dock.live = False
        place = on_canvas(dock, hand, spot(dock, hand, grip)).toPoint()
        QTest.mouseDClick(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, place)
        assert dock.shape == shape
        np.testing.assert_array_equal(dock.scribble_layer.data, strokes)  # nothing was painted
        assert dock.scribble_layer.mode == "paint"
    draw(dock, hand, (60, 60), (64, 66))  # the brush still paints elsewhere
    assert (dock.scribble_layer.data != strokes).any()


def test_the_place_where_the_button_is_let_go_counts(drawing, strokes, qtbot):
    _, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    dock.live = False
    start = spot(dock, hand, "center")
    middle, end = np.add(start, (4, -3)), np.add(start, (8, -6))
    left, there = Qt.MouseButton.LeftButton, on_canvas(dock, hand, end).toPoint()
    QTest.mousePress(hand.canvas, left, NO_KEY, on_canvas(dock, hand, start).toPoint())
    hand._drag(on_canvas(dock, hand, middle))
    QTest.mouseRelease(hand.canvas, left, NO_KEY, there)  # the last moves were merged
    np.testing.assert_allclose(spot(dock, hand, "center"), end, atol=1)


def check_that_it_is_held(dock, option):
    """The fit has the place that the option says."""
    item = dock.result.objects[2]
    assert item.certificate.holds
    numbers = [float(x) for x in dock.shape.partition(f"{option}=")[2].split("/")]
    if option == "center":
        np.testing.assert_allclose(item.parameters["centre"], numbers, atol=0.01)
    else:
        turned = item.parameters["axis_degrees"] - numbers[2]
        assert abs((turned + 90) % 180 - 90) < 0.01


@pytest.fixture
def pattern(make_napari_viewer_proxy, open_dock, qtbot):
    """A pattern of discs, its strokes, and the dock."""
    from napari_isr.gui._testing import CanvasMouse

    rows, columns = np.mgrid[:96, :96]
    image = np.where(np.hypot(rows % 24 - 9, columns % 20 - 11) < 6, 190, 60).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[[9, 33, 57], :] = np.where(image[[9, 33, 57], :] > 100, 2, 1)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(image, name="pattern")
    dock = open_dock(viewer, features="rgb")
    dock.new.click()
    hand = CanvasMouse(viewer, dock)
    qtbot.wait(400)
    viewer.reset_view()
    fit(dock, strokes, "periodic", qtbot)
    return viewer, dock, hand


def test_lattice_steps_are_dragged_and_the_origin_shows_them_elsewhere(pattern, qtbot):
    _, dock, hand = pattern
    (a, b), (c, d) = dock.result.objects[2].parameters["lattice"]
    np.testing.assert_allclose(sorted([abs(a) + abs(b), abs(c) + abs(d)]), [20, 24], atol=0.5)
    origin = spot(dock, hand, "origin")
    draw(dock, hand, origin, np.add(origin, (-5, 4)))
    assert dock.shape == "periodic"  # that holds nothing
    np.testing.assert_allclose(spot(dock, hand, "origin"), np.add(origin, (-5, 4)), atol=1)
    for grip in ("first", "second"):
        start = drag(dock, hand, grip, (2, 3), qtbot)
        np.testing.assert_allclose(spot(dock, hand, grip), np.add(start, (2, 3)), atol=1)
        np.testing.assert_allclose(spot(dock, hand, "origin"), np.add(origin, (-5, 4)), atol=1)
    text = dock.shape.partition("lattice=")[2]
    numbers = np.array([float(x) for x in text.split("/")]).reshape(2, 2)
    np.testing.assert_allclose(dock.result.objects[2].parameters["lattice"], numbers, atol=0.01)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        place = on_canvas(dock, hand, spot(dock, hand, "second")).toPoint()
        QTest.mouseClick(hand.canvas, RIGHT, NO_KEY, place)
    assert dock.shape == "periodic"


def test_a_handle_follows_the_mouse_at_once(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    start = spot(dock, hand, "center")
    path = [on_canvas(dock, hand, np.add(start, (k, k))) for k in range(0, 12, 2)]
    QTest.mouseMove(hand.canvas, path[0].toPoint())
    QTest.mousePress(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, path[0].toPoint())
    qtbot.wait(PAUSE_MS)  # napari drops a move that comes faster after the press
    for before, after in pairwise(path):
        way = after - before
        assert np.hypot(way.x(), way.y()) > 3

        def followed(after=after):
            hand._drag(after)  # as often as a slow machine needs: napari drops moves that come fast
            place = on_canvas(dock, hand, spot(dock, hand, "center"))
            return abs(place.x() - after.x()) + abs(place.y() - after.y()) < 3

        qtbot.waitUntil(followed, timeout=WAIT)
        assert layer_of(viewer).data[0].mean(axis=0) == pytest.approx(
            spot(dock, hand, "center"), abs=0.5
        )
    assert dock.shape == "star"  # not before the release
    dock.live = False
    QTest.mouseRelease(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, path[-1].toPoint())
    assert dock.shape.startswith("star:center=")


def test_a_click_changes_nothing_and_the_row_below_the_options_releases(drawing, strokes, qtbot):
    _, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    place = on_canvas(dock, hand, spot(dock, hand, "center")).toPoint()
    QTest.mouseClick(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, place)
    QTest.mouseClick(hand.canvas, RIGHT, NO_KEY, place)
    QApplication.processEvents()
    assert dock.shape == "star"
    button = dock.findChild(QPushButton, "isr_release")
    assert not button.isVisibleTo(dock)
    drag(dock, hand, "center", (5, 0), qtbot)
    np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    assert button.isVisibleTo(dock)
    assert "center held" in dock.findChild(QLabel, "isr_held").text()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert dock.shape == "star"
    assert not button.isVisibleTo(dock)


def test_the_cursor_tells_of_a_handle(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    before = viewer.cursor.style
    place = on_canvas(dock, hand, spot(dock, hand, "center"))
    hover(hand, place)
    assert viewer.cursor.style == "pointing"
    assert "hold" in viewer.help
    large = width(viewer)
    hover(hand, place + QPointF(40, 40))
    assert viewer.cursor.style == before
    assert "hold" not in viewer.help
    assert (width(viewer) < large - 2).all()


def hover(hand, place):
    """Move the mouse, no button pressed."""
    screen, none = QPointF(hand.canvas.mapToGlobal(place.toPoint())), Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, place, screen, none, none, NO_KEY)
    QTest.qWait(20)  # napari merges moves that come fast
    QApplication.sendEvent(hand.canvas, move)
    QTest.qWait(20)


def test_a_handle_is_dragged_with_any_tool_and_the_canvas_stays(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    dock.live = False
    for mode in ("pan_zoom", "fill", "polygon"):
        dock.scribble_layer.mode = mode
        camera, before = np.array(viewer.scene.camera.center), dock.shape
        drag(dock, hand, "center", (3, 2), qtbot)
        assert dock.shape != before
        np.testing.assert_allclose(viewer.scene.camera.center, camera)
        np.testing.assert_array_equal(dock.scribble_layer.data, strokes)
    viewer.layers.selection.active = viewer.layers["disc"]
    before = dock.shape
    drag(dock, hand, "center", (-3, -2), qtbot)
    assert dock.shape != before
    np.testing.assert_allclose(viewer.scene.camera.center, camera)


def test_a_drag_so_quick_that_napari_tells_of_no_move_counts(drawing, strokes, qtbot):
    _, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    dock.live = False
    start, stop = spot(dock, hand, "center"), spot(dock, hand, "center", (6, 4))
    places = [on_canvas(dock, hand, point).toPoint() for point in (start, stop)]
    QTest.mousePress(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, places[0])
    QTest.mouseRelease(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, places[1])
    np.testing.assert_allclose(spot(dock, hand, "center"), stop, atol=0.6)
    assert "center=" in dock.shape


def test_handles_lie_right_on_a_mirrored_and_a_stretched_image(
    make_napari_viewer_proxy, disc, strokes, open_dock, qtbot
):
    from napari_isr.gui._testing import CanvasMouse

    viewer = make_napari_viewer_proxy(show=True)
    image = viewer.add_image(disc, name="disc", scale=(-0.5, 2.0), translate=(200, -30))
    dock = open_dock(viewer)
    dock.new.click()
    hand = CanvasMouse(viewer, dock)
    qtbot.wait(400)
    viewer.reset_view()
    fit(dock, strokes, "star", qtbot)
    dock.live = False
    start = drag(dock, hand, "center", (6, 9), qtbot)
    moved = spot(dock, hand, "center")
    np.testing.assert_allclose(moved, np.add(start, (6, 9)), atol=1.5)
    size = width(viewer)
    assert 15 < size[0] < 21
    assert size[0] == pytest.approx(size[1], rel=1e-3)  # round
    image.scale, image.translate = (2.0, 1.0), (0, 0)
    np.testing.assert_allclose(layer_of(viewer).scale, (2, 1))
    np.testing.assert_allclose(width(viewer), size, rtol=1e-3)
    viewer.scene.camera.zoom *= 3
    qtbot.waitUntil(lambda: np.allclose(width(viewer), size, rtol=1e-3), timeout=WAIT)


def width(viewer):
    """Height and width of the handle on the screen."""
    layer = layer_of(viewer)
    ends = [layer.data_to_world(p) for p in (layer.data[0].min(0), layer.data[0].max(0))]
    return np.abs(np.subtract(*ends)) * viewer.scene.camera.zoom


def test_each_object_has_its_handle_and_holds_its_own_place(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    two = strokes.copy()
    two[60:64, 50:62] = 3
    fit(dock, two, "star", qtbot)
    first = spot(dock, hand, "center")
    dock.scribble_layer.selected_label = 3
    assert spot(dock, hand, "center") != first
    dock.scribble_layer.selected_label = 1  # the background: the last object's stays
    assert spot(dock, hand, "center") != first
    dock.live = False
    drag(dock, hand, "center", (4, 4), qtbot)
    assert dock.shape == "star"
    assert dock.controller.settings.own_shapes[3].startswith("star:center=")
    dock.scribble_layer.selected_label = 2
    assert not handles(dock)._fixed
    dock.controller.settings.own_shapes = {2: "none", 3: "convex"}
    assert layer_of(viewer) is None  # shapes without a place have no handle


def test_a_handle_that_was_deleted_comes_back_with_the_next_fit(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    fit(dock, strokes, "star", qtbot)
    viewer.layers.remove(layer_of(viewer))
    point = spot(dock, hand, "center")
    before = dock.scribble_layer.data.copy()
    draw(dock, hand, point, np.add(point, (2, 2)))  # paints: there is no handle
    assert (dock.scribble_layer.data != before).any()
    qtbot.waitUntil(lambda: layer_of(viewer) is not None, timeout=WAIT)
    layer_of(viewer).visible = False
    draw(dock, hand, point, np.add(point, (-6, 6)))
    assert dock.shape == "star"


def test_no_handle_and_no_callback_is_left_behind(drawing, strokes, qtbot):
    viewer, dock, hand = drawing
    counts = [len(viewer.mouse_drag_callbacks), len(viewer.mouse_move_callbacks)]
    fit(dock, strokes, "star", qtbot)
    assert len(viewer.mouse_drag_callbacks) == counts[0] + 1
    dock.reset_button.click()
    assert layer_of(viewer) is None
    assert [len(viewer.mouse_drag_callbacks), len(viewer.mouse_move_callbacks)] == counts
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert layer_of(viewer) is not None
    place = on_canvas(dock, hand, spot(dock, hand, "center"))
    QTest.mousePress(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, place.toPoint())
    hand._drag(place + QPointF(9, 9))
    viewer.window.remove_dock_widget(dock)  # in mid-drag
    hand._drag(place + QPointF(18, 9))
    QTest.mouseRelease(hand.canvas, Qt.MouseButton.LeftButton, NO_KEY, place.toPoint())
    assert layer_of(viewer) is None
    assert [len(viewer.mouse_drag_callbacks), len(viewer.mouse_move_callbacks)] == counts
