"""Pixels and contours come straight from the logit, at any scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from napari_isr.certificates import convexity_defects
from napari_isr.geometry.coordinates import CoordinateMap, with_coordinates
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.rendering.rasterize import (
    ShapeLogit,
    grid_contours,
    rasterize_blocks,
    trace_contours,
)
from napari_isr.shapes import Convex


def random_convex(seed, ndim=2, size=0.3):
    shape = Convex(ndim)
    draw = torch.Generator().manual_seed(seed)
    vector = shape.parameter_vector()
    shape.load_vector(vector + size * torch.randn(vector.shape, generator=draw))
    return shape


def rendered(logit, axes, reach=None):
    *steps, mask = rasterize_blocks(logit, axes, reach)
    assert all(step is None for step in steps)
    return mask


@given(st.integers(0, 10_000), st.sampled_from([(37, 52), (130, 200), (1, 40), (12, 17, 20)]))
def test_deciding_in_blocks_gives_the_same_pixels(seed, shape):
    frame = ImageGeometry(shape)
    logit = ShapeLogit(random_convex(seed, len(shape)), frame)
    axes = frame.axis_positions()
    every = (logit(meshgrid_points(axes)) > 0).reshape(shape)
    assert np.array_equal(rendered(logit, axes, logit.block_bound()), every)
    assert np.array_equal(rendered(logit, axes), every)


@given(st.integers(0, 10_000), st.sampled_from([0.6, 1, 2.3]), st.sampled_from([0.4, 3.0]))
def test_deciding_in_blocks_gives_the_same_pixels_where_a_coordinate_jumps(seed, scale, weight):
    draw = np.random.default_rng(seed)
    depth = np.linspace(0, 1, 110) + np.zeros((90, 1))
    depth[draw.integers(90) :, draw.integers(110) :] += 2.0
    depth[tuple(draw.integers(90, size=(2, 30)))] = 5.0  # single pixels
    frame = with_coordinates(ImageGeometry((90, 110)), {"depth": CoordinateMap(depth, weight)})
    logit = ShapeLogit(random_convex(seed, 3, 0.6), frame)
    axes = frame.axis_positions(scale)
    mask = rendered(logit, axes, logit.block_bound())
    every = (logit(meshgrid_points(axes)) > 0).reshape(mask.shape)
    assert np.array_equal(mask, every)


@given(st.integers(0, 10_000), st.sampled_from([0.5, 1, 2, 3.5]))
def test_convex_stays_convex_at_every_scale(seed, scale):
    frame = ImageGeometry((61, 84), (1.0, 0.7))
    logit = ShapeLogit(random_convex(seed), frame)
    mask = rendered(logit, frame.axis_positions(scale), logit.block_bound())
    assert not convexity_defects(mask).any()


def test_sign_next_to_the_boundary_is_that_of_double_precision():
    frame = ImageGeometry((400, 400))
    shape = random_convex(3)
    logit = ShapeLogit(shape, frame)
    contour = trace_contours(logit, frame)[0]
    near = contour + 1e-5 * np.random.default_rng(0).normal(size=contour.shape)
    exact = shape.double()(torch.from_numpy(frame.to_normalized(near))).detach().numpy()
    assert np.array_equal(logit(near) > 0, exact > 0)


def test_a_copy_is_taken():
    frame = ImageGeometry((40, 40))
    shape = random_convex(0)
    logit = ShapeLogit(shape, frame)
    before = logit(np.array([[20.0, 20.0]]))
    shape.load_vector(shape.parameter_vector() * 0)
    assert np.array_equal(logit(np.array([[20.0, 20.0]])), before)


def circle(centre, radius):
    return lambda points: radius - np.linalg.norm(points - centre, axis=1)


@pytest.mark.parametrize("radius", [0.4, 3.0, 40.0])
def test_contour_of_a_circle_is_sub_pixel(radius):
    (contour,) = trace_contours(circle((50.3, 60.8), radius), ImageGeometry((120, 130)))
    assert np.array_equal(contour[0], contour[-1])
    distance = np.linalg.norm(contour - (50.3, 60.8), axis=1)
    assert np.abs(distance - radius).max() < 0.01
    assert abs(Polygon(contour).area / (np.pi * radius**2) - 1) < 0.01


@pytest.mark.parametrize("bend", [1.0, 5.0, 0.2])
def test_few_looks_put_a_contour_on_the_level_of_a_logit_that_is_bent_there(bend):
    """Less inside than outside by that factor; 72 cells of 5.6 pixels."""
    round_, looks = circle((200.3, 190.8), 120.0), []

    def logit(points):
        looks.append(len(points))
        value = round_(points)
        return np.where(value > 0, value, bend * value)

    (contour,) = trace_contours(logit, ImageGeometry((400, 400)), 72)
    assert len(looks) <= 6
    assert np.abs(np.linalg.norm(contour - (200.3, 190.8), axis=1) - 120).max() < 0.01


def test_contour_follows_the_image_border():
    (contour,) = trace_contours(circle((0.0, 30.0), 10), ImageGeometry((40, 60)))
    assert contour[:, 0].min() == -0.5
    polygon = Polygon(contour)
    assert polygon.is_valid
    assert abs(polygon.area - (np.pi * 50 + 10)) < 1.0


@pytest.mark.parametrize("middle", [(-3.0, 30.0), (42.0, 30.0), (20.0, -3.0), (20.0, 62.0)])
def test_a_sliver_beside_the_outermost_pixels_has_no_contour(middle):
    frame = ImageGeometry((40, 60))
    assert trace_contours(circle(middle, 2.7), frame) == []
    assert len(trace_contours(circle(middle, 3.3), frame)) == 1


def test_nothing_inside_gives_no_contour():
    assert trace_contours(circle((50, 50), -1.0), ImageGeometry((100, 100))) == []


def test_convex_contour_is_a_convex_polygon():
    frame = ImageGeometry((200, 300))
    for seed in range(20):
        contours = trace_contours(ShapeLogit(random_convex(seed), frame), frame)
        assert len(contours) <= 1
        for contour in contours:
            polygon = Polygon(contour)
            assert polygon.convex_hull.area - polygon.area < 1e-3 * polygon.area


def test_contours_on_a_coarse_grid_reach_the_border():
    frame = ImageGeometry((20, 30))
    axes = [np.array([2.0, 7.0, 12.0, 17.0]), np.array([3.0, 12.0, 21.0, 27.0])]
    (contour,) = grid_contours(np.ones((4, 4)), axes, frame)
    assert contour.min(axis=0).tolist() == [-0.5, -0.5]
    assert contour.max(axis=0).tolist() == [19.5, 29.5]
    assert grid_contours(-np.ones((4, 4)), axes, frame) == []
