"""Predictors that look at a neighbourhood: crops, planes, small images, the penalty."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_isr.features import ImageFeatures, SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.predictors import FeatureView, conv_base, make_predictor
from napari_isr.predictors.base import JITTER, JITTER_RICH, feature_noise_std
from napari_isr.predictors.conv_base import CROPS, PatchSampler, reflect_pad

MAPS = ["cnn", "unet"]


def view(image, ndim=2, names="rgb,spatial"):
    source = SourceImage(image, ndim)
    frame = ImageGeometry(source.shape)
    return FeatureView(ImageFeatures(source, frame, names), frame)


def trained(scene, scribbles, name, steps=None):
    """A predictor after its training, or the first yields of it."""
    labels = scribbles[scribbles > 0].astype(np.int64)
    model = make_predictor(name, scene.width, int(labels.max()))
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels - 1)).float()
    points = np.argwhere(scribbles).astype(float)
    fit = model.fit(scene, points, targets, targets.sum(1))
    for _ in zip(range(steps or 1000), fit, strict=False):
        pass
    return model


def probabilities(model, scene):
    """Probabilities (classes, n1, ..., nd) of every pixel."""
    pixels = meshgrid_points(scene.frame.axis_positions())
    return model.log_probabilities(scene, pixels).exp().T.unflatten(1, scene.frame.shape)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("size", [(9, 1), (1, 2), (2, 30), (17, 9)])
def test_small_and_odd_images(name, size):
    image = np.zeros(size, np.uint8)
    image.flat[image.size // 2 :] = 200
    scribbles = np.zeros(size, np.uint8)
    scribbles.flat[0], scribbles.flat[-1] = 1, 2
    scene = view(image)
    found = probabilities(trained(scene, scribbles, name), scene)
    assert found.shape == (2, *size)
    assert torch.isfinite(found).all()
    assert torch.allclose(found.sum(0), torch.ones(size), atol=1e-5)
    assert float(found[1].flatten()[-1]) > 0.5 > float(found[1].flatten()[0])


@pytest.mark.parametrize("name", MAPS)
def test_volumes_are_seen_plane_by_plane(name):
    rng = np.random.default_rng(0)
    truth = np.zeros((9, 24, 30), bool)
    truth[2:8, 6:18, 8:22] = True
    image = np.where(truth, 180, 60) + rng.normal(0, 10, truth.shape)
    scribbles = np.zeros(truth.shape, np.uint8)
    scribbles[4, 8:16, 14], scribbles[4, 2, 2:28], scribbles[0, 5:20, 15] = 2, 1, 1
    scene = view(image.astype(np.float32), 3)
    model = trained(scene, scribbles, name)
    assert ((probabilities(model, scene)[1].numpy() > 0.5) == truth).mean() > 0.95
    # Planes are images of their own: what one shows changes nothing in the others.
    maps = scene.feature_grid.clone()
    before = model._logs(scene)
    scene.feature_grid[:, -1] += 5
    after = make_predictor(name, scene.width, 2)
    after.load_state_dict(model.state_dict())
    assert torch.equal(after._logs(scene)[:, :-1], before[:, :-1])
    assert not torch.equal(maps, scene.feature_grid)


@pytest.mark.parametrize("name", MAPS)
def test_textures_are_told_apart_that_have_the_same_colors(name):
    row, column = np.mgrid[:60, :80]
    right = column >= 40
    image = (np.where(right, row, column) // 2 % 2 * 120 + 60).astype(np.uint8)
    scribbles = np.zeros(image.shape, np.uint8)
    scribbles[8:52, 12:15], scribbles[8:52, 62:65] = 1, 2
    scene = view(image, names="rgb")
    right_by = {
        kind: ((probabilities(trained(scene, scribbles, kind), scene)[1].numpy() > 0.5) == right)
        for kind in ("fcn", name)
    }
    assert right_by[name].mean() > 0.8
    assert right_by["fcn"].mean() < 0.6


@pytest.mark.parametrize("name", MAPS)
def test_a_stopped_training_can_be_used_and_goes_on(scene, name):
    image, scribbles, _ = scene
    looked = view(image)
    model = trained(looked, scribbles, name, steps=3)
    early = probabilities(model, looked)
    assert torch.isfinite(early).all()
    targets = torch.nn.functional.one_hot(torch.from_numpy(scribbles[scribbles > 0] - 1).long())
    points = np.argwhere(scribbles).astype(float)
    list(model.fit(looked, points, targets.float(), torch.ones(len(points))))
    later = probabilities(model, looked)
    assert not torch.equal(early, later)  # what was kept of the maps is not used any more
    right = [float(p[k][scribbles == k + 1].mean()) for p in (early, later) for k in range(3)]
    assert sum(right[3:]) > sum(right[:3])


@pytest.mark.parametrize("name", MAPS)
def test_another_image_is_looked_at_anew(scene, name):
    image, scribbles, _ = scene
    looked = view(image)
    model = trained(looked, scribbles, name, steps=5)
    first = probabilities(model, looked)
    other = probabilities(model, view(image[::-1].copy()))
    assert not torch.allclose(first, other, atol=1e-3)
    assert torch.equal(probabilities(model, looked), first)


@pytest.mark.parametrize("name", ["fcn", *MAPS])
def test_without_any_features_there_is_still_an_answer(scene, name):
    image, scribbles, _ = scene
    looked = view(image, names="nearness")
    found = probabilities(trained(looked, scribbles, name), looked)
    assert torch.allclose(found, torch.full_like(found, 1 / 3), atol=0.05)


def test_features_that_are_many_are_believed_less(scene):
    looked = view(scene[0], names="rgb,spatial")
    assert torch.equal(feature_noise_std(looked), torch.full((5,), JITTER))
    looked.features.blocks[0].name = "texture"
    looked.__dict__.pop("smooth_feature_mask", None)
    assert feature_noise_std(looked).tolist() == pytest.approx([JITTER_RICH] * 3 + [JITTER] * 2)


def slope(model, planes, smooth):
    """Squared slope of each logit by itself, summed over classes; mean over cells and members."""
    exact = torch.zeros(())
    planes = planes.clone().requires_grad_()
    logits = model(planes)
    for value in logits.flatten():
        (gradient,) = torch.autograd.grad(value, planes, retain_graph=True)
        exact = exact + gradient[:, smooth].square().sum()
    return exact / (logits[:, 0].numel() * model.members)


def test_the_penalty_is_the_squared_slope_by_place_and_color():
    model = conv_base.Cnn(4, 2)
    draw = torch.Generator().manual_seed(0)
    planes = torch.randn(2, 4, 10, 10, generator=draw)
    smooth = torch.tensor([True, False, True, False])
    found = torch.stack([model.regularization(planes, smooth, draw).detach() for _ in range(300)])
    expected = conv_base.PENALTY * slope(model, planes, smooth)
    assert float(found.mean()) == pytest.approx(float(expected), rel=0.1)
    assert model.regularization(planes, torch.zeros_like(smooth), draw) == 0


def test_a_penalized_network_changes_less_with_color(scene, monkeypatch):
    image, scribbles, _ = scene
    looked, slopes = view(image), []
    for penalty in (0.0, 3.0):
        monkeypatch.setattr(conv_base, "PENALTY", penalty)
        model = trained(looked, scribbles, "cnn")
        slopes.append(
            float(
                slope(model, looked.feature_grid[None, :, 20:30, 20:30], looked.smooth_feature_mask)
            )
        )
    assert slopes[1] < 0.7 * slopes[0]


def test_crops_lie_around_strokes_of_each_class_equally():
    planes = torch.arange(40 * 50.0).view(1, 1, 40, 50)
    mass = torch.zeros(1, 3, 40, 50)
    mass[0, 0, 3, :], mass[0, 1, 30, 40:43] = 1, 1  # the third class has no stroke
    crops = list(PatchSampler(planes, mass, 8, 2).draw(50, torch.Generator().manual_seed(0)))
    assert len(crops) == 50
    for seen, wanted in crops:
        assert seen.shape == (2 * (CROPS // 3), 1, 12, 12)
        assert wanted.shape == (2 * (CROPS // 3), 3, 8, 8)
        assert (wanted[: CROPS // 3, 0].flatten(1).sum(1) > 0).all()
        assert (wanted[CROPS // 3 :, 1].flatten(1).sum(1) > 0).all()
        inner = seen[:, 0, 2:-2, 2:-2]
        assert torch.equal(inner[:, 0, 1] - inner[:, 0, 0], torch.ones(len(inner)))
    starts = {float(seen[0, 0, 2, 2]) for seen, _ in crops}
    assert len(starts) > 20


def test_planes_are_reflected_at_their_border():
    planes = torch.randn(2, 5, 7)
    expected = np.pad(planes.numpy(), [(0, 0), (11, 11), (11, 11)], mode="reflect")
    assert np.array_equal(reflect_pad(planes, 11).numpy(), expected)
    assert torch.equal(reflect_pad(planes[:, :1], 2)[:, :, 2:-2], planes[:, :1].expand(2, 5, 7))
