"""Layers that follow the zoom are redrawn once, after its last change."""

from napari.components import ViewerModel

from napari_isr.gui.layers.utils import DebouncedZoomListener


def test_one_call_when_the_zoom_rests_and_none_after_the_end(qtbot):
    viewer = ViewerModel()
    camera, seen = viewer.scene.camera, []
    follower = DebouncedZoomListener(viewer, lambda: seen.append(camera.zoom))
    for zoom in (2, 3, 4):
        camera.zoom = zoom
    assert seen == []
    qtbot.waitUntil(lambda: seen == [4])
    camera.center = (0, 5, 5)  # moving is no zooming
    assert not follower._timer.isActive()
    camera.zoom = 8
    assert follower._timer.isActive()
    follower.close()
    assert not follower._timer.isActive()
    camera.zoom = 2
    assert not follower._timer.isActive()
    assert seen == [4]
