"""Laws that every shape obeys, for any parameters, before and after a fit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.evidence import DenseEvidence
from napari_isr.fitting import iter_project_shape
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes import NONE, Shape, ShapeSpec, shape_names
from tests._hypothesis_profiles import examples

SPECS = [
    *[name for name in shape_names() if name != NONE],
    "convex:pieces=20",
    "convex:depth=2",
    "convex:depth=3,width=8",
]


def build(spec: str, ndim: int, dtype: torch.dtype = torch.float32) -> Shape:
    shape = ShapeSpec.parse(spec).build(ndim)
    assert shape is not None
    return shape.to(dtype)


def shake(shape: Shape, seed: int, size: float) -> Shape:
    """Add noise to all parameters."""
    draw = torch.Generator().manual_seed(seed)
    vector = shape.parameter_vector()
    noise = torch.randn(vector.shape, generator=draw).to(vector)
    shape.load_vector(vector + size * noise)
    return shape


def points(ndim: int, count: int = 64, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return (torch.rand(count, ndim, generator=draw) * 2 - 1).to(dtype)


def blob(ndim: int) -> DenseEvidence:
    """Evidence for a ball among noise."""
    shape = (28 if ndim == 2 else 18,) * ndim
    frame = ImageGeometry(shape)
    values = torch.zeros(shape)
    grid = DenseEvidence(values, frame.normalized_axes(values))
    inside = ((grid.points - 0.1).norm(dim=1) < 0.5).view(shape)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return DenseEvidence((2 * inside.float() - 1 + 0.3 * noise) / values.numel(), grid.axes)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("spec", SPECS)
def test_jacobian_is_the_derivative(spec, ndim):
    shape = shake(build(spec, ndim, torch.float64), 0, 0.2)
    at = points(ndim, 20, torch.float64)
    logit, jacobian = shape.logit_and_jacobian(at)
    vector, step = shape.parameter_vector(), 1e-6
    assert torch.allclose(logit, shape(at))
    for k in np.linspace(0, len(vector) - 1, 12).astype(int):
        sides = []
        for sign in (1, -1):
            moved = vector.clone()
            moved[k] += sign * step
            shape.load_vector(moved)
            with torch.no_grad():
                sides.append(shape(at))
        slope = (sides[0] - sides[1]) / (2 * step)
        size = 1 + float(slope.abs().max())
        assert torch.allclose(slope, jacobian[:, k], atol=1e-4 * size, rtol=1e-3)


@pytest.mark.parametrize("spec", SPECS)
def test_gradients_reach_parameters_and_points(spec):
    shape = shake(build(spec, 2), 0, 0.2)
    at = points(2).requires_grad_()
    shape(at).sum().backward()
    assert at.grad is not None
    assert torch.isfinite(at.grad).all()
    for name, value in shape.named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name


@pytest.mark.parametrize("spec", SPECS)
def test_vector_round_trip(spec):
    shape = shake(build(spec, 2), 0, 0.2)
    other = build(spec, 2)
    other.load_state_dict(shape.state_dict())
    assert torch.equal(other.parameter_vector(), shape.parameter_vector())
    assert torch.equal(other(points(2)), shape(points(2)))


@pytest.mark.parametrize("spec", SPECS)
def test_save_and_load_without_pickled_code(spec, tmp_path):
    shape = shake(build(spec, 3), 0, 0.2)
    torch.save(shape.state_dict(), tmp_path / "shape.pt")
    other = build(spec, 3)
    other.load_state_dict(torch.load(tmp_path / "shape.pt", weights_only=True))
    assert torch.equal(other(points(3)), shape(points(3)))


@pytest.mark.parametrize("spec", SPECS)
def test_everything_follows_the_device_and_dtype_of_its_input(spec):
    shape = build(spec, 2)
    double = copy.deepcopy(shape).double()
    at = points(2)
    assert double(at.double()).dtype == torch.float64
    assert torch.allclose(double(at.double()).float(), shape(at), atol=1e-4)
    meta = copy.deepcopy(shape).to("meta")
    assert meta(at.to("meta")).device.type == "meta"


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("spec", SPECS)
def test_fit_finds_a_ball_and_never_collapses(spec, ndim):
    if spec.startswith("periodic"):
        pytest.skip("one ball is no lattice of them")
    shape, grid = build(spec, ndim), blob(ndim)
    objectives = [state.objective for state in iter_project_shape(shape, grid)]
    inside = (shape(grid.points) > 0).view_as(grid.values)
    truth = ((grid.points - 0.1).norm(dim=1) < 0.5).view_as(inside)
    assert np.isfinite(objectives).all()
    assert float((inside & truth).sum() / (inside | truth).sum()) > 0.85


@pytest.mark.parametrize("spec", SPECS)
def test_shape_is_bounded(spec):
    if spec.startswith("periodic"):
        pytest.skip("a periodic set has no end")
    shape = shake(build(spec, 2), 3, 1.0)
    angle = torch.linspace(0, 6.28, 100)
    far = 10 * torch.stack([angle.cos(), angle.sin()], dim=1)
    assert bool((shape(far) < 0).all())


@examples(100, 400)
@given(
    spec=st.sampled_from([s for s in SPECS if s.startswith("convex")]),
    ndim=st.integers(2, 3),
    seed=st.integers(0, 2**31),
    size=st.floats(0.01, 30),
)
def test_convex_is_quasi_concave_for_any_parameters(spec, ndim, seed, size):
    shape = shake(build(spec, ndim, torch.float64), seed, size)
    draw = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, 200, ndim, generator=draw, dtype=torch.float64) * 6 - 3
    part = torch.rand(200, 1, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        ends = torch.minimum(shape(first), shape(second))
        between = shape(first + part * (second - first))
    assert bool((between >= ends - 1e-9 * (1 + ends.abs())).all())


@pytest.mark.parametrize("spec", [s for s in SPECS if s.startswith("convex")])
def test_lipschitz_bound_holds(spec):
    shape = shake(build(spec, 2, torch.float64), 0, 0.5)
    bound = shape.lipschitz_bound()
    if bound is None:
        pytest.skip("no bound is claimed")
    at = (points(2, 4000, torch.float64) * 2).requires_grad_()
    (slope,) = torch.autograd.grad(shape(at).sum(), at)
    assert float(slope.norm(dim=1).max()) <= bound * (1 + 1e-9)
