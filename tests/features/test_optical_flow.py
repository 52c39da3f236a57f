"""Optical flow of a sequence, and scribbles that follow it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from napari_isr.features.optical_flow import flow_correspondences, optical_flow
from napari_isr.features.scribble_proximity import ScribbleProximity
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.time_series import make_geometry
from napari_isr.segmentation.segmenter import Segmenter

WAYS = ((0, 0), (11, -14), (-9, -20))  # of the camera: by more than an object's radius


def scene(size: int = 80, jumps: tuple[tuple[int, int], ...] = WAYS) -> np.ndarray:
    """Even patches of many greys, seen by a camera that jumps: (t, y, x), 0 to 1."""
    wide = np.random.default_rng(3).random((2 * size, 2 * size))
    smooth = ndimage.gaussian_filter(wide, 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    start = size // 2
    return np.stack([smooth[start + y :, start + x :][:size, :size] for y, x in jumps])


def test_the_way_of_a_camera_is_found():
    flow = optical_flow(scene()[..., None])
    for step, (first, second) in zip(flow, pairwise(WAYS), strict=True):
        expected = np.subtract(first, second)
        inner = step[:, 24:-24, 24:-24]
        assert np.median(inner, axis=(1, 2)) == pytest.approx(expected, abs=0.6)


@pytest.mark.parametrize("shape", [(1, 30, 30, 3), (3, 4, 30, 3), (3, 30, 30, 1)])
def test_where_nothing_is_seen_nothing_moves(shape):
    flow = optical_flow(np.full(shape, 0.5, np.float32))
    assert flow.shape == (shape[0] - 1, 2, *shape[1:3])
    assert (flow == 0).all()


def test_what_leaves_the_picture_is_left_out():
    flow = np.zeros((1, 2, 3, 4), np.float32)
    flow[0, 1] = 2.4  # two cells to the right
    here, there = flow_correspondences(flow)
    assert here.tolist() == [0, 1, 4, 5, 8, 9]
    assert (there - here - 12 == 2).all()


def test_nearness_follows_an_object_that_jumps():
    size, radius = 80, 8
    row, column = np.mgrid[:size, :size]
    background, places = scene(size), [(40, 20), (40, 44), (52, 62)]
    near = [(row - y) ** 2 + (column - x) ** 2 < radius**2 for y, x in places]
    far = [(row - y + 25) ** 2 + (column - x) ** 2 < radius**2 for y, x in places]  # a twin
    images = np.where(np.array(near) | np.array(far), 1.0, 0.5 * background)
    strokes = np.zeros(images.shape, np.uint8)
    y, x = places[0]
    strokes[0, y - 2 : y + 2, x - 2 : x + 2] = 2
    strokes[0, y - 27 : y - 23, x - 2 : x + 2] = 1
    strokes[0, 70:74, 10:70] = 1
    points = np.argwhere(strokes)
    classes = strokes[strokes > 0].astype(np.int64) - 1
    field = ScribbleProximity(
        SourceImage(images, 3), make_geometry(images.shape, (), "tyx")
    ).log_probabilities(points, classes, 2)
    for t, (y, x) in enumerate(places):
        logs = field.at(np.array([[t, y, x], [t, y - 25, x]], float))
        assert logs[0, 1] > logs[0, 0], f"the object in frame {t}"
        assert logs[1, 1] < logs[1, 0], f"its twin in frame {t}"


def test_the_frame_looked_at_is_outlined_before_edges_are_settled():
    row, column = np.mgrid[:64, :64]
    truth = np.stack([(row - 32) ** 2 + (column - x) ** 2 < 13**2 for x in (26, 30, 34)])
    images = np.where(truth, 180, 90).astype(np.uint8)
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[0, 30:34, 22:30] = 2
    strokes[0, 4:6, 6:58] = 1
    segmenter = Segmenter(images, ndim=3, axes="tyx", features="rgb,nearness,edges")
    segmenter.set_view_plane((1, None, None))

    def outlines(strokes):
        found = [u.predictor_contours for u in segmenter.run(strokes, "connected")]
        return [contours for contours in found if contours is not None]

    # The frame alone, all frames, and these with edges settled.
    found = outlines(strokes)
    assert len(found) == 3
    for contours in found:
        assert max(contours, key=len).mean(0) == pytest.approx([32, 30], abs=2)
    strokes[1, 30:34, 26:30] = 2
    assert len(outlines(strokes)) == 1  # the one before stays until this is settled
