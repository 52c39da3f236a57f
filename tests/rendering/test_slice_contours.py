"""Outlines in the planes of a stack."""

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.slice_contours import (
    slice_contours,
    slice_grid_contours,
    slice_values,
    validate_slice,
)
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.segmenter import Segmenter

FRAME = ImageGeometry((12, 40, 50), (4.0, 1.0, 1.0))


def ball(points):
    centered = (points - np.array([6.0, 20.0, 25.0])) * np.array([4.0, 1.0, 1.0])
    return 15.0 - np.linalg.norm(centered, axis=1)


@pytest.mark.parametrize(
    ("plane", "centre", "scale", "radius"),
    [
        ((6, None, None), (20, 25), (1, 1), 15.0),
        ((8, None, None), (20, 25), (1, 1), np.sqrt(15**2 - 8**2)),
        ((None, 20, None), (6, 25), (4, 1), 15.0),
        ((None, None, 16), (6, 20), (4, 1), 12.0),
    ],
)
def test_the_outline_of_a_ball_is_a_circle_in_every_plane(plane, centre, scale, radius):
    (line,) = slice_contours(ball, FRAME, plane)
    away = np.linalg.norm((line - centre) * scale, axis=1)
    np.testing.assert_allclose(away, radius, atol=0.05)
    np.testing.assert_array_equal(line[0], line[-1])


def test_a_plane_beside_the_object_has_no_outline():
    assert slice_contours(ball, FRAME, (11, None, None)) == []


def test_values_between_two_layers_of_nodes_are_interpolated():
    axes = [np.array([0.0, 4.0, 8.0]), np.arange(3.0), np.arange(2.0)]
    values = np.arange(3.0)[:, None, None] * np.ones((3, 3, 2))
    for place, expected in ((0, 0), (3, 0.75), (4, 1), (7, 1.75), (-1, 0), (20, 2)):
        found = slice_values(values, axes, (place, None, None))
        np.testing.assert_allclose(found, np.full((3, 2), expected))
    np.testing.assert_allclose(
        slice_values(values, axes, (None, 1, None)), np.arange(3)[:, None] * [1, 1]
    )


def test_a_single_layer_of_nodes_is_itself_everywhere():
    axes = [np.array([2.0]), np.arange(3.0), np.arange(3.0)]
    values = np.arange(9.0).reshape(1, 3, 3)
    for place in (0, 2, 5):
        np.testing.assert_array_equal(slice_values(values, axes, (place, None, None)), values[0])


def test_outlines_on_a_grid_lie_where_the_values_change_sign():
    axes = FRAME.axis_positions()
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    values = ball(points).reshape(FRAME.shape)
    (line,) = slice_grid_contours(values, axes, FRAME, (6, None, None))
    np.testing.assert_allclose(np.linalg.norm(line - (20, 25), axis=1), 15, atol=0.1)


def test_what_is_no_plane_is_said():
    for plane in ((1, None), (None, None, None), (1, 2, None)):
        with pytest.raises(InputError, match="plane must hold 3 values"):
            validate_slice(plane, FRAME)
    with pytest.raises(InputError, match="say which plane"):
        validate_slice(None, FRAME)
    assert validate_slice(None, ImageGeometry((4, 5))) == (None, None)


def test_a_result_gives_the_outline_of_one_plane():
    points = np.stack(np.meshgrid(*FRAME.axis_positions(), indexing="ij"), -1).reshape(-1, 3)
    mask = (ball(points) > 0).reshape(FRAME.shape)
    found = isr.project(mask, spacing=FRAME.spacing).objects[2]
    (line,) = found.contours(plane=(6, None, None))
    assert abs(np.linalg.norm(line - (20, 25), axis=1).mean() - 15) < 1.0
    (raw,) = found.predictor_contours((6, None, None))
    assert abs(np.linalg.norm(raw - (20, 25), axis=1).mean() - 15) < 1.0
    with pytest.raises(InputError, match="say which plane"):
        found.contours()


def test_updates_hold_the_outlines_of_the_plane_that_is_looked_at():
    points = np.stack(np.meshgrid(*FRAME.axis_positions(), indexing="ij"), -1).reshape(-1, 3)
    mask = (ball(points) > 0).reshape(FRAME.shape)
    segmenter = Segmenter(np.zeros(FRAME.shape, np.uint8), ndim=3, spacing=FRAME.spacing)
    none = Scribbles.empty(FRAME.shape)
    assert all(update.contours is None for update in segmenter.run(none, "convex", {2: mask}))
    segmenter.set_view_plane((8, None, None))
    updates = list(segmenter.run(none, "convex", {2: mask}))
    for kind in ("predictor_contours", "contours"):
        lines = [found for update in updates if (found := getattr(update, kind)) is not None]
        radius = np.linalg.norm(lines[-1][0] - (20, 25), axis=1).mean()
        assert abs(radius - np.sqrt(15**2 - 8**2)) < 1.5
    with pytest.raises(InputError, match="plane must hold 3 values"):
        segmenter.set_view_plane((8,))
