"""DINOv2 features: only by name, from a file, with the network of timm.

The published weights are not here; the real network is tested with random ones.
"""

from __future__ import annotations

import builtins
import importlib.util
import socket
import sys
import types
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import torch

from napari_isr.errors import InputError
from napari_isr.features import FeatureCache, ImageFeatures, SourceImage, parse_features
from napari_isr.features import dino as module
from napari_isr.features.dino import LICENSE, VARIABLE, Dino
from napari_isr.features.weight_files import WeightFile
from napari_isr.geometry.image import ImageGeometry

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
POINTS = np.argwhere(np.ones((20, 30))).astype(float)
MODULES = ["ops", "ops.misc", "transforms", "transforms.functional", "datasets", "models"]


class Anything(type):
    """A class whose attributes are their own names."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class StandIn(types.ModuleType):
    """A module that has every class, all of them empty."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})


@pytest.fixture(scope="module")
def timm():
    """The package timm; where torchvision is missing, with a stand-in: no DINO needs it."""
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("torchvision") is None:
            for name in ("torchvision", *(f"torchvision.{part}" for part in MODULES)):
                stand_in = StandIn(name)
                stand_in.__spec__, stand_in.__path__ = ModuleSpec(name, None), []
                patch.setitem(sys.modules, name, stand_in)
                parent, _, child = name.rpartition(".")
                if parent:
                    setattr(sys.modules[parent], child, stand_in)
        import timm

        yield timm
    if importlib.util.find_spec("torchvision") is None:  # what was loaded with it goes, too
        for name in [n for n in sys.modules if n.partition(".")[0] == "timm"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def state(timm):
    """The published keys and shapes, with random values."""
    torch.manual_seed(0)
    network = timm.create_model(module.MODEL, num_classes=0, dynamic_img_size=True)
    # As after training, the layers' scales are not next to nothing: the image comes through.
    return {k: torch.ones_like(v) if "gamma" in k else v for k, v in network.state_dict().items()}


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    """As it is published: with the token of hidden patches, which served in training only."""
    path = tmp_path_factory.mktemp("weights") / "dino.pth"
    torch.save({**state, "mask_token": torch.zeros(1, 384)}, path)
    return path


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def features(image=IMAGE, ndim=2, **options):
    source = SourceImage(image, ndim)
    return ImageFeatures(source, ImageGeometry(source.shape), "dino", **options)


def test_only_if_named():
    assert "dino" not in parse_features("auto")
    assert "dino" not in parse_features("auto", 3)


def test_without_a_file_it_is_told_how_to_get_one_and_under_which_licence():
    with pytest.raises(InputError, match=r"DINOv2 ViT-S/14.*download=True") as caught:
        features()
    for words in (VARIABLE, LICENSE, "88 MB"):
        assert words in str(caught.value)


def test_features_of_a_file(file, monkeypatch):
    found = features(dino=file)
    assert found.sources == {"dino": "DINOv2 ViT-S/14 (weights: Apache-2.0)"}
    values = found.at(POINTS)
    assert values.shape == (len(POINTS), 24)
    assert np.isfinite(values).all()
    assert 0.6 < np.sqrt((values**2).mean()) < 1.5
    assert np.array_equal(found.at(POINTS[::3]), values[::3])
    monkeypatch.setenv(VARIABLE, str(file))
    assert np.array_equal(features().at(POINTS), values)


def test_the_network_of_the_file_is_used(file, state, timm):
    """The block's patches are those that the published network gives for the normalised image."""
    source = SourceImage(IMAGE, 2)
    block = Dino(source, ImageGeometry(source.shape), FeatureCache(), WeightFile(file))
    rgb = block.pixels(())
    (found,) = block.compute_scales(rgb)
    network = timm.create_model(module.MODEL, num_classes=0, dynamic_img_size=True).eval()
    network.load_state_dict(state)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    image = ((torch.from_numpy(rgb) - mean) / deviation).permute(2, 0, 1)[None]
    with torch.inference_mode():
        tokens = network.forward_features(image)[0, 1:]
    assert np.allclose(found.reshape(len(tokens), -1), tokens.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("image", "ndim"),
    [
        (IMAGE[..., 0], 2),
        (IMAGE[..., :2], 2),
        (IMAGE[:1, :1], 2),
        (IMAGE[:1], 2),
        (IMAGE[:4, :5].transpose(2, 0, 1), 3),
    ],
    ids=["grey", "two channels", "one pixel", "a row", "depth"],
)
def test_every_image_has_finite_features(file, image, ndim):
    found = features(image, ndim, dino=file)
    points = np.argwhere(np.ones(image.shape[:ndim])).astype(float)
    assert np.isfinite(found.at(points)).all()


def test_its_maps_are_kept(file, tmp_path):
    first = features(dino=file, cache=FeatureCache(tmp_path)).at(POINTS)
    cache = FeatureCache(tmp_path)
    found = features(dino=file, cache=cache)
    found.blocks[0].compute_scales = lambda pixels: pytest.fail("computed again")
    assert np.array_equal(found.at(POINTS), first)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "cls_token"}, "'cls_token' is missing"),
        (lambda s: {**s, "norm.bias": torch.zeros(768)}, r"'norm.bias' .* \(768,\) .* \(384,\)"),
        (lambda s: {**s, "norm.bias": torch.full((384,), torch.nan)}, "NaN"),
        (lambda s: {"weight": torch.zeros(3)}, "not those of DINOv2 ViT-S/14"),
    ],
    ids=["key missing", "wrong shape", "NaN", "another network"],
)
def test_bad_files_are_explained(state, tmp_path, change, words):
    torch.save(change(state), tmp_path / "bad.pth")
    with pytest.raises(InputError, match=words) as caught:
        features(dino=tmp_path / "bad.pth").at(POINTS)
    assert "bad.pth" in str(caught.value)


def test_a_file_that_does_not_exist_is_explained_at_once(tmp_path):
    with pytest.raises(InputError, match=r"gone\.pth' does not exist"):
        features(dino=tmp_path / "gone.pth")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'timm'", name="timm"), r"pip install 'napari-isr\["),
        (ModuleNotFoundError("No module named 'torchvision'", name="torchvision"), "torchvision"),
        (RuntimeError("operator torchvision::nms does not exist"), "that fits the installed torch"),
    ],
    ids=["no timm", "no torchvision", "another torchvision"],
)
def test_a_missing_package_is_explained(monkeypatch, tmp_path, error, words):
    torch.save({"any": torch.zeros(1)}, tmp_path / "any.pth")
    found = features(dino=tmp_path / "any.pth")
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "timm":
            raise error
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=words) as caught:
        found.at(POINTS)
    assert "\n" not in str(caught.value)


def test_the_network_is_asked_for_weights_only_on_request(timm, file, monkeypatch):
    asked = []
    make = timm.create_model

    def watched(name, pretrained=False, **options):
        asked.append(pretrained)
        return make(name, **options)

    monkeypatch.setattr(timm, "create_model", watched)
    features(dino=file, download=True).at(POINTS)
    assert asked == [False]  # the file comes first
    assert np.isfinite(features(download=True).at(POINTS)).all()
    assert asked == [False, True]


def test_a_download_that_fails_is_explained(timm, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def refuse(*args, **kwargs):
        raise OSError("there is no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(InputError, match=r"could not be downloaded.*name a file"):
        features(download=True).at(POINTS)
