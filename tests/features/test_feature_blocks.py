"""Parts of blocks: planes at working size, components, superpixels and their cuts."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from napari_isr.features import SourceImage
from napari_isr.features.normalized_cuts import affinities, normalized_cuts, slic_planes
from napari_isr.features.pca import PcaReduction
from napari_isr.features.source_image import PlaneReader
from napari_isr.geometry.image import ImageGeometry


def test_a_thin_image_is_not_blown_up():
    source = SourceImage(np.zeros((1, 100_000), np.uint8), 2)
    planes = PlaneReader(source, ImageGeometry(source.shape), side=512, enlarge=4, multiple=32)
    assert planes.size == (32, 2048)
    needles = PlaneReader(source, ImageGeometry(source.shape, (1000.0, 1.0)), side=512, multiple=32)
    assert np.prod(needles.size) <= 1.2 * 512**2


def test_square_pixels_whatever_the_voxels():
    source = SourceImage(np.zeros((100, 200), np.uint8), 2)
    assert PlaneReader(source, ImageGeometry(source.shape, (2.0, 1.0)), side=100).size == (100, 100)


def test_planes_are_brought_to_size_in_place():
    """A step stays where it is, whether the image is reduced, enlarged or thinned out."""
    for size in (40, 400, 5000):
        image = np.zeros((size, size), np.uint8)
        image[:, size // 4 :] = 255
        source = SourceImage(image, 2)
        pixels = PlaneReader(source, ImageGeometry(source.shape), side=200, enlarge=8).pixels()[
            ..., 0
        ]
        assert pixels.shape == (200, 200)
        assert np.abs(pixels.sum(1) - 150).max() < 1.01


def test_components_do_not_depend_on_scale_and_wide_groups_do_not_outweigh():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(4000, 2)).astype(np.float32)
    narrow = hidden[:, :1] @ np.ones((1, 2), np.float32)
    wide = hidden[:, 1:] @ np.ones((1, 50), np.float32)
    sample = np.concatenate([1e4 * narrow + 7, 1e-2 * wide], axis=1)
    found = PcaReduction(sample, 2, (2, 50))(sample)
    assert np.allclose(found.std(0), 1, atol=0.02)
    assert np.abs(np.corrcoef(found.T, hidden.T)[:2, 2:]).max(1).min() > 0.6


def test_components_that_are_not_there_are_zero():
    sample = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    found = PcaReduction(sample, 5)(sample)
    assert np.abs(found[:, :3]).min(0).max() > 0
    assert not found[:, 3:].any()


def test_normalized_cuts_part_two_groups_and_solve_their_equation():
    rng = np.random.default_rng(0)
    group = np.arange(60) % 2
    weights = rng.random((60, 60)) * np.where(group[:, None] == group, 1.0, 0.01)
    weights = weights + weights.T
    found = normalized_cuts(csr_matrix(weights), np.ones(60), 4)
    assert (found[:, 0] > 0).tolist() == (group == group[found[:, 0].argmax()]).tolist()
    assert np.allclose(found.mean(0), 0, atol=1e-6)
    assert np.isclose((found**2).mean(), 1)
    degree = weights.sum(1)
    flow = weights @ found[:, 0] / degree  # D^-1 W y = (1 - lambda) y, up to a constant
    assert np.corrcoef(flow, found[:, 0])[0, 1] > 0.9999


def test_affinities_are_symmetric_and_join_similar_neighbors():
    image = np.zeros((1, 40, 60, 3))
    image[:, :, 20:40] = 100.0  # a bright band between two dark ones
    places = np.stack(np.meshgrid([0.0], np.arange(40.0), np.arange(60.0), indexing="ij"), -1)
    cells = slic_planes(image, places, 24)
    assert np.bincount(cells.labels.ravel()).tolist() == cells.size.astype(int).tolist()
    matrix = affinities(cells, ()).toarray()
    assert np.array_equal(matrix, matrix.T)
    bright = cells.color[:, 0] > 50
    assert 0 < bright.sum() < len(bright)
    assert matrix[bright][:, bright].sum() > 5 * matrix[bright][:, ~bright].sum()
    left = ~bright & (cells.place[:, 2] < 20)
    right = ~bright & (cells.place[:, 2] > 40)
    assert matrix[left][:, right].sum() > 0
