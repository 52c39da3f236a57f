"""Volumes with long voxels: shapes from strokes on a few slices, surfaces, physical units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr.certificates.convex import convexity_defects
from napari_isr.certificates.convex_hull import points_in_convex_hull
from napari_isr.data.phantom import phantom
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence, LazyEvidence, axis_anisotropy
from napari_isr.geometry.image import ImageGeometry
from napari_isr.results.object_result import iou

SPACING = (4.0, 1.0, 1.0)


def ball(radius=9.0, shape=(8, 30, 30)):
    z, y, x = np.mgrid[tuple(slice(n) for n in shape)]
    middle = (np.array(shape) - 1) / 2
    return (
        sum(((a - m) * s) ** 2 for a, m, s in zip((z, y, x), middle, SPACING, strict=True))
        < radius**2
    )


@pytest.fixture(scope="module")
def found():
    made = phantom(48)
    shapes = {**made.shapes, 4: "none"}  # the tube takes long: benchmarks/volumes.py has it
    result = isr.segment(made.image, made.scribbles, shapes, axes="zyx", spacing=made.spacing)
    return made, result


def test_strokes_are_on_three_slices_only():
    made = phantom(48)
    drawn = np.flatnonzero(made.scribbles.any(axis=(1, 2)))
    assert len(drawn) == 3
    assert set(np.unique(made.scribbles)) == {0, 1, 2, 3, 4}


def test_the_phantom_is_found_from_them_and_every_certificate_holds(found):
    made, result = found
    for label, item in result.objects.items():
        assert item.certificate.holds, item.certificate.message
        assert iou(item.mask, made.truth[label]) > 0.85
        assert item.volume == pytest.approx(np.count_nonzero(item.mask) * 4)


@pytest.mark.parametrize("shape", ["convex", "star", "mirror", "connected"])
def test_a_ball_with_a_hidden_part_in_long_voxels(shape):
    truth = ball()
    seen = truth.astype(np.float32)
    if shape in ("convex", "mirror"):
        seen[:, 14:16] = np.where(truth[:, 14:16], 0.4, 0)
    item = isr.project(seen, shape, spacing=SPACING, axes="zyx").objects[2]
    assert item.certificate.holds, item.certificate.message
    assert iou(item.mask, truth) > 0.85


def test_a_surface_holds_the_volume_of_the_object_in_physical_units():
    item = isr.project(ball(14.0, (12, 44, 44)), spacing=SPACING).objects[2]
    vertices, faces = item.surface()
    corners = (vertices.astype(float) * SPACING)[faces]
    volume = abs(np.linalg.det(corners).sum()) / 6
    assert volume == pytest.approx(item.volume, rel=0.05)
    assert volume == pytest.approx(4 / 3 * np.pi * 14**3, rel=0.12)


def test_what_has_two_axes_has_no_volume():
    item = isr.project(np.eye(20, dtype=bool) | np.ones((20, 20), bool)).objects[2]
    with pytest.raises(InputError, match="3 axes"):
        _ = item.volume


def test_blocks_of_long_voxels_are_about_as_long_along_every_axis():
    assert axis_anisotropy(SPACING) == (4, 1, 1)
    assert axis_anisotropy((1, 1)) == (1, 1)
    frame = ImageGeometry((16, 64, 64), SPACING)
    values = torch.rand(16, 64, 64)
    grid = DenseEvidence(values, frame.normalized_axes(values), stretch=axis_anisotropy(SPACING))
    assert [grid.block_shape(b) for b in (1, 2, 4, 8)] == [
        (1, 1, 1),
        (1, 2, 2),
        (1, 4, 4),
        (2, 8, 8),
    ]
    coarse = grid.coarsen(8)
    assert coarse.shape == (8, 8, 8)
    assert torch.allclose(coarse.values.sum(), values.sum())
    assert torch.allclose(coarse.values, grid.coarsen(2).coarsen(4).values)
    sampled = LazyEvidence(lambda points: torch.ones(len(points)), frame)
    assert sampled.block_shape(8) == (2, 8, 8)
    assert torch.isclose(sampled.coarse.values.sum(), torch.tensor(2.25))
    assert torch.isclose(sampled.coarsen(8).values.sum(), torch.tensor(2.25))


def test_the_closed_form_of_a_star_in_space_is_its_derivative():
    shape = isr.ShapeSpec.parse("star").build(3).double()
    torch.manual_seed(0)
    shape.load_vector(torch.randn(len(shape.parameter_vector())).double() * 0.3)
    points = torch.rand(20, 3).double() * 2 - 1
    logit, jacobian = shape.logit_and_jacobian(points)
    assert torch.allclose(logit, shape(points))
    expected = super(type(shape), shape).logit_and_jacobian(points)[1]
    assert torch.allclose(jacobian, expected, atol=1e-8)


def test_the_hull_in_space_is_that_of_its_facets_row_by_row():
    rng = np.random.default_rng(0)
    for density in (0.02, 0.1, 0.5):
        for _ in range(4):
            mask = rng.random(tuple(rng.integers(4, 12, 3))) < density
            mask[0, 0, 0] = mask[-1, 2, 1] = mask[1, -1, 2] = mask[2, 1, -1] = True
            pixels = np.argwhere(mask)
            box = np.argwhere(np.ones(mask.shape, bool))
            expected = points_in_convex_hull(pixels, box).reshape(mask.shape) & ~mask
            np.testing.assert_array_equal(convexity_defects(mask), expected)
