"""Nearness to the strokes: the walker and the geodesics on the graph, and the field of an image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_isr.features import SourceImage
from napari_isr.features.cell_grid import FAR, LEAK, CellGraph, GridField
from napari_isr.features.scribble_proximity import ScribbleProximity
from napari_isr.geometry.image import ImageGeometry


def seeds_of(shape, **places):
    """Classes by their order: ``a=[(row, column), ...]``; -1 elsewhere."""
    seeds = np.full(shape, -1)
    for k, where in enumerate(places.values()):
        for cell in where:
            seeds[cell] = k
    return seeds.ravel()


def split(height=9, width=12, step=1.0):
    """Two even halves."""
    colors = np.zeros((height, width, 1))
    colors[:, width // 2 :] = step
    return colors


def field_of(image, strokes, spacing=()):
    """Field for strokes (0 unlabelled, 1 background, 2, ... objects), and the classes drawn."""
    ndim = strokes.ndim
    source = SourceImage(image, ndim)
    points = np.argwhere(strokes)
    classes = strokes[strokes > 0].astype(np.int64) - 1
    nearness = ScribbleProximity(source, ImageGeometry(source.shape, spacing))
    return nearness.log_probabilities(points, classes, int(classes.max()) + 1)


def everywhere(field):
    """Probabilities (n1, ..., nd, classes) of every pixel."""
    shape = field.frame.shape
    logs = field.at(np.argwhere(np.ones(shape)).astype(float))
    odds = np.exp(logs - logs.max(1, keepdims=True))
    return (odds / odds.sum(1, keepdims=True)).reshape(*shape, -1)


# ------------------------------------------------------------------------------- random walk


@pytest.mark.parametrize("shape", [(9, 12), (1, 30), (30, 1), (4, 5, 6), (2, 1, 7)])
def test_probabilities_of_the_walk_add_up(shape):
    rng = np.random.default_rng(0)
    graph = CellGraph(rng.random((*shape, 3)))
    seeds = np.full(graph.count, -1)
    seeds[rng.permutation(graph.count)[:6]] = [0, 1, 2, 0, 1, 2]
    found = graph.random_walk_probabilities(seeds, 3)
    assert found.min() >= 0
    assert np.allclose(found.sum(1), 1)
    fixed = seeds >= 0
    assert np.array_equal(found[fixed], np.eye(3)[seeds[fixed]])


def test_on_an_even_line_the_walk_is_the_gamblers_ruin():
    """From step i of n the far end is met first with probability i / n."""
    graph = CellGraph(np.zeros((1, 11, 1)))
    found = graph.random_walk_probabilities(seeds_of((1, 11), near=[(0, 0)], far=[(0, 10)]), 2)
    assert np.allclose(found[:, 1], np.arange(11) / 10, atol=1e-5)


def test_the_walk_is_harmonic():
    """A free cell's probability is the mean of its neighbours', weighted by conductance."""
    colors = np.random.default_rng(1).random((1, 8, 1))
    graph = CellGraph(colors)
    found = graph.random_walk_probabilities(seeds_of((1, 8), a=[(0, 0)], b=[(0, 7)]), 2)[:, 1]
    square = np.diff(colors[0, :, 0]) ** 2
    conductance = np.exp(-3 * square / square.mean()) + LEAK
    flow = conductance * np.diff(found)
    assert np.allclose(flow, flow[0], rtol=1e-4)


def test_the_walk_is_right_on_two_regions():
    seeds = seeds_of((9, 12), left=[(4, 1)], right=[(4, 10)])
    found = CellGraph(split()).random_walk_probabilities(seeds, 2).reshape(9, 12, 2)
    assert found[:, :6, 0].min() > 0.95
    assert found[:, 6:, 1].min() > 0.95


def test_contrast_holds_the_walker_up():
    """A seed that is far but without an edge between outweighs one that is near beyond an edge."""
    seeds = seeds_of((9, 12), left=[(4, 0)], right=[(4, 7)])
    cell = 4 * 12 + 5
    held = CellGraph(split()).random_walk_probabilities(seeds, 2)[cell, 0]
    even = CellGraph(split(step=0)).random_walk_probabilities(seeds, 2)[cell, 0]
    assert held > 0.95
    assert even < 0.4


def test_contrast_is_relative_to_the_image():
    seeds = seeds_of((9, 12), left=[(4, 0)], right=[(4, 7)])
    strong = CellGraph(split(step=100.0)).random_walk_probabilities(seeds, 2)
    weak = CellGraph(split(step=0.01)).random_walk_probabilities(seeds, 2)
    assert np.allclose(strong, weak, atol=1e-4)


def test_several_classes_share_what_is_equally_far():
    cross = seeds_of((9, 9), a=[(0, 4)], b=[(4, 0)], c=[(8, 4)], d=[(4, 8)])
    found = CellGraph(np.zeros((9, 9, 1))).random_walk_probabilities(cross, 4).reshape(9, 9, 4)
    assert np.allclose(found[4, 4], 0.25, atol=1e-5)
    assert found[1, 4].argmax() == 0
    assert found[4, 1].argmax() == 1


def test_all_cells_drawn_leave_nothing_to_solve():
    seeds = np.arange(6) % 2
    found = CellGraph(np.random.default_rng(0).random((2, 3, 1))).random_walk_probabilities(
        seeds, 2
    )
    assert np.array_equal(found, np.eye(2)[seeds])


# --------------------------------------------------------------------------------- geodesics


def test_geodesics_are_zero_on_seeds_and_grow_along_even_ground():
    graph = CellGraph(np.zeros((1, 11, 1)))
    found = graph.geodesic_distances(seeds_of((1, 11), a=[(0, 0)], b=[(0, 10)]), 2)
    assert np.allclose(found[0], [0, found[10, 0]])
    assert np.allclose(np.diff(found[:, 0]), found[1, 0])
    assert np.allclose(found[:, 0], found[::-1, 1])


def test_geodesics_go_round_an_edge_where_that_is_shorter():
    wall = np.zeros((9, 13, 1))
    wall[:8, 6] = 1.0  # a way round at the last row
    graph = CellGraph(wall)
    left = graph.geodesic_distances(seeds_of((9, 13), a=[(0, 2)]), 1).reshape(9, 13)
    assert left[0, 10] > 2 * left[8, 2]
    closed = wall.copy()
    closed[8, 6] = 1.0
    assert CellGraph(closed).geodesic_distances(seeds_of((9, 13), a=[(0, 2)]), 1)[10] > left[0, 10]


def test_a_class_that_cannot_be_reached_is_far_not_infinite():
    """Without an edge there is no way: one cell, or a class whose seeds are nowhere else."""
    graph = CellGraph(np.zeros((1, 1, 1)))
    assert graph.geodesic_distances(np.array([0]), 1).tolist() == [[0.0]]
    line = CellGraph(np.zeros((1, 5, 1)))
    found = line.geodesic_distances(seeds_of((1, 5), a=[(0, 0)]), 2)
    assert np.isfinite(found).all()
    assert (found[:, 1] == FAR).all()


def test_diagonals_are_steps_in_a_plane_if_asked_for():
    seeds = seeds_of((5, 5), a=[(0, 0)])
    direct = CellGraph(np.zeros((5, 5, 1))).geodesic_distances(seeds, 1)[-1, 0]
    corners = CellGraph(np.zeros((5, 5, 1)), diagonal=False).geodesic_distances(seeds, 1)[-1, 0]
    assert np.isclose(corners / direct, np.sqrt(2), rtol=0.01)


def test_every_pair_of_neighbors_is_joined_once():
    """In space, by faces: the number of edges of a lattice is known."""
    graph = CellGraph(np.zeros((3, 4, 5, 1)), diagonal=False)
    edges = 2 * 4 * 5 + 3 * 3 * 5 + 3 * 4 * 4
    assert graph._distances.nnz == edges


# ----------------------------------------------------------------------------------- fields


def test_a_field_is_right_on_two_regions_of_one_image():
    image = np.full((60, 90), 80, np.uint8)
    truth = np.hypot(*(np.mgrid[:60, :90] - np.array([[[30]], [[50]]]))) < 18
    image[truth] = 150
    image = image + np.random.default_rng(0).integers(0, 9, image.shape).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[28:32, 45:55] = 2
    strokes[3:6, 5:85] = strokes[55:58, 5:85] = 1
    found = everywhere(field_of(image, strokes))[..., 1] > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    assert found[strokes == 2].all()
    assert not found[strokes == 1].any()


def test_what_looks_alike_is_told_apart_by_what_lies_between():
    """Two discs of one colour: only the one with a stroke in it belongs to the object."""
    row, column = np.mgrid[:60, :120]
    one = np.hypot(row - 30, column - 30) < 18
    other = np.hypot(row - 30, column - 90) < 18
    image = np.where(one | other, 200, 60).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[28:32, 25:35] = 2
    strokes[2:4, 5:115] = strokes[56:58, 5:115] = 1
    strokes[28:32, 85:95] = 1
    found = everywhere(field_of(image, strokes))[..., 1] > 0.5
    assert found[one].mean() > 0.97
    assert found[other].mean() < 0.03


def test_three_classes():
    image = np.repeat(np.array([40, 120, 200], np.uint8), 20)[None].repeat(30, 0)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[14:16, 8:12], strokes[14:16, 28:32], strokes[14:16, 48:52] = 1, 2, 3
    found = everywhere(field_of(image, strokes)).argmax(-1)
    assert (found == np.repeat(np.arange(3), 20)).mean() > 0.95


@pytest.mark.parametrize(
    "shape", [(1, 200), (200, 1), (2, 3), (7, 5, 40), (1, 20, 30), (3, 2, 9, 8)]
)
def test_every_shape_of_image_has_a_finite_field(shape):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    strokes = np.zeros(shape, np.uint8)
    strokes.flat[0], strokes.flat[-1] = 1, 2
    field = field_of(image, strokes)
    points = np.argwhere(np.ones(shape)).astype(float)
    values = field.at(np.concatenate([points - 0.5, points, points + 0.49]))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    found = everywhere(field)
    assert found.reshape(-1, 2)[0, 0] > 0.5
    assert found.reshape(-1, 2)[-1, 1] > 0.5


def test_in_space_a_ball_is_found_through_its_planes():
    z, y, x = np.mgrid[:12, :40, :40]
    truth = ((z - 6) * 3.0) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 13**2
    image = np.where(truth, 180, 60).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[6, 18:22, 18:22] = 2
    strokes[6, 1, 1:39] = strokes[6, 38, 1:39] = strokes[0] = strokes[11] = 1
    found = everywhere(field_of(image, strokes, (3.0, 1.0, 1.0)))[..., 1] > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.8


def test_a_flat_image_is_shared_by_distance():
    strokes = np.zeros((40, 40), np.uint8)
    strokes[20, 2], strokes[20, 37] = 1, 2
    found = everywhere(field_of(np.full((40, 40), 9, np.uint8), strokes))[..., 1]
    assert found[20, 8] < 0.5 < found[20, 32]
    assert np.isclose(found[20, 19:21].mean(), 0.5, atol=0.05)


def test_a_stroke_of_one_pixel_is_heard_in_a_large_image():
    row, column = np.mgrid[:900, :1200]
    truth = np.hypot(row - 400, column - 500) < 200
    image = np.where(truth, 180, 70).astype(np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[401, 503], strokes[30, 40] = 2, 1
    field = field_of(image, strokes)
    assert field.values[..., 0].size <= 1.2 * 16_384
    inside = field.at(np.argwhere(truth)[::97].astype(float))
    outside = field.at(np.argwhere(~truth)[::97].astype(float))
    assert (inside[:, 1] > inside[:, 0]).mean() > 0.95
    assert (outside[:, 1] < outside[:, 0]).mean() > 0.9


def test_strokes_have_their_own_pixels():
    """The field agrees with a scribble if no other class shares its cell."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (50, 70, 3)).astype(np.uint8)
    strokes = np.zeros((50, 70), np.uint8)
    for label in (1, 2, 3):
        strokes.flat[rng.permutation(strokes.size)[:40]] = label
    found = everywhere(field_of(image, strokes)).argmax(-1) + 1
    assert np.array_equal(found[strokes > 0], strokes[strokes > 0])


