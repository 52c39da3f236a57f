"""Pixels of sets in one piece: those that are looked at are enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_isr.geometry.time_series import make_geometry
from napari_isr.rendering.rasterize import ShapeLogit, rasterize_blocks
from napari_isr.rendering.rasterizers import rasterize_connected
from napari_isr.shapes.registry import ShapeSpec


@pytest.mark.parametrize("seed", range(4))
def test_the_mask_is_that_of_all_pixels(seed):
    frame = make_geometry((3, 150, 203), (), "tyx")
    shape = ShapeSpec.parse("connected").build(3, frame)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        shape.track += 0.5 * torch.randn(shape.track.shape, generator=draw)
        shape.of_border.fill_(1.0)
        shape.of_size.fill_(0.3)
    logit = ShapeLogit(shape.shape_at(0.1), frame.frame_geometry)
    looked = []

    def counted(points):
        looked.append(len(points))
        return logit(points)

    axes = [np.arange(150.0), np.arange(203.0)]
    *_, every = rasterize_blocks(logit, axes)
    *_, mask = rasterize_connected(counted, axes)
    assert every.any()
    assert (mask == every).all()
    assert sum(looked) < every.size


def test_a_boundary_is_followed_where_no_block_shows_it():
    """A thin arm that runs between the pixels that stand for their blocks."""
    mask = np.zeros((70, 90), bool)
    mask[20:40, 20:40] = True
    mask[32:34, 40:80] = mask[5:34, 78:80] = True

    def logit(points):
        return np.where(mask[tuple(np.rint(points).astype(int).T)], 1.0, -1.0)

    *_, found = rasterize_connected(logit, [np.arange(70.0), np.arange(90.0)])
    assert (found == mask).all()


def test_bodies_and_empty_sets():
    axes = [np.arange(20.0), np.arange(30.0), np.arange(17.0)]
    *_, ball = rasterize_connected(lambda p: 6.5 - np.linalg.norm(p - [9, 14, 8], axis=1), axes)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    assert (ball == (np.linalg.norm(grid - [9, 14, 8], axis=-1) < 6.5)).all()
    *_, nothing = rasterize_connected(lambda p: np.full(len(p), -1.0), axes)
    assert nothing.shape == (20, 30, 17)
    assert not nothing.any()
