"""Each block of features matters: a scene that only it can tell apart is learned with it only.

The published code fed its semantic features about 300 times too small: here that fails.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, gaussian_filter

from napari_isr.features import ImageFeatures, SourceImage
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors import FeatureView, make_predictor

SIZE = 160
LEARNED, NOT_LEARNED = 0.92, 0.75  # balanced accuracy


def patches(count=8):
    """Squares (SIZE, SIZE) in random order, as many true as false: no place tells which."""
    cells = np.random.default_rng(2).permutation(count * count).reshape(count, count) % 2
    return np.kron(cells, np.ones((SIZE // count, SIZE // count))).astype(bool)


def noise(seed=0, fineness=0.0):
    """Grey values of mean 0.5 and deviation 0.1; smooth at ``fineness`` pixels."""
    drawn = gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), fineness)
    return 0.5 + 0.1 * (drawn - drawn.mean()) / drawn.std()


def colored():
    """Reddish and greenish squares in the same noise."""
    truth = patches()
    image = np.stack([noise(0), noise(1), noise(2)], axis=-1)
    image[..., 0] += np.where(truth, 0.4, 0.1)
    image[..., 1] += np.where(truth, 0.1, 0.4)
    return image, truth


def halved():
    """The same noise on both sides."""
    return noise(), np.mgrid[:SIZE, :SIZE][1] > SIZE // 2


def grained():
    """Fine and coarse grain of the same mean and deviation."""
    truth = patches()
    return np.where(truth, noise(0, 0.5), noise(1, 3.0)), truth


def parted():
    """Quarters of the same grey, parted by dark lines; opposite ones belong together."""
    row, column = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    truth = np.abs(row) > np.abs(column)
    line = binary_dilation(truth, iterations=1) & binary_dilation(~truth, iterations=1)
    image = 0.7 + 0.02 * np.random.default_rng(0).normal(size=truth.shape)
    image[line] = 0.1
    return image, truth


def streaked():
    """Upright and level streaks: the texture is the same for a picture that is turned."""
    drawn = np.random.default_rng(0).normal(size=(2, SIZE, SIZE))
    upright, level = gaussian_filter(drawn[0], (8, 1)), gaussian_filter(drawn[1], (1, 8))
    truth = patches(4)
    return 0.5 + 0.1 * np.where(truth, upright / upright.std(), level / level.std()), truth


def accuracy(image, truth, names, shrunk=None):
    """Of the linear predictor, trained on 100 pixels of each class, on all pixels."""
    source = SourceImage(image.astype(np.float32), 2)
    frame = ImageGeometry(source.shape)
    features = ImageFeatures(source, frame, names)
    for block in features.blocks:
        if block.name == shrunk:
            block.at = lambda points, whole=block.at: whole(points) / 300
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(np.argwhere(truth == k))[:100] for k in (False, True)]
    targets = torch.eye(2).repeat_interleave(100, 0)
    scene = FeatureView(features, frame)
    predictor = make_predictor("linear", scene.width, 2)
    list(predictor.fit(scene, np.concatenate(chosen).astype(float), targets, torch.ones(200)))
    pixels = np.argwhere(np.ones(truth.shape)).astype(float)
    found = predictor.log_probabilities(scene, pixels).argmax(1).bool().numpy()
    right = found.reshape(truth.shape) == truth
    return (right[truth].mean() + right[~truth].mean()) / 2


@pytest.fixture(autouse=True)
def _installed_weights(monkeypatch):
    monkeypatch.delenv("NAPARI_ISR_WEIGHTS", raising=False)


@pytest.mark.parametrize(
    ("block", "scene", "others"),
    [
        ("rgb", colored, "spatial"),
        ("spatial", halved, "rgb"),
        ("texture", grained, "rgb,spatial"),
        ("semantic", streaked, "rgb,spatial,texture"),
    ],
)
def test_a_block_tells_apart_what_others_cannot(block, scene, others):
    image, truth = scene()
    both = f"{block},{others}"
    assert accuracy(image, truth, others) < NOT_LEARNED
    assert accuracy(image, truth, both) > LEARNED
    assert accuracy(image, truth, both, shrunk=block) < NOT_LEARNED


def test_so_do_superpixels_where_there_are_no_weights(monkeypatch):
    monkeypatch.setattr("napari_isr.features.weight_files.PACKAGE", "no-such-package")
    image, truth = parted()
    others, both = "rgb,spatial,texture", "rgb,spatial,texture,semantic"
    assert accuracy(image, truth, others) < NOT_LEARNED
    assert accuracy(image, truth, both) > LEARNED
    assert accuracy(image, truth, both, shrunk="semantic") < NOT_LEARNED
