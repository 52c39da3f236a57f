"""Sampling, solvers and the projection."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.certificates import convexity_defects
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.fitting import (
    Samples,
    adam,
    boundary_samples,
    iter_project_shape,
    levenberg_marquardt,
    minimize,
)
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit, rasterize_blocks
from napari_isr.results.result import iou
from napari_isr.shapes import Convex
from napari_isr.shapes.convex import ConvexOptions
from napari_isr.shapes.registry import ShapeSpec
from tests.conftest import disc


def grid_of(mask, weight=1.0):
    values = torch.from_numpy(np.asarray(mask, dtype=np.float32))
    evidence = signed_evidence(values, weight) / values.numel()
    return DenseEvidence(evidence, ImageGeometry(mask.shape).normalized_axes(values))


def mask_of(shape, size):
    frame = ImageGeometry(size)
    *_, mask = rasterize_blocks(ShapeLogit(shape, frame), frame.axis_positions())
    return mask


def fitted(mask, weight=1.0, **options):
    shape = Convex(mask.ndim)
    states = list(iter_project_shape(shape, grid_of(mask, weight), **options))
    return shape, states


def test_samples_keep_the_sum_of_the_evidence():
    grid = grid_of(disc((200, 300), (90, 140), 50))
    samples = boundary_samples(grid, Convex(2), 1000)
    total = samples.weight @ (2 * samples.target - 1)
    assert torch.isclose(total, grid.values.sum(), atol=1e-5)


def test_samples_are_finest_at_the_boundary_and_keep_to_the_budget():
    mask = disc((512, 512), (250, 260), 100)
    shape, _ = fitted(mask)
    samples = boundary_samples(grid_of(mask), shape, 2000)
    assert len(samples.points) < 2500
    pixel = ImageGeometry((512, 512)).pixel
    radius = (samples.points - torch.tensor([250 - 255.5, 260 - 255.5]) * pixel).norm(dim=1)
    smallest = samples.weight <= samples.weight[samples.weight > 0].min() * 1.01
    assert float((radius[smallest] / pixel - 100).abs().max()) < 16
    inside = samples.target[smallest].mean()
    assert 0.25 < float(inside) < 0.75


def test_samples_see_an_object_smaller_than_the_cells():
    mask = disc((512, 512), (101, 333), 3)
    shape, _ = fitted(mask)
    assert iou(mask_of(shape, mask.shape), mask) > 0.6


@pytest.mark.parametrize("solver", [levenberg_marquardt, adam])
def test_solvers_never_get_worse_and_can_be_stopped(solver):
    grid = grid_of(disc())
    shape = Convex(2)
    shape.load_state_dict(shape.initial_states(grid)[0])
    samples = boundary_samples(grid, shape, 1000)
    with torch.no_grad():
        before = float(samples.objective(shape(samples.points)))
    steps = solver(shape, samples, iterations=30)
    seen = [next(steps).objective for _ in range(3)]
    steps.close()
    with torch.no_grad():
        reached = float(samples.objective(shape(samples.points)))
    assert seen == sorted(seen, reverse=True)
    assert reached <= before
    assert reached == pytest.approx(seen[-1], rel=1e-3)


@pytest.mark.parametrize("solver", [levenberg_marquardt, adam])
def test_solvers_move_only_what_is_free(solver):
    grid = grid_of(disc())
    shape = Convex(2)
    shape.load_state_dict(shape.initial_states(grid)[0])
    samples = boundary_samples(grid, shape, 1000)
    before, free = shape.parameter_vector(), shape.coarse_parameters()
    for _ in solver(shape, samples, iterations=5, free=free):
        pass
    moved = (shape.parameter_vector() != before).nonzero()[:, 0].tolist()
    assert moved
    assert set(moved) <= set(free.tolist())


def test_many_parameters_take_the_first_order_path():
    grid = grid_of(disc())
    shape = Convex(2, ConvexOptions(depth=3, width=32))
    assert shape.parameter_vector().numel() > 600
    samples = boundary_samples(grid, shape, 500)
    steps = list(minimize(shape, samples, iterations=4))
    assert len(steps) > 4
    assert steps[-1].objective < steps[0].objective


def test_occluded_disc_is_completed(occluded):
    seen, truth = occluded
    shape, states = fitted(seen, weight=2.5)
    mask = mask_of(shape, truth.shape)
    assert states[-1].done
    assert iou(mask, truth) > 0.93 > iou(seen, truth)
    assert not convexity_defects(mask).any()


@pytest.mark.parametrize(
    ("weight", "noise", "most"), [(1.0, 0.0, 0.75), (2.25, 0.0, 1.0), (2.25, 0.2, 1.25)]
)
def test_an_outline_is_right_to_a_pixel(weight, noise, most):
    turn, tilt = np.linspace(0, 2 * np.pi, 400, endpoint=False), np.deg2rad(25)
    tilted = np.array([[np.sin(tilt), np.cos(tilt)], [np.cos(tilt), -np.sin(tilt)]])

    def ellipse(more):  # what grows each half axis moves no point farther than that
        sides = np.stack([(138 + more) * np.cos(turn), (82 + more) * np.sin(turn)])
        return np.array((184, 174)) + (tilted @ sides).T

    places = np.stack(np.mgrid[:512, :512], -1) - np.array((184, 174))
    u, v = np.moveaxis(places @ tilted, -1, 0)
    unaries = np.where((u / 138) ** 2 + (v / 82) ** 2 < 1, 0.9, 0.1)
    random = np.random.default_rng(1)
    noisy = random.random(unaries.shape) < noise
    evidence = grid_of(np.where(noisy, random.random(unaries.shape), unaries), weight)
    shape = Convex(2, ConvexOptions(pieces=32))
    for _ in iter_project_shape(shape, evidence):
        pass
    logit = ShapeLogit(shape, ImageGeometry((512, 512)))
    assert (logit(ellipse(-most)) > 0).all()
    assert (logit(ellipse(most)) < 0).all()


def test_stages_are_close_where_many_cells_tell_of_an_outline():
    plane, space = Convex(2), Convex(3)
    for warm in (False, True):
        few, many = (plane.stages_for(n * n, warm=warm) for n in (40, 512))
        assert many != few
        assert sum(stage.iterations for stage in many) <= sum(stage.iterations for stage in few)
        assert space.stages_for(512**2, warm=warm) == space.stages_for(40**2, warm=warm)


def test_idle_pieces_are_put_where_the_outline_bends_most():
    shape = Convex(2, ConvexOptions(pieces=8))
    shape.sharpness.fill_(100.0)
    with torch.no_grad():
        shape.pieces[::2, -1] = 3.0  # far away: a square is left of the octagon
    turn = torch.linspace(0, 6.283, 3000)
    points = shape.scale * torch.stack([turn.sin(), turn.cos()], 1)
    ring = torch.cat([points * radius for radius in torch.linspace(0.9, 1.5, 60)])
    area = (shape(ring) > 0).sum()
    shape.reassign_idle_parts(ring)
    assert (shape.pieces[:, -1] < 1.5).all()
    assert (shape(ring) > 0).sum() < area  # they cut the corners,
    angle = torch.atan2(shape.pieces[:, 0], shape.pieces[:, 1]).sort().values.diff()
    assert angle.min() > 0.5  # one each
    before = shape.parameter_vector()
    shape.reassign_idle_parts(ring)  # now none is idle
    assert torch.equal(shape.parameter_vector(), before)
    far = ring[:0]
    shape.reassign_idle_parts(far)
    deep = Convex(2, ConvexOptions(depth=2, width=4))
    known = deep.parameter_vector()
    deep.reassign_idle_parts(ring)
    assert torch.equal(deep.parameter_vector(), known)


def test_progress_rises_to_one(occluded):
    _, states = fitted(occluded[0])
    progress = [state.progress for state in states]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


def test_every_state_of_a_fit_is_convex(occluded):
    grid, shape = grid_of(occluded[0]), Convex(2)
    for _ in iter_project_shape(shape, grid):
        assert not convexity_defects(mask_of(shape, grid.shape)).any()


def test_fit_is_deterministic(occluded):
    first, _ = fitted(occluded[0])
    second, _ = fitted(occluded[0])
    assert torch.equal(first.parameter_vector(), second.parameter_vector())


def test_warm_fit_takes_fewer_steps_and_follows_a_change(occluded):
    seen, truth = occluded
    shape, cold = fitted(seen, weight=2.5)
    moved = np.roll(truth, 4, axis=1)
    warm = list(iter_project_shape(shape, grid_of(moved, 2.5), warm=True))
    assert len(warm) < len(cold)
    assert iou(mask_of(shape, moved.shape), moved) > 0.93


@pytest.mark.parametrize("name", ["star", "mirror", "rotational:order=3"])
def test_warm_fit_takes_fewer_steps_with_few_stages_too(name):
    shape = ShapeSpec.parse(name).build(2)
    cold = list(iter_project_shape(shape, grid_of(disc((64, 64), (30, 32), 16))))
    warm = list(iter_project_shape(shape, grid_of(disc((64, 64), (31, 32), 16)), warm=True))
    assert len(warm) < len(cold)
    assert iou(mask_of(shape, (64, 64)), disc((64, 64), (31, 32), 16)) > 0.95


def test_warm_fit_starts_anew_if_the_object_is_elsewhere():
    shape, _ = fitted(disc((80, 200), (40, 40), 15))
    elsewhere = disc((80, 200), (40, 150), 20)
    for _ in iter_project_shape(shape, grid_of(elsewhere), warm=True):
        pass
    assert iou(mask_of(shape, elsewhere.shape), elsewhere) > 0.93


def test_stopped_fit_goes_on_warm(occluded):
    seen, truth = occluded
    shape, grid = Convex(2), grid_of(seen, 2.5)
    steps = iter_project_shape(shape, grid)
    for _ in range(7):
        next(steps)
    steps.close()
    for _ in iter_project_shape(shape, grid, warm=True):
        pass
    assert iou(mask_of(shape, truth.shape), truth) > 0.93


def test_strokes_outweigh_the_unaries():
    seen = disc(centre=(30, 42), radius=12)
    frame = ImageGeometry(seen.shape)
    stroke = np.array([[30.0, 70.0]] * 5) + np.arange(5)[:, None]
    points = torch.from_numpy(frame.to_normalized(stroke)).float()
    strokes = Samples(points, torch.ones(5), torch.full((5,), 0.2))
    shape, _ = fitted(seen, strokes=strokes)
    mask = mask_of(shape, seen.shape)
    assert mask[tuple(stroke.astype(int).T)].all()


@pytest.mark.parametrize("size", [(64, 80), (512, 384)])
def test_noise_and_a_second_object_far_away(size):
    rng = np.random.default_rng(0)
    truth = disc(size, (size[0] * 0.4, size[1] * 0.4), 0.22 * min(size))
    seen = truth | disc(size, (size[0] * 0.9, size[1] * 0.9), 0.07 * min(size))
    noisy = np.where(rng.random(size) < 0.2, rng.random(size), seen)
    shape, _ = fitted(noisy)
    assert iou(mask_of(shape, size), truth) > 0.85


@pytest.mark.parametrize(
    "mask",
    [
        disc((40, 40), (20, 20), 0.5),
        np.ones((30, 40), bool),
        np.ones((1, 50), bool),
        np.pad(np.ones((1, 9), bool), ((0, 0), (9, 9))),
        disc((60, 60), (0, 0), 20),
        np.ones((1, 1), bool),
        np.eye(40, dtype=bool),
    ],
    ids=["one pixel", "full", "one row, full", "one row", "corner", "one by one", "diagonal"],
)
def test_odd_masks_give_a_valid_shape(mask):
    shape, states = fitted(mask, weight=2.5)
    found = mask_of(shape, mask.shape)
    assert np.isfinite([s.objective for s in states]).all()
    assert found.any()
    assert not convexity_defects(found).any()
    if not mask[0].all():
        assert (found & mask).any()
    if mask.all():
        assert found.mean() > 0.9


def test_no_foreground_is_explained():
    with pytest.raises(InputError, match="nothing to fit"):
        fitted(np.zeros((20, 20), bool))


@given(st.integers(0, 2**31))
def test_random_unaries_never_break_a_fit(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(2, 40, size=2))
    shape, states = fitted(rng.random(size))
    assert np.isfinite(states[-1].objective)
    assert torch.isfinite(shape.parameter_vector()).all()


def test_nothing_is_left_on_the_cpu():
    """Every tensor follows its input: the fit's parts run where the evidence is."""
    shape = Convex(2).to("meta")
    points = torch.empty((10, 2), device="meta")
    logit, jacobian = copy.deepcopy(shape).logit_and_jacobian(points)
    assert logit.device.type == jacobian.device.type == "meta"
    grid = DenseEvidence(torch.empty((40, 40), device="meta"), (points[:, 0], points[:, 1]))
    assert grid.coarsen(4).values.device.type == "meta"
    samples = Samples.from_evidence(points, logit)
    assert samples.objective(shape(points)).device.type == "meta"
