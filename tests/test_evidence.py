"""Sums of evidence over blocks, from pixels and from points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.evidence import (
    EvidenceGrid,
    SampledEvidence,
    base_axes,
    evidence_from_probability,
)
from napari_isr.frame import Frame, grid_points


def grid(shape, seed=0):
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=shape))
    return EvidenceGrid(values, Frame(shape).axes(values))


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple), st.sampled_from([2, 4, 8, 64])
)
def test_blocks_keep_the_sum_and_the_centre_of_mass(shape, block):
    fine = grid(shape)
    coarse = fine.coarsen(block)
    assert coarse.values.shape == tuple(-(-n // block) for n in shape)
    assert torch.isclose(coarse.values.sum(), fine.values.sum())
    counts = EvidenceGrid(torch.ones_like(fine.values), fine.axes).coarsen(block).values
    centre = (coarse.points * counts.flatten()[:, None]).sum(0)
    assert torch.allclose(centre, fine.points.sum(0), atol=1e-9)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=3).map(tuple), st.integers(1, 5000))
def test_block_for_keeps_to_the_budget(shape, cells):
    evidence = grid(shape)
    assert evidence.coarsen(evidence.block_for(cells)).values.numel() <= cells


def test_cells_are_those_of_the_coarse_grid():
    fine = grid((21, 30))
    index = torch.tensor([[0, 0], [2, 3], [5, 7]])
    points, values = fine.cells(4, index)
    coarse = fine.coarsen(4)
    assert torch.equal(values, coarse.values[index[:, 0], index[:, 1]])
    assert torch.equal(points[:, 0], coarse.axes[0][index[:, 0]])


@pytest.mark.parametrize("shape", [(40, 60), (300, 500), (2000, 1500), (30, 40, 50)])
def test_sampled_evidence_of_a_smooth_field_agrees_with_all_pixels(shape):
    frame = Frame(shape)

    def probability(points):
        return torch.sigmoid(3 * torch.sin(4 * frame.to_shape(points)).sum(1))

    sampled = SampledEvidence(probability, frame)
    pixels = torch.from_numpy(grid_points(frame.axis_positions()))
    values = evidence_from_probability(probability(pixels)) / len(pixels)
    exact = EvidenceGrid(values.view(shape), frame.axes(values))
    block = exact.block_for(1000)
    ours, theirs = sampled.coarsen(block), exact.coarsen(block)
    assert ours.values.shape == theirs.values.shape
    # The last block of an axis may be cut: its centre is then a mean of unequal parts. In space a
    # block is judged by the voxel next to its centre.
    beside = frame.pixel / 2 if frame.ndim > 2 else 0.0
    assert torch.allclose(ours.points, theirs.points, atol=0.01 + beside)
    assert float((ours.values - theirs.values).abs().sum()) < 0.1 * float(theirs.values.abs().sum())


def test_sampled_evidence_takes_known_base_values():
    frame = Frame((300, 500))
    axes = base_axes(frame)
    known = torch.rand([len(a) for a in axes], dtype=torch.float64)

    def never(points):
        raise AssertionError("asked although known")

    base = SampledEvidence(never, frame, known).base
    assert torch.equal(base.values > 0, known > 0.5)


def test_foreground_outweighs_background():
    evidence = evidence_from_probability(torch.tensor([0.0, 0.5, 1.0]), 3.0)
    assert evidence.tolist() == [-1.0, 0.0, 3.0]
