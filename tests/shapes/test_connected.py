"""The connected shape: one piece without holes for any parameters, at every scale."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_isr.certificates.connected import check_connected
from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.fitting import iter_project_shape
from napari_isr.fitting.front_propagation import target_mask
from napari_isr.fitting.sampling import Samples
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.connectivity import path_query_for, repair_mask
from napari_isr.rendering.rasterize import ShapeLogit, rasterize_blocks
from napari_isr.shapes.connected import Connected, ConnectedOptions
from napari_isr.shapes.ffd import Deformation, FfdLevel, spline_derivatives, spline_weights
from tests._hypothesis_profiles import examples

SCALES = (1.0, 2.0, 3.5, 0.5)


def shaken(ndim, seed, size, dtype=torch.float64, **options):
    """A connected shape with random parameters and a random convex set in the middle."""
    draw = torch.Generator().manual_seed(seed)
    shape = Connected(ndim, ConnectedOptions(**options)).to(dtype)
    vector = shape.parameter_vector()
    noise = torch.randn(vector.shape, generator=draw, dtype=torch.float64).to(dtype)
    shape.load_vector(vector + size * noise)
    with torch.no_grad():
        shape.pieces[:, -1] = 0.3 + torch.rand(len(shape.pieces), generator=draw).to(dtype)
    return shape


def mask_of(shape, frame, scale=1.0):
    axes = frame.axis_positions(scale)
    *_, mask = rasterize_blocks(ShapeLogit(shape, frame), axes)
    return repair_mask(mask, axes, *path_query_for(copy.deepcopy(shape).double(), frame))


def failures(mask):
    return [check for check in check_connected(mask, None) if not check.passed]


def evidence(mask, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    p = np.where(mask, 0.9, 0.1)
    p = np.where(rng.random(mask.shape) < noise, rng.random(mask.shape), p)
    values = torch.from_numpy(p.astype(np.float32))
    frame = ImageGeometry(mask.shape)
    return DenseEvidence(signed_evidence(values), frame.normalized_axes(values)), frame


def bent_tube():
    row, column = np.mgrid[:96, :128]
    ring = np.abs(np.hypot(row - 40, column - 60) - 30) < 7
    return ring & ~((np.abs(column - 60) < 12) & (row < 40))


def test_spline_weights_sum_to_one_and_slopes_to_zero():
    t = torch.linspace(0, 1, 11, dtype=torch.float64).requires_grad_()
    weights = spline_weights(t)
    assert torch.allclose(weights.sum(0), torch.ones_like(t))
    slope = [torch.autograd.grad(w.sum(), t, retain_graph=True)[0] for w in weights]
    assert torch.allclose(torch.stack(slope), spline_derivatives(t))
    assert bool((weights >= -1e-15).all())


@examples(100, 2000)
@given(
    ndim=st.integers(2, 3),
    seed=st.integers(0, 2**31),
    size=st.floats(0.1, 1e6),
    intervals=st.integers(2, 12),
    double=st.booleans(),
)
def test_level_is_a_diffeomorphism_of_the_box(ndim, seed, size, intervals, double):
    dtype = torch.float64 if double else torch.float32
    draw = torch.Generator().manual_seed(seed)
    level = FfdLevel(intervals, ndim).to(dtype)
    with torch.no_grad():
        level.knots.copy_(size * torch.randn(level.knots.shape, generator=draw))
        points = (torch.rand(ndim, 400, generator=draw) * 2 - 1).to(dtype)
        points[0, :100] = -1.0
        points[-1, 50:150] = 1.0
        found = level.forward_with_jacobian(points)
        assert torch.allclose(found.image, level(points))
        # No folding: the displacement is a contraction in the maximum norm.
        moved = found.jacobian - torch.eye(ndim, dtype=dtype)[..., None]
        assert float(moved.abs().sum(1).max()) < 0.95
        assert bool((torch.linalg.det(found.jacobian.movedim(2, 0)) > 0).all())
        assert float(found.image.abs().max()) <= 1 + 1e-6
        assert torch.allclose(found.image[0, :100], points[0, :100], atol=1e-6)
        assert torch.allclose(found.image[-1, 50:150], points[-1, 50:150], atol=1e-6)
        assert torch.allclose(level.inverse(found.image), points, atol=1e-5)


def test_level_starts_as_the_identity():
    points = torch.rand(2, 50) * 2 - 1
    assert torch.equal(Deformation([FfdLevel(n, 2) for n in (2, 5)])(points), points)


@examples(15, 60)
@given(seed=st.integers(0, 2**31), size=st.floats(0.05, 100), tall=st.booleans())
def test_one_piece_without_holes_for_any_parameters_at_every_scale(seed, size, tall):
    shape = shaken(2, seed, size, levels=5)
    frame = ImageGeometry((30, 22) if tall else (20, 28))
    with torch.no_grad():
        shape.border.copy_(torch.from_numpy(frame.to_normalized(np.array(frame.shape) - 0.5)))
    for scale in SCALES:
        mask = mask_of(shape, frame, scale)
        assert not failures(mask)


@examples(4, 10)
@given(seed=st.integers(0, 2**31), size=st.floats(0.05, 3))
def test_one_piece_without_cavities_in_space(seed, size):
    shape, frame = shaken(3, seed, size, levels=3), ImageGeometry((16, 16, 16))
    for scale in (1.0, 0.5):
        names = {check.name for check in failures(mask_of(shape, frame, scale))}
        assert not names - {"tunnels"}


@examples(15, 40)
@given(ndim=st.integers(2, 3), seed=st.integers(0, 2**31), size=st.floats(0.05, 100))
def test_way_between_two_points_stays_in_the_set_and_in_the_image(ndim, seed, size):
    shape = shaken(ndim, seed, size, levels=5)
    with torch.no_grad():
        draw = torch.Generator().manual_seed(seed)
        points = torch.rand(2000, ndim, generator=draw, dtype=torch.float64) * 2 - 1
        members = points[shape(points) > 1e-6]
        assume(len(members) > 1)
        way = shape.path_between(members[0], members[-1], torch.linspace(0, 1, 60).double())
        assert float(shape(way).min()) > 0
        assert float(way.abs().max()) <= 1 + 1e-9
        assert torch.allclose(way[[0, -1]], members[[0, -1]], atol=1e-8)
        assert float(shape(shape.interior_point()[None])) > 0.9 * float(shape(members).max())


@examples(15, 30)
@given(seed=st.integers(0, 2**31), size=st.floats(0.05, 100))
def test_nothing_beyond_the_image(seed, size):
    shape = shaken(2, seed, size, levels=3)
    angle = torch.linspace(0, 6.28, 40, dtype=torch.float64)
    far = 1.5 * torch.stack([angle.cos(), angle.sin()], dim=1)
    with torch.no_grad():
        assert bool((shape(far[far.abs().amax(1) > 1.001]) < 0).all())


def test_single_precision_gives_the_same_set():
    shape = shaken(2, 3, 0.5)
    points = torch.rand(4000, 2, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        exact, rough = shape(points), copy.deepcopy(shape).float()(points.float()).double()
    assert float((exact - rough).abs().max()) < 1e-2 * float(exact.abs().max())


def test_property_holds_before_during_and_after_a_fit():
    truth = bent_tube()
    grid, frame = evidence(truth, noise=0.2)
    shape = Connected(2)
    for count, _ in enumerate(iter_project_shape(shape, grid)):
        if count % 12 == 0:
            assert not failures(mask_of(shape, frame))
    mask = mask_of(shape, frame)
    assert not failures(mask)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.85


def test_strokes_far_away_are_reached():
    truth = np.zeros((96, 128), bool)
    truth[30:70, 10:50] = True
    grid, frame = evidence(truth)
    drawn = np.stack([np.full(20, 48.0), np.arange(95.0, 115.0)], axis=1)
    strokes = Samples(
        torch.from_numpy(frame.to_normalized(drawn)).float(),
        torch.ones(20),
        torch.full((20,), 60.0),
    )
    shape = Connected(2)
    for _ in iter_project_shape(shape, grid, strokes=strokes):
        pass
    mask = mask_of(shape, frame)
    assert not failures(mask)
    assert mask[48, 95:115].mean() > 0.9
    assert mask[truth].mean() > 0.9


def test_goal_joins_what_is_worth_the_way_and_opens_holes():
    values = np.full((20, 30), -1.0)
    values[3:15, 3:12] = values[3:15, 20:28] = 1.0
    values[18, 1] = 0.1
    values[6:9, 6:9] = -1.0
    goal = target_mask(values)
    assert not failures(goal)
    assert goal[5, 4]
    assert goal[5, 22]
    assert not goal[18, 1]
    assert not goal[7, 7]


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (5, 5), (2, 3)])
def test_tiny_images(shape):
    truth = np.zeros(shape, bool)
    truth[tuple(n // 2 for n in shape)] = True
    grid, frame = evidence(truth)
    connected = Connected(2)
    for state in iter_project_shape(connected, grid):
        assert np.isfinite(state.objective)
    assert not failures(mask_of(connected, frame))


def test_options_set_the_size():
    small = Connected(2, ConnectedOptions(levels=2, pieces=5))
    assert len(small.deformation) == 2
    assert small.pieces.shape == (5, 3)
    assert small.parameter_vector().numel() < Connected(2).parameter_vector().numel()