def test_a_class_that_is_outvoted_keeps_its_cell():
    """One pixel among many of another class in the same cell of a large image."""
    image = np.full((1000, 1000), 90, np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[300:700, 300:700] = 1
    strokes[504, 504] = 2  # about the centre of its cell
    field = field_of(image, strokes)
    near, far = field.at(np.array([[504.0, 504.0], [350.0, 350.0]]))
    assert near[1] > near[0]
    assert far[0] > far[1]


def test_two_clicks_in_one_cell_are_both_heard():
    """One pixel each, so close in a large image that they share their only cell."""
    strokes = np.zeros((2000, 2000), np.uint8)
    strokes[1000, 1000], strokes[1000, 1001], strokes[20:30, 20:2000] = 2, 3, 1
    field = field_of(np.full(strokes.shape, 90, np.uint8), strokes)
    cells = field.values.argmax(-1)
    assert set(np.unique(cells)) == {0, 1, 2}


def test_beyond_all_strokes_the_background_gains():
    """The same distance from the object's stroke, inside of the drawing and outside of it."""
    strokes = np.zeros((80, 160), np.uint8)
    strokes[30:50, 80] = 2
    strokes[30:50, 20] = 1
    values = field_of(np.full(strokes.shape, 50, np.uint8), strokes).at(
        np.array([[40.0, 81.0], [40.0, 155.0]])
    )
    odds = values[:, 0] - values[:, 1]
    assert odds[1] > odds[0] + 1


def test_between_cells_the_field_is_linear():
    values = np.zeros((2, 3, 2))
    values[..., 1] = [[0, 2, 4], [10, 12, 14]]
    field = GridField(values, ImageGeometry((4, 6)))
    centres = field.at(np.array([[0.5, 0.5], [0.5, 2.5], [2.5, 4.5]]))
    assert np.allclose(centres[:, 1], [0, 2, 14])
    assert np.allclose(field.at(np.array([[1.5, 1.5]]))[0, 1], 6)
    assert np.allclose(field.at(np.array([[-0.5, -0.5], [3.5, 5.5]]))[:, 1], [0, 14])
