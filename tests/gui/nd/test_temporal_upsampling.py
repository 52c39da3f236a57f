"""Sequences: the role of the axis, frames between the frames, frames without the object."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_isr.gui.nd.tools_widget import FINER, STOP
from napari_isr.gui.object_measurements import format_frame_ranges
from tests.gui.conftest import PATIENCE, fit

FRAMES, SIDE = 6, 64
GONE = 5  # the last frame is empty


def column(frame):
    """Return the column of the disc."""
    return 20 + 5 * frame


@pytest.fixture
def sequence():
    rows, columns = np.mgrid[:SIDE, :SIDE]
    noise = np.random.default_rng(0).normal(0, 6, (FRAMES, SIDE, SIDE))
    discs = [np.hypot(rows - 32, columns - column(t)) < 11 for t in range(FRAMES)]
    discs[GONE][:] = False
    return np.clip(np.where(discs, 190, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def strokes():
    scribbles = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
    for frame in (0, 4):
        scribbles[frame, 30:34, column(frame) - 6 : column(frame) + 6] = 2
        scribbles[frame, 4:8, 4:60] = 1
        scribbles[frame, 56:60, 4:60] = 1
    scribbles[GONE, 20:44, 4:60:6] = 1
    return scribbles


@pytest.fixture
def moving(make_napari_viewer_proxy, sequence, open_dock):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(sequence, name="disc", scale=(2, 1, 1), axis_labels=("t", "y", "x"))
    dock = open_dock(viewer, shape="none")
    dock.new.click()
    viewer.dims.set_point(0, 0)
    return viewer, dock


def shown(dock, name):
    return not dock.findChild(object, name).isHidden()


def test_the_layer_says_that_an_axis_is_time(moving):
    viewer, dock = moving
    box = dock.findChild(object, "isr_axes")
    assert box.currentText().startswith("t ")
    assert shown(dock, "isr_per_frame")
    assert dock.controller.make_job(live=True).axes == "tyx"
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert dock.axes == "z"
    assert dock.controller.make_job(live=True).axes == "zyx"
    assert not shown(dock, "isr_per_frame")
    assert not shown(dock, "isr_super_resolve")
    viewer.add_image(np.zeros((6, 20, 20)), name="other", units=("s", "um", "um"))
    dock.image_layer = viewer.layers["other"]
    assert dock.axes == ""  # the choice was about the first stack
    assert box.currentText().startswith("t ")


def test_a_plain_image_has_no_control_more(viewer, disc, open_dock):
    viewer.add_image(disc, name="disc")
    dock = open_dock(viewer)
    for name in (
        "isr_axes",
        "isr_per_frame",
        "isr_surface",
        "isr_super_resolve",
        "isr_coordinate",
    ):
        assert dock.findChild(object, name).isHidden() or not dock.findChild(
            object, name
        ).isVisibleTo(dock)


def test_a_sequence_has_four_times_the_frames(moving, strokes, qtbot):
    viewer, dock = moving
    fit(dock, strokes, qtbot)
    tools = dock.stack_tools
    tools.factor.setValue(4)
    made = []
    tools.resolver.made.connect(made.append)
    tools.finer.click()
    assert tools.finer.text() == STOP
    qtbot.waitUntil(lambda: bool(made), timeout=PATIENCE)
    assert tools.finer.text() == FINER
    layer = viewer.layers["disc [isr] x4"]
    assert layer.data.shape == (4 * FRAMES, SIDE, SIDE)
    np.testing.assert_allclose(layer.scale, (0.5, 1, 1))
    # The same stretch of time: its first frame begins where the sequence's first one does.
    first = [np.asarray(x.data_to_world((-0.5, 0, 0)))[0] for x in (layer, viewer.layers["disc"])]
    assert first[0] == first[1]
    centres = [np.argwhere(frame)[:, 1].mean() for frame in layer.data[:18] if frame.any()]
    assert np.all(np.diff(centres) > -0.3)  # it moves to the right all the time
    assert centres[-1] - centres[0] > 15
    assert f"{4 * FRAMES} frames" in dock.controller.state.message


def test_super_resolution_can_be_stopped(moving, strokes, qtbot):
    viewer, dock = moving
    fit(dock, strokes, qtbot)
    before = list(viewer.layers)
    dock.stack_tools.finer.click()
    dock.stack_tools.finer.click()
    qtbot.waitUntil(lambda: dock.stack_tools.finer.text() == FINER, timeout=PATIENCE)
    assert list(viewer.layers) == before
    assert "Cancelled" in dock.controller.state.message


def test_frames_without_the_object_are_told(moving, strokes, qtbot):
    _, dock = moving
    fit(dock, strokes, qtbot)
    (row,) = dock.controller.state.rows
    assert row.measure.name == "Area, mean of 5 frames"
    assert row.measure.note == "not in frame 5"
    assert abs(row.area - np.pi * 11**2) < 60
    dock.certificate_panel.more.click()
    assert "not in frame 5" in dock.certificate_panel.account.text()
    assert "all 6 frames as one" in dock.certificate_panel.account.text()


def test_frames_in_words():
    assert format_frame_ranges([]) == ""
    assert format_frame_ranges([3]) == "frame 3"
    assert format_frame_ranges([0, 1, 2, 7]) == "frames 0 to 2 and 7"
    assert format_frame_ranges(range(0, 20, 2)) == "frames 0, 2, 4, 6 and others"


def is_play_button(widget):
    return type(widget).__name__ == "QtPlayButton" and widget.isVisible()


def test_outlines_follow_the_frames_that_are_played(moving, strokes, qtbot):
    viewer, dock = moving
    fit(dock, strokes, qtbot)
    known = dock.controller.presenter.views._planes._known
    qtbot.waitUntil(lambda: len(known) == FRAMES, timeout=PATIENCE)
    seen = {}

    def note(_=None):
        layer = viewer.layers["disc [outlines]"]
        lines = layer.metadata["contours"].get(("predictor", 2))
        if lines:
            seen[viewer.dims.current_step[0]] = float(max(lines, key=len)[:, 1].mean())

    viewer.dims.events.current_step.connect(note)
    button = next(w for w in dock.window().findChildren(QWidget) if is_play_button(w))
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(seen) >= 5, timeout=PATIENCE)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    sliders = next(w for w in dock.window().findChildren(QWidget) if type(w).__name__ == "QtDims")
    qtbot.waitUntil(lambda: not sliders.is_playing, timeout=PATIENCE)
    for frame, middle in seen.items():
        assert abs(middle - column(frame)) < 2.5
    viewer.dims.events.current_step.disconnect(note)


def test_all_frames_as_one_and_frame_by_frame(moving, strokes, qtbot):
    """The tube of a disc, certified as a whole; then each frame by itself."""
    _, dock = moving
    dock.shape = "star"
    fit(dock, strokes, qtbot)
    item = dock.result.objects[2]
    assert dock.controller.state.certificate[0] is True
    assert item.mask[2].sum() == pytest.approx(np.pi * 11**2, rel=0.25)  # no stroke in this frame
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.findChild(object, "isr_per_frame").click()
    assert "over_time=frames" in dock.result.objects[2].shape_name
    assert dock.result.objects[2].mask[2].sum() == pytest.approx(np.pi * 11**2, rel=0.35)


def test_volumes_over_time(make_napari_viewer_proxy, open_dock, qtbot):
    places = np.indices((3, 6, 40, 40)).astype(float)
    t, z, y, x = places
    inside = ((z - 2.5) / 2.5) ** 2 + ((y - 20) / 11) ** 2 + ((x - 16 - 3 * t) / 11) ** 2 < 1
    image = np.clip(
        np.where(inside, 190, 60) + np.random.default_rng(0).normal(0, 6, inside.shape), 0, 255
    )
    viewer = make_napari_viewer_proxy()
    viewer.add_image(image.astype(np.uint8), name="cell", scale=(2, 4, 1, 1))
    dock = open_dock(viewer, shape="none")
    dock.new.click()
    assert dock.controller.make_job(live=True).axes == "tzyx"
    assert not dock.stack.axes.isEnabled()
    strokes = np.zeros(image.shape, np.uint8)
    for frame in (0, 2):
        strokes[frame, 2:4, 18:22, 12:20] = 2
        strokes[frame, 2:4, 2:5, 3:37] = 1
        strokes[frame, 2:4, 35:38, 3:37] = 1
        strokes[frame, [0, 5], ::9, 3:37] = 1
    viewer.dims.set_point([0, 1], [2, 8])
    fit(dock, strokes, qtbot)
    layer = viewer.layers["cell [outlines]"]
    key = "predictor", 2
    for frame, plane in ((1, 2), (0, 3), (2, 2)):
        viewer.dims.set_point([0, 1], [2 * frame, 4 * plane])
        qtbot.waitUntil(lambda: bool(layer.metadata["contours"].get(key)), timeout=PATIENCE)
        line = max(layer.metadata["contours"][key], key=len)
        assert abs(line[:, 1].mean() - 16 - 3 * frame) < 2
        assert set(map(tuple, layer.data[0][:, :2].tolist())) == {(frame, plane)}
    assert dock.stack_tools.surface.isHidden()
    made = []
    dock.stack_tools.resolver.made.connect(made.append)
    dock.stack_tools.factor.setValue(2)
    dock.stack_tools.finer.click()
    qtbot.waitUntil(lambda: bool(made), timeout=PATIENCE)
    assert made[0].data.shape == (6, 6, 40, 40)
    assert dock.controller.state.rows[0].measure.name == "Volume, mean of 3 frames"
    assert dock.objects.item(0, 1).toolTip()
