"""Shared fixtures: unaries with a known truth, scribbles and small images."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# Speed is checked in benchmarks, never by a timed test; and CI fails for the same cases each time.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


# Two threads on two cores that others use too wait for each other more than they work; and sums end
# on other last digits with them. Here, before the fixtures of modules are made.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_thread():
    """The command line, as it runs in a test, chooses for itself."""
    yield
    torch.set_num_threads(1)


def disc(shape=(64, 80), centre=(30.0, 42.0), radius=18.0):
    """Mask of a disc."""
    row, column = np.mgrid[: shape[0], : shape[1]]
    return (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius**2


def load_example(name):
    """The module of an example, which is a program and no part of the package."""
    path = Path(__file__).parents[1] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def occluded():
    """A disc behind a bar: (what is seen, what is there)."""
    truth = disc()
    seen = truth.copy()
    seen[20:27, :60] = False
    return seen, truth


@pytest.fixture
def scene():
    """A small RGB image with two discs, strokes on both and on the background, and the masks."""
    rng = np.random.default_rng(0)
    red, blue = disc(centre=(30, 25), radius=16), disc(centre=(32, 60), radius=13)
    image = np.full((64, 80, 3), 90.0)
    image[red] = (200, 60, 50)
    image[blue] = (50, 70, 200)
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    scribbles = np.zeros((64, 80), np.uint8)
    scribbles[3:6, 5:75] = 1
    scribbles[58:61, 5:75] = 1
    scribbles[28:31, 15:35] = 2
    scribbles[31:34, 53:67] = 3
    return image, scribbles, {2: red, 3: blue}


@pytest.fixture(autouse=True)
def _no_files_in_the_users_folders(tmp_path, monkeypatch):
    """Redirect the folders of the user to a temporary one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_ISR_DATA", str(tmp_path / "data"))
