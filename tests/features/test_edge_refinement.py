"""Boundaries at edges: the cut on cells, its colours, and what comes of it in a segmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.evidence import FILLING_WEIGHT, FOREGROUND_WEIGHT
from napari_isr.features import ImageFeatures, SourceImage, parse_features
from napari_isr.features.edge_refinement import (
    BOUNDARY_COST,
    SEED_LOG_ODDS,
    SUREST,
    ColorHistograms,
    EdgeRefiner,
    TotalVariationCut,
    softmax_with_background,
)
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors import FeatureView, make_predictor
from napari_isr.segmentation.predicted_unaries import PredictedUnaries
from synthetic import fruit_behind_leaves


def disc(shape=(60, 80), centre=(30, 40), radius=18):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - centre[0], columns - centre[1]) < radius


def colored(mask, noise=0.1, channels=3, seed=0):
    """Cells of two colours, about half a dozen deviations of their noise apart."""
    values = np.where(mask, 1.0, -1.0)[..., None].repeat(channels, -1)
    return values + noise * np.random.default_rng(seed).normal(size=values.shape)


def no_seeds(shape):
    return np.full(shape, -1)


def overlap(first, second):
    return (first & second).sum() / max(1, (first | second).sum())


# ------------------------------------------------------------------------------------- the cut


def test_boundaries_move_to_edges():
    """A belief that is too large by 4 cells all around becomes the disc itself."""
    truth = disc()
    rows, columns = np.mgrid[:60, :80]
    odds = (22 - np.hypot(rows - 30, columns - 40)) / 3
    assert overlap(odds > 0, truth) < 0.75
    settled = TotalVariationCut(colored(truth))(odds[None], no_seeds(truth.shape))[0]
    assert overlap(settled > 0, truth) > 0.99


def test_a_flat_image_leaves_a_boundary_where_it_is():
    odds = (disc(radius=20) * 8.0 - 4.0).astype(np.float32)
    settled = TotalVariationCut(np.zeros((60, 80, 3)))(odds[None], no_seeds(odds.shape))[0]
    assert overlap(settled > 0, odds > 0) > 0.95


def test_a_flat_image_with_even_odds_says_nothing():
    even = np.full((1, 20, 30), 0.7, np.float32)
    settled = TotalVariationCut(np.zeros((20, 30, 1)))(even, no_seeds((20, 30)))
    assert np.ptp(settled) < 1e-5
    assert (settled > 0).all()


def test_a_stroke_flips_the_even_part_that_it_lies_in():
    """The belief has one of two look-alike discs on the wrong side; one stroke sets it right."""
    one, other = disc((50, 100), (25, 25), 15), disc((50, 100), (25, 75), 15)
    odds = (np.where(one, 3.0, -3.0) + np.where(other, 2.0, 0)).astype(np.float32)[None]
    cut, seeds = TotalVariationCut(colored(one | other)), no_seeds((50, 100))
    seeds[25, 15:35], seeds[2, :] = 1, 0
    before = cut(odds, seeds)[0] > 0
    seeds[25, 65:85] = 1
    after = cut(odds, seeds)[0] > 0
    assert after[other].mean() > 0.99
    assert overlap(after, one | other) > 0.98
    assert before[one].mean() > 0.99


def test_strokes_are_honoured_against_all_odds():
    rng = np.random.default_rng(1)
    colors, odds = rng.normal(size=(30, 40, 3)), rng.normal(size=(2, 30, 40)) * 4
    seeds = no_seeds((30, 40))
    seeds.flat[rng.permutation(seeds.size)[:60]] = np.arange(60) % 3
    found = softmax_with_background(TotalVariationCut(colors)(odds, seeds))
    shares = np.concatenate([1 - found.sum(0, keepdims=True), found])
    assert np.array_equal(shares.argmax(0)[seeds >= 0], seeds[seeds >= 0])
    assert SEED_LOG_ODDS > 4 * BOUNDARY_COST  # or a lone stroke would be smoothed away


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (31, 17)])
@pytest.mark.parametrize("channels", [1, 2, 3, 7])
@pytest.mark.parametrize("objects", [1, 3])
def test_every_shape_gives_probabilities_that_add_up(shape, channels, objects):
    rng = np.random.default_rng(2)
    cut = TotalVariationCut(rng.normal(size=(*shape, channels)))
    settled = cut(rng.normal(size=(objects, *shape)) * 30, no_seeds(shape))
    found = softmax_with_background(settled)
    assert settled.shape == (objects, *shape)
    assert np.isfinite(settled).all()
    assert found.min() >= 0
    assert (found.sum(0) <= 1 + 1e-6).all()


def test_the_dual_steps_come_to_the_minimum():
    """On two cells the answer is known: their log-odds move together until they meet."""
    cut = TotalVariationCut(np.zeros((1, 2, 1)))
    flows = [np.zeros((1, *weight.shape), np.float32) for *_, weight in cut.pairs]
    near = np.array([[[1.0, -2.0]]], np.float32)
    cut._flow(near, flows)
    assert np.allclose(cut._residual_log_odds(near, flows), -0.5, atol=0.02)
    far = np.array([[[9.0, -9.0]]], np.float32)
    flows = [np.full_like(flow, BOUNDARY_COST) for flow in flows]
    cut._flow(far, flows)
    assert np.allclose(
        cut._residual_log_odds(far, flows), [[[9 - BOUNDARY_COST, BOUNDARY_COST - 9]]], atol=1e-3
    )


def test_the_same_input_gives_the_same_answer():
    rng = np.random.default_rng(3)
    colors, odds = rng.normal(size=(40, 50, 3)), rng.normal(size=(1, 40, 50))
    cut = TotalVariationCut(colors)
    first = cut(odds, no_seeds((40, 50)))
    cut(-odds, no_seeds((40, 50)))  # nothing is kept from one call to the next
    assert np.array_equal(first, cut(odds, no_seeds((40, 50))))
    assert np.array_equal(first, TotalVariationCut(colors)(odds, no_seeds((40, 50))))


# ------------------------------------------------------------------------------------- colours


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_colors_tell_what_belongs_together(channels):
    truth = disc()
    share = np.where(truth, 0.7, 0.3)
    ratios = ColorHistograms(colored(truth, channels=channels)).log_ratios(
        np.stack([1 - share, share])
    )
    assert ratios.shape == (1, 60, 80)
    assert (ratios[0][truth] > 0).mean() > 0.99
    assert (ratios[0][~truth] < 0).mean() > 0.99
    assert np.median(ratios[0][truth]) > 0.7  # all but log(0.7 / 0.3)
    assert np.abs(ratios).max() <= SUREST


def test_colors_that_both_have_tell_nothing():
    shares = np.stack([disc((10, 10), (5, 5), 3), np.ones((10, 10))])
    ratios = ColorHistograms(np.zeros((10, 10, 3))).log_ratios(shares)
    assert np.abs(ratios).max() < 1e-6


def test_a_class_without_members_has_no_colors():
    ratios = ColorHistograms(colored(disc())).log_ratios(
        np.stack([np.ones((60, 80)), np.zeros((60, 80))])
    )
    assert np.isfinite(ratios).all()
    assert (ratios < 0).all()


# ------------------------------------------------------------------------------ in a segmentation


def scene_with_strokes(noise=12):
    truth = disc((90, 120), (45, 60), 28)
    image = np.where(truth, 150, 90)[..., None].repeat(3, -1)
    image = image + np.random.default_rng(0).integers(0, noise, image.shape)
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[43:47, 50:70], strokes[3:6, 10:110] = 2, 1
    return image.astype(np.uint8), strokes, truth


def test_masks_of_noisy_images_are_better_with_them():
    image, strokes, truth = scene_with_strokes(noise=80)
    strokes[strokes == 2] = 0
    strokes[30:33, 40:60] = 2  # off the middle
    strokes[80:83, 50:70] = 1
    found = [
        overlap(isr.segment(image, strokes, "none", features=names).mask, truth)
        for names in ("rgb,nearness", "rgb,nearness,edges")
    ]
    assert found[1] > 0.98
    assert found[1] > found[0] + 0.02


def test_edges_need_no_nearness():
    image, strokes, truth = scene_with_strokes()
    result = isr.segment(image, strokes, "none", features="rgb,edges")
    assert overlap(result.mask, truth) > 0.97


def test_probabilities_of_all_objects_add_up_to_at_most_one():
    image, strokes, _ = scene_with_strokes()
    strokes[80:84, 10:40] = 3
    result = isr.segment(image, strokes, "none", features="rgb,nearness,edges")
    total = sum(item.probability for item in result.objects.values())
    assert (total <= 1 + 1e-5).all()
    assert all(item.probability[strokes == k].min() > 0.5 for k, item in result.objects.items())


def test_refinement_costs_cells_not_pixels():
    """A huge image has no more cells than any other."""
    shape = (3000, 4000)
    image = np.lib.stride_tricks.as_strided(np.zeros((1, 1), np.uint8), shape, (0, 0))
    edges = EdgeRefiner(SourceImage(image, 2), ImageGeometry(shape))
    assert np.prod(edges.fine.sizes) <= 1.1 * 65_536
    assert np.prod(edges.coarse.sizes) <= 1.1 * 16_384
    assert len(edges.coarse.points) == np.prod(edges.coarse.sizes)


def test_edges_are_of_planes_and_plane_frames_only():
    assert "edges" in parse_features("auto", 2)
    assert "edges" in parse_features("auto", 3, in_time=True)
    assert "edges" not in parse_features("auto", 3)
    assert "edges" not in parse_features("auto", 4, in_time=True)
    with pytest.raises(InputError, match="2 axes, not 3"):
        parse_features("rgb,edges", 3)


def test_unaries_with_edges_live_where_the_scene_does():
    """Read on the CPU, the probabilities go to the scene's device."""

    class Source:
        blocks = ()
        width = 1

        def at(self, points):
            return np.zeros((len(points), 1), np.float32)

    image, strokes, _ = scene_with_strokes()
    frame = ImageGeometry(strokes.shape)
    edges = EdgeRefiner(SourceImage(image, 2), frame)
    drawn = edges.with_seeds(np.argwhere(strokes), strokes[strokes > 0].astype(int) - 1, 2)
    scene = FeatureView(Source(), frame)
    unaries = PredictedUnaries(scene, make_predictor("linear", 1, 2, 0), edges=drawn)
    there = unaries.at(np.array([[45.0, 60.0]]))
    scene.device = torch.device("meta")
    assert unaries.at(np.array([[45.0, 60.0]])).device.type == "meta"
    assert there.shape == (1, 2)
    assert float(there.sum()) == pytest.approx(1)


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("edges", [False, True])
def test_filling_shapes_count_foreground_more_where_boundaries_are_at_edges(edges, fills):
    image = colored(disc(), channels=1)[..., 0]
    frame, source = ImageGeometry(image.shape), SourceImage(image, 2)
    scene = FeatureView(ImageFeatures(source, frame, "rgb"), frame, torch.device("cpu"))
    points, classes = np.array([[30, 40], [5, 5]]), np.array([1, 0])
    predictor = make_predictor("linear", scene.width, 2)
    *_, _ = predictor.fit(scene, points.astype(float), torch.eye(2)[classes], torch.ones(2))
    drawn = EdgeRefiner(source, frame).with_seeds(points, classes, 2) if edges else None
    unaries = PredictedUnaries(scene, predictor, edges=drawn)
    seen = unaries.evidence(1, fills).coarse.values
    surest = 2 * float(unaries.coarse[1].max()) - 1
    expected = FILLING_WEIGHT if edges and fills else FOREGROUND_WEIGHT
    assert float(seen.max()) * seen.numel() == pytest.approx(expected * surest, rel=1e-4)


def test_a_convex_fruit_reaches_behind_leaves():
    """Leaves have sharp edges; what they hide is in the convex mask none the less."""
    scores = []
    for seed in (109, 111):
        sample = fruit_behind_leaves(seed=seed)
        found = isr.segment(sample.image, sample.scribbles, "convex", device="cpu").objects
        scores += [overlap(found[label].mask, truth) for label, truth in sample.truth.items()]
    assert np.mean(scores) > 0.92
