"""Maps are kept by what they were computed from."""

from __future__ import annotations

import numpy as np
import pytest

from napari_isr.features import FeatureCache, ImageFeatures, SourceImage, default_folder
from napari_isr.features.cache import content_hash_key
from napari_isr.geometry.image import ImageGeometry

BLOCKS = ["texture", "semantic", "spectral"]
POINTS = np.argwhere(np.ones((30, 40))).astype(float)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype(np.uint8)


@pytest.fixture
def at(monkeypatch):
    """Features of a new object, and whether anything was computed for them."""
    monkeypatch.delenv("NAPARI_ISR_WEIGHTS", raising=False)

    def values(image, block, cache):
        if block == "spectral":
            monkeypatch.setattr("napari_isr.features.weight_files.PACKAGE", "no-such-package")
        computed = []
        whole = cache.get_or_compute

        def watched(key, compute, fits):
            return whole(key, lambda: computed.append(key) or compute(), fits)

        with monkeypatch.context() as patch:
            patch.setattr(cache, "get_or_compute", watched)
            name = "semantic" if block == "spectral" else block
            source = SourceImage(image, 2)
            found = ImageFeatures(source, ImageGeometry(source.shape), name, cache).at(POINTS)
        return found, bool(computed)

    return values


@pytest.mark.parametrize("block", BLOCKS)
def test_the_same_pixels_are_looked_at_once(at, image, block):
    cache = FeatureCache()
    first, computed = at(image, block, cache)
    assert computed
    again, computed = at(image.copy(), block, cache)
    assert not computed
    assert np.array_equal(first, again)


@pytest.mark.parametrize("block", BLOCKS)
def test_one_changed_pixel_is_another_image(at, image, block):
    cache = FeatureCache()
    first, _ = at(image, block, cache)
    image[11, 12] = 255 - image[11, 12]
    second, computed = at(image, block, cache)
    assert computed
    assert not np.array_equal(first, second)


def test_blocks_do_not_take_each_others_maps(at, image):
    cache = FeatureCache()
    assert all(at(image, block, cache)[1] for block in BLOCKS)


def test_a_plane_is_another_one_in_another_stack(monkeypatch):
    """Components come from several planes, so that a plane's features depend on them all."""
    monkeypatch.delenv("NAPARI_ISR_WEIGHTS", raising=False)
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 255, (30, 40)).astype(np.uint8)
    points = np.insert(POINTS, 0, 0, axis=1)
    cache, found = FeatureCache(), []
    for scale in (255, 20):
        stack = np.stack([plane, rng.integers(0, scale, (30, 40)).astype(np.uint8)])
        source = SourceImage(stack, 3)
        found.append(
            ImageFeatures(source, ImageGeometry(source.shape), "texture", cache).at(points)
        )
    assert not np.allclose(*found)


@pytest.mark.parametrize("block", BLOCKS)
def test_kept_between_sessions_in_a_folder_that_is_given(at, image, block, tmp_path):
    folder = tmp_path / "kept" / "here"
    first, _ = at(image, block, FeatureCache(folder))
    assert [path.suffix for path in folder.iterdir()] == [".npz"]
    again, computed = at(image, block, FeatureCache(folder))
    assert not computed
    assert np.array_equal(first, again)


def test_no_file_is_written_unless_a_folder_is_given(at, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *a, **k: str(tmp_path / "cache"))
    at(image, "texture", FeatureCache())
    assert default_folder() == tmp_path / "cache" / "features"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"no archive at all",
        lambda content: content[:200] + bytes(100) + content[300:],
    ],
    ids=["cut short", "empty", "text", "overwritten"],
)
def test_a_damaged_file_is_made_anew(at, image, tmp_path, damage):
    first, _ = at(image, "texture", FeatureCache(tmp_path))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again, computed = at(image, "texture", FeatureCache(tmp_path))
    assert computed
    assert np.array_equal(first, again)
    assert path.read_bytes() == whole


def test_a_file_with_code_is_not_run(at, image, tmp_path):
    at(image, "texture", FeatureCache(tmp_path))
    (path,) = tmp_path.iterdir()

    class Boom:
        def __reduce__(self):
            return (tmp_path.joinpath("run").touch, ())

    np.savez(path, map=np.array([Boom()], dtype=object), allow_pickle=True)
    _, computed = at(image, "texture", FeatureCache(tmp_path))
    assert computed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"other": np.zeros(3)},
        {"map": np.zeros((2, 2, 5), np.float32)},
        {"map": np.zeros(7)},
        {"labels": np.zeros((1, 30, 40), np.int32), "cuts": np.zeros((0, 16), np.float32)},
    ],
    ids=["names", "width", "axes", "numbers"],
)
def test_a_file_of_other_arrays_is_made_anew(at, image, tmp_path, block, wrong):
    first, _ = at(image, block, FeatureCache(tmp_path))
    (path,) = tmp_path.iterdir()
    np.savez(path, **wrong)
    again, _ = at(image, block, FeatureCache(tmp_path))
    assert np.array_equal(first, again)


def arrays(size):
    return {"map": np.zeros(size, np.uint8)}


def test_memory_and_folder_are_bounded_and_the_least_used_go_first(tmp_path):
    cache = FeatureCache(tmp_path, memory=2500, disk=4000)
    for key in "abc":
        cache.get_or_compute(key, lambda: arrays(1000))
    assert cache.nbytes == 2000
    asked = []
    for key in "cba":  # the two used last come from memory, the first from its file
        cache.get_or_compute(key, lambda key=key: asked.append(key) or arrays(1000))
    assert asked == []
    for key in "defgh":
        cache.get_or_compute(key, lambda: arrays(1000))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000
    assert (tmp_path / "h.npz").exists()
    assert not (tmp_path / "b.npz").exists()


def test_what_alone_is_too_large_is_kept_while_it_is_used(tmp_path):
    cache = FeatureCache(memory=10)
    cache.get_or_compute("large", lambda: arrays(1000))
    assert cache.get_or_compute("large", lambda: pytest.fail("computed again"))["map"].size == 1000


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    cache = FeatureCache(blocked / "below")
    assert cache.get_or_compute("a", lambda: arrays(5))["map"].size == 5
    assert blocked.read_text() == "no folder"


def test_cleared(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.get_or_compute("a", lambda: arrays(5))
    (tmp_path / "notes.txt").write_text("not ours")
    cache.clear()
    assert cache.nbytes == 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_keys_tell_values_shapes_and_types_apart():
    ones = np.ones((2, 3), np.float32)
    keys = [
        content_hash_key("a", ones),
        content_hash_key("b", ones),
        content_hash_key("a", ones, 1),
        content_hash_key("a", ones, "1"),
        content_hash_key("a", ones.reshape(3, 2)),
        content_hash_key("a", ones.astype(np.int32)),
        content_hash_key("a", ones * 2),
        content_hash_key("a", 1, 2),
        content_hash_key("a", (1, 2)),
    ]
    assert len(set(keys)) == len(keys)
    assert content_hash_key("a", ones.T.copy().T) == keys[0]
