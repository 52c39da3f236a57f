"""Sums of evidence over blocks, from pixels and from points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.evidence import (
    DenseEvidence,
    LazyEvidence,
    coarse_axes,
    signed_evidence,
)
from napari_isr.geometry.image import ImageGeometry, meshgrid_points


def grid(shape, seed=0):
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=shape))
    return DenseEvidence(values, ImageGeometry(shape).normalized_axes(values))


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple), st.sampled_from([2, 4, 8, 64])
)
def test_blocks_keep_the_sum_and_the_centre_of_mass(shape, block):
    fine = grid(shape)
    coarse = fine.coarsen(block)
    assert coarse.values.shape == tuple(-(-n // block) for n in shape)
    assert torch.isclose(coarse.values.sum(), fine.values.sum())
    counts = DenseEvidence(torch.ones_like(fine.values), fine.axes).coarsen(block).values
    centre = (coarse.points * counts.flatten()[:, None]).sum(0)
    assert torch.allclose(centre, fine.points.sum(0), atol=1e-9)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=3).map(tuple), st.integers(1, 5000))
def test_block_for_keeps_to_the_budget(shape, cells):
    evidence = grid(shape)
    assert evidence.coarsen(evidence.block_size_for(cells)).values.numel() <= cells


def test_cells_are_those_of_the_coarse_grid():
    fine = grid((21, 30))
    index = torch.tensor([[0, 0], [2, 3], [5, 7]])
    points, values = fine.cell_evidence(4, index)
    coarse = fine.coarsen(4)
    assert torch.equal(values, coarse.values[index[:, 0], index[:, 1]])
    assert torch.equal(points[:, 0], coarse.axes[0][index[:, 0]])


@pytest.mark.parametrize("shape", [(40, 60), (300, 500), (2000, 1500), (30, 40, 50)])
def test_sampled_evidence_of_a_smooth_field_agrees_with_all_pixels(shape):
    frame = ImageGeometry(shape)

    def probability(points):
        return torch.sigmoid(3 * torch.sin(4 * frame.to_normalized(points)).sum(1))

    sampled = LazyEvidence(probability, frame)
    pixels = torch.from_numpy(meshgrid_points(frame.axis_positions()))
    values = signed_evidence(probability(pixels)) / len(pixels)
    exact = DenseEvidence(values.view(shape), frame.normalized_axes(values))
    block = exact.block_size_for(1000)
    ours, theirs = sampled.coarsen(block), exact.coarsen(block)
    assert ours.values.shape == theirs.values.shape
    # The last block of an axis may be cut: its centre is then a mean of unequal parts. In space a
    # block is judged by the voxel next to its centre.
    beside = frame.pixel / 2 if frame.ndim > 2 else 0.0
    assert torch.allclose(ours.points, theirs.points, atol=0.01 + beside)
    assert float((ours.values - theirs.values).abs().sum()) < 0.1 * float(theirs.values.abs().sum())


def test_sampled_evidence_takes_known_base_values():
    frame = ImageGeometry((300, 500))
    axes = coarse_axes(frame)
    known = torch.rand([len(a) for a in axes], dtype=torch.float64)

    def never(points):
        raise AssertionError("asked although known")

    base = LazyEvidence(never, frame, known).coarse
    assert torch.equal(base.values > 0, known > 0.5)


def test_foreground_outweighs_background():
    evidence = signed_evidence(torch.tensor([0.0, 0.5, 1.0]), 3.0)
    assert evidence.tolist() == [-1.0, 0.0, 3.0]
