"""Scenes that the benchmarks paint have the truth and the scribbles that they claim."""

import numpy as np
import pytest
from skimage.morphology import convex_hull_image

from napari_isr.data import load_sample
from napari_isr.data.scribbles import rasterize
from napari_isr.errors import InputError
from synthetic import fruit_behind_leaves
from synthetic.outline import random_outline
from synthetic.scene import PaintedScene, paint_scene
from synthetic.strokes import draw_stroke

SMALL = (192, 224)


@pytest.fixture(scope="module")
def samples():
    return [
        (fruit_behind_leaves(SMALL, seed=seed, fruits=fruits), scene_of(seed, fruits))
        for seed in range(4)
        for fruits in (1, 2)
    ]


def scene_of(seed: int, fruits: int = 2, occlusion: float = 0.32) -> PaintedScene:
    """Paint the scene of `fruit_behind_leaves`."""
    return paint_scene(np.random.default_rng(seed), SMALL, fruits, occlusion)


def test_fruit_strokes_lie_on_visible_skin_of_that_fruit_alone(samples):
    for sample, scene in samples:
        for label, mask in sample.truth.items():
            stroke = sample.scribbles == label
            assert stroke.sum() > 30
            assert mask[stroke].all()
            assert scene.seen(label)[stroke].all()
            others = [other for key, other in sample.truth.items() if key != label]
            assert not any(other[stroke].any() for other in others)


def test_background_strokes_lie_outside_every_fruit_and_on_leaves_too(samples):
    for sample, scene in samples:
        stroke = sample.scribbles == 1
        assert stroke.sum() > 100
        assert not any(mask[stroke].any() for mask in sample.truth.values())
        assert (stroke & (scene.front == 1)).sum() > 20


def test_truth_is_digitally_convex(samples):
    for sample, _ in samples:
        for mask in sample.truth.values():
            hull = convex_hull_image(mask, offset_coordinates=False)
            assert np.array_equal(hull, mask)
            assert mask.mean() > 0.05
            assert not mask[[0, -1]].any()
            assert not mask[:, [0, -1]].any()


def test_outline_mask_agrees_with_the_half_planes():
    outline = random_outline(np.random.default_rng(5), (31.3, 40.7), 24.0)
    pixels = np.argwhere(np.ones((64, 80), bool))
    inside = ((pixels - outline.centre) @ outline.normals.T <= outline.offsets).all(axis=1)
    assert np.array_equal(outline.mask((64, 80)).ravel(), inside)


@pytest.mark.parametrize("seed", range(8))
def test_leaves_hide_a_third_and_the_hull_of_what_is_seen_recovers_it(seed):
    scene = scene_of(seed)
    for label, mask in scene.truth.items():
        seen = mask & (scene.owner == label) & (scene.front < 0.5)
        assert 0.25 < 1 - seen.sum() / mask.sum() < 0.4
        hull = convex_hull_image(seen, offset_coordinates=False)
        assert hull.sum() > 0.95 * mask.sum()


def test_more_occlusion_hides_more():
    few, many = (scene_of(2, fruits=1, occlusion=occlusion) for occlusion in (0.2, 0.4))
    assert few.seen(2).mean() > 1.2 * many.seen(2).mean()


def test_a_seed_is_a_scene():
    first, again, other = (fruit_behind_leaves(SMALL, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.scribbles, again.scribbles)
    assert not np.array_equal(first.truth[2], other.truth[2])


@pytest.mark.parametrize(
    "wrong", [{"fruits": 3}, {"occlusion": 0.9}, {"shape": (64, 300)}], ids=lambda w: next(iter(w))
)
def test_arguments_out_of_range(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        fruit_behind_leaves(**wrong)


def test_a_stroke_keeps_to_its_room():
    from scipy.ndimage import distance_transform_edt

    region = np.zeros((80, 80), bool)
    region[20:50, 10:70] = True
    distance = distance_transform_edt(region)
    rng = np.random.default_rng(0)
    for _ in range(20):
        stroke = draw_stroke(distance, rng, label=2, radius=3, length=40)
        assert region[rasterize([stroke], region.shape) == 2].all()
    assert draw_stroke(0 * distance, rng, label=2, radius=3, length=40) is None


def test_the_bundled_sample_is_the_painted_scene():
    bundled, painted = load_sample("fruit"), fruit_behind_leaves(seed=1)
    assert np.array_equal(bundled.image, painted.image)
    assert np.array_equal(bundled.scribbles, painted.scribbles)
    assert bundled.truth.keys() == painted.truth.keys()
    for label, mask in painted.truth.items():
        assert np.array_equal(bundled.truth[label], mask)
