import socket

import numpy as np
import pytest
from skimage.morphology import convex_hull_image

from napari_isr.data import SAMPLES, fruit_behind_leaves, load_sample
from napari_isr.data.outline import random_outline
from napari_isr.data.scene import PaintedScene, paint_scene
from napari_isr.data.scribbles import ScribbleStroke, draw_stroke, rasterize
from napari_isr.errors import InputError

SMALL = (192, 224)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(scope="module")
def samples():
    return [
        (fruit_behind_leaves(SMALL, seed=seed, fruits=fruits), scene_of(seed, fruits))
        for seed in range(4)
        for fruits in (1, 2)
    ]


def scene_of(seed: int, fruits: int = 2, occlusion: float = 0.32) -> PaintedScene:
    """Paint what `fruit_behind_leaves` photographs."""
    return paint_scene(np.random.default_rng(seed), SMALL, fruits, occlusion)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_complete_without_a_network(name, no_network):
    sample = load_sample(name)
    shape = sample.scribbles.shape
    assert sample.name == name
    assert sample.title
    assert sample.image.dtype == sample.scribbles.dtype == np.uint8
    assert sample.image.shape in {shape, (*shape, 3)}

    labels = set(np.unique(sample.scribbles).tolist())
    objects = labels - {0, 1}
    assert {0, 1} <= labels
    assert objects == set(range(2, 2 + len(objects)))
    assert objects
    assert set(sample.shapes) == objects
    for mask in (sample.truth or {}).values():
        assert mask.dtype == bool
        assert mask.shape == shape


@pytest.mark.parametrize("name", ["coffee", "cat", "coins", "cell"])
def test_no_convex_hull_of_an_object_holds_another_label(name):
    scribbles = load_sample(name).scribbles
    for label in range(2, scribbles.max() + 1):
        hull = convex_hull_image(scribbles == label, offset_coordinates=False)
        assert set(np.unique(scribbles[hull])) <= {0, label}


def test_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match="'coffee'"):
        load_sample("cofee")


def test_a_missing_picture_is_an_input_error(monkeypatch, tmp_path, no_network):
    import skimage.data

    monkeypatch.setattr(skimage.data, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(InputError, match=r"coins\.png"):
        load_sample("coins")


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


def test_rasterize_paints_in_order_and_cuts_at_the_edge():
    strokes = [ScribbleStroke(1, [(5, -3), (5, 22)], 1), ScribbleStroke(2, [(5, 10)], 2)]
    scribbles = rasterize(strokes, (11, 20))
    assert (scribbles[5, [0, 7, 13, 19]] == 1).all()
    assert (scribbles[4:7, 0] == 1).all()
    assert (scribbles[3:8, 10] == 2).all()
    assert not scribbles[[0, 10]].any()


def test_a_stroke_keeps_to_its_room():
    from scipy.ndimage import distance_transform_edt

    region = np.zeros((80, 80), bool)
    region[20:50, 10:70] = True
    room = distance_transform_edt(region)
    rng = np.random.default_rng(0)
    for _ in range(20):
        stroke = draw_stroke(room, rng, label=2, radius=3, length=40)
        assert region[rasterize([stroke], region.shape) == 2].all()
    assert draw_stroke(0 * room, rng, label=2, radius=3, length=40) is None
