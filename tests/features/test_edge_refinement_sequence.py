"""Edges in sequences: boundaries of every frame lie at its contrasts."""

from __future__ import annotations

import numpy as np
import pytest

from napari_isr.features.edge_refinement_sequence import COARSE, FINE, KEPT, SequenceEdgeRefiner
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.time_series import PICKED, make_geometry
from napari_isr.segmentation.segmenter import Segmenter


def film(frames: int, size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright disc that walks over noisy ground: images, truth, strokes on both ends."""
    row, column = np.mgrid[:size, :size]
    centres = np.linspace(22, 42, frames)
    truth = np.stack([(row - 32) ** 2 + (column - x) ** 2 < 13**2 for x in centres])
    images = 90 + 70 * truth + np.random.default_rng(0).normal(0, 25, truth.shape)
    strokes = np.zeros(truth.shape, np.uint8)
    for t in (0, -1):
        x = int(centres[t])
        strokes[t, 30:34, x - 5 : x + 5] = 2
        strokes[t, 4:6, 6:58] = 1
        strokes[t, 58:60, 6:58] = 1
    return np.clip(images, 0, 255).astype(np.uint8), truth, strokes


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def probability(images: np.ndarray, strokes: np.ndarray, features: str) -> np.ndarray:
    segmenter = Segmenter(images, ndim=3, axes="tyx", features=features)
    for _ in segmenter.run(strokes, "none"):
        pass
    return segmenter.result.objects[2].probability


def test_edges_move_the_boundaries_of_every_frame():
    images, truth, strokes = film(5)
    with_edges = probability(images, strokes, "rgb,nearness,edges") > 0.5
    without = probability(images, strokes, "rgb,nearness") > 0.5
    for frame, before, there in zip(with_edges, without, truth, strict=True):
        assert overlap(frame, there) > max(0.9, overlap(before, there))


def test_frames_that_were_not_picked_are_settled_when_they_are_asked_for():
    images, truth, strokes = film(PICKED * 2 + 1)
    found = probability(images, strokes, "rgb,nearness,edges") > 0.5
    assert min(overlap(a, b) for a, b in zip(found, truth, strict=True)) > 0.85


@pytest.mark.parametrize("frames", [5, 40])
def test_cells_depend_neither_on_the_size_nor_on_the_number_of_frames(frames):
    shape = (frames, 3000, 4000)
    images = np.lib.stride_tricks.as_strided(np.zeros((1, 1, 1), np.uint8), shape, (0, 0, 0))
    edges = SequenceEdgeRefiner(SourceImage(images, 3), make_geometry(shape, (), "tyx"))
    assert np.prod(edges.fine) <= 1.1 * FINE
    assert len(edges.points) <= 1.1 * COARSE * min(frames, PICKED)


def test_a_stroke_is_believed_and_little_is_kept():
    images, _, strokes = film(KEPT + PICKED + 4)
    edges = SequenceEdgeRefiner(SourceImage(images, 3), make_geometry(images.shape, (), "tyx"))
    points = np.argwhere(strokes > 0)
    drawn = edges.with_seeds(points, strokes[strokes > 0].astype(int) - 1, 2)
    field = drawn.refine(np.zeros((len(drawn.points), 2)), lambda where: np.zeros((len(where), 2)))
    told = field.at(points.astype(float))
    assert ((told[:, 1] > 0) == (strokes[strokes > 0] == 2)).all()
    everywhere = np.stack([np.arange(len(images)), *np.full((2, len(images)), 32)], axis=1)
    assert field.at(everywhere.astype(float)).shape == (len(images), 2)
    assert len(field._further) <= KEPT


def test_settling_again_goes_on_from_where_it_ended():
    images, truth, strokes = film(3)
    points = np.argwhere(strokes > 0)
    classes = strokes[strokes > 0].astype(int) - 1

    def settled(edges: SequenceEdgeRefiner, odds: float) -> np.ndarray:
        drawn = edges.with_seeds(points, classes, 2)
        inside = truth[tuple(np.rint(drawn.points).astype(int).T)]
        logs = np.stack([np.zeros(len(inside)), np.where(inside, odds, -odds)], axis=1)
        field = drawn.refine(logs, lambda where: np.zeros((len(where), 2)))
        return field.at(np.argwhere(truth >= 0).astype(float))[:, 1] > 0

    timeline = make_geometry(images.shape, (), "tyx")
    again, fresh = (SequenceEdgeRefiner(SourceImage(images, 3), timeline) for _ in range(2))
    settled(again, 0.5)
    first, second = settled(again, 2.0), settled(fresh, 2.0)
    assert overlap(first, second) > 0.99
    again.with_seeds(points, np.where(classes, 2, 0), 3).refine(
        np.zeros((len(again.points), 3)), lambda where: np.zeros((len(where), 3))
    )  # of other classes: from nothing
    assert again.last[0][0][0].shape[0] == 2
