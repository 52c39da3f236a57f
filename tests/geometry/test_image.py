"""Pixels to shape coordinates and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry

FRAMES = st.integers(2, 4).flatmap(
    lambda d: st.builds(
        ImageGeometry,
        st.tuples(*[st.integers(1, 500)] * d),
        st.tuples(*[st.floats(0.01, 100)] * d),
    )
)


@given(FRAMES, st.integers(0, 2**32 - 1))
def test_round_trip_keeps_pixels(frame, seed):
    pixels = np.random.default_rng(seed).uniform(-1, 1, (20, frame.ndim)) * frame.shape
    back = frame.to_pixels(frame.to_normalized(pixels))
    assert np.allclose(back, pixels, atol=1e-9 * max(frame.shape))
    tensor = frame.to_normalized(torch.from_numpy(pixels))
    assert np.allclose(tensor.numpy(), frame.to_normalized(pixels))


@given(FRAMES)
def test_image_fills_the_unit_box_and_its_centre_is_the_origin(frame):
    corners = np.array([[-0.5] * frame.ndim, [n - 0.5 for n in frame.shape]])
    low, high = frame.to_normalized(corners)
    assert np.allclose(low, -high)
    assert np.isclose(high.max(), 1)
    assert np.isclose(np.linalg.norm(high), frame.radius)


def test_distances_are_isotropic_in_physical_units():
    frame = ImageGeometry((10, 300), (4.0, 0.5))
    steps = frame.to_normalized(np.array([[1.0, 0.0], [0.0, 8.0], [0.0, 0.0]]))
    assert np.isclose(np.linalg.norm(steps[0] - steps[2]), np.linalg.norm(steps[1] - steps[2]))


def test_tensor_keeps_device_and_dtype():
    points = torch.empty((3, 2), device="meta", dtype=torch.float64)
    out = ImageGeometry((5, 6)).to_normalized(points)
    assert out.device.type == "meta"
    assert out.dtype == torch.float64


def test_axes_match_to_shape():
    frame = ImageGeometry((5, 9), (2.0, 1.0))
    rows, columns = frame.normalized_axes(torch.empty(0, dtype=torch.float64))
    corner = frame.to_normalized(np.array([[4.0, 8.0]]))[0]
    assert np.allclose([rows[-1], columns[-1]], corner)


@pytest.mark.parametrize("scale", [1, 2, 3.5, (4, 1)])
def test_output_pixels_tile_the_image(scale):
    frame = ImageGeometry((7, 10))
    for axis, size in zip(frame.axis_positions(scale), frame.shape, strict=True):
        step = size / len(axis)
        assert np.isclose(axis[0], -0.5 + step / 2)
        assert np.isclose(axis[-1], size - 0.5 - step / 2)
        assert np.allclose(np.diff(axis), step)


def test_scale_one_gives_the_pixels():
    assert frame_axis() == list(range(7))


def frame_axis():
    return ImageGeometry((7, 10)).axis_positions()[0].tolist()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((5,),), "2 to 4"),
        (((5, 0),), "empty"),
        (((5, 5), (1.0,)), "one number per axis"),
        (((5, 5), (1.0, -1.0)), "positive"),
        (((5, 5), (1.0, float("nan"))), "positive"),
    ],
)
def test_bad_frames_are_explained(arguments, words):
    with pytest.raises(InputError, match=words):
        ImageGeometry(*arguments)


@pytest.mark.parametrize("scale", [0, -1, (1, 2, 3), float("nan")])
def test_bad_scales_are_explained(scale):
    with pytest.raises(InputError, match="scale must be"):
        ImageGeometry((5, 5)).axis_positions(scale)


def test_bad_window_is_explained():
    with pytest.raises(InputError, match="window must hold"):
        ImageGeometry((5, 5)).axis_positions(1, [(0, 5), (4, 4)])
