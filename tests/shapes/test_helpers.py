"""Helpers of shapes: sums of exponentials, copies, polar coordinates."""

import math

import pytest
import torch

from napari_isr.shapes.basis_functions import LOG2E, stable_exp2_sum, to_polar
from napari_isr.shapes.registry import ShapeSpec, shape_names


def test_sum_of_powers_is_the_log_sum_exp_even_of_far_apart_and_infinite_exponents():
    x = torch.tensor([[1.0, -5000.0, 0.0], [2.0, -5100.0, -math.inf]], dtype=torch.float64)
    _, total, largest = stable_exp2_sum(x * LOG2E)
    found = (largest + total.log2()) / LOG2E
    assert torch.allclose(found, torch.logsumexp(x, 0), rtol=1e-12, atol=1e-12)


def test_derivative_of_the_sum_of_powers_is_the_share():
    x = torch.randn(5, 30, dtype=torch.float64, requires_grad=True)
    parts, total, largest = stable_exp2_sum(x)
    (slope,) = torch.autograd.grad((largest + total.log2()).sum(), x)
    assert torch.allclose(slope, parts / total, rtol=1e-12)


def test_polar_coordinates_are_the_same_with_and_without_gradients():
    offsets = torch.cat([torch.zeros(1, 2), torch.randn(50, 2)])
    with torch.no_grad():
        quick = to_polar(offsets)
    for one, other in zip(quick, to_polar(offsets), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", [n for n in shape_names() if n != "none"])
def test_sharpness_follows_the_dtype(name):
    # An integer would be cut off, and pull double precision down to single.
    shape = ShapeSpec.parse(name).build(2).double()
    assert shape.sharpness.dtype == torch.float64


def test_revised_copy_leaves_the_shape_alone():
    shape = ShapeSpec.parse("star").build(2)
    before = {name: value.clone() for name, value in shape.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()}
    fresh = shape.with_state(state)
    points = torch.randn(20, 2)
    other = ShapeSpec.parse("star").build(2)
    other.load_state_dict(state)
    assert torch.equal(fresh(points), other(points))
    assert all(torch.equal(before[n], v) for n, v in shape.state_dict().items())
