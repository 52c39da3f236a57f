"""Snapshots: what is kept comes back, broken files are told apart, the newest good one counts."""

import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_isr.errors import InputError
from napari_isr.io.session import (
    ImageReference,
    ShapeState,
    Snapshot,
    SnapshotStore,
    StoredSnapshots,
    default_folder,
    export_shape_states,
    image_key,
    load,
    restore_shape_states,
    save,
)
from napari_isr.io.session.label_codec import content_filename, to_bytes
from napari_isr.segmentation import shape_stage as shape_fits
from napari_isr.segmentation.segmenter import Segmenter
from napari_isr.shapes import Convex

SIZE = (60, 80)
PICTURE = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE)


def reference(image=PICTURE, **more):
    return ImageReference(key=image_key(image), name="fruit", shape=image.shape[:2], **more)


def strokes(value=2, dtype=np.uint8, size=SIZE):
    drawn = np.zeros(size, dtype)
    drawn[10:14, 20:50] = value
    drawn[-3:, :9] = 1
    return drawn


def snapshot(drawn=None, **more):
    shape = ShapeState("convex", {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, 0.75)
    known = {
        "strokes_name": "fruit [strokes]",
        "settings": {"shape": "star", "own_shapes": {"3": "convex"}, "live": False},
        "given": {4: strokes() > 0, 5: np.linspace(0, 1, 4800, dtype=np.float32).reshape(SIZE)},
        "shapes": {2: shape},
    }
    return Snapshot(reference(), strokes() if drawn is None else drawn, **{**known, **more})


def same(one, two):
    assert (one.image, one.strokes_name, one.settings, one.saved) == (
        two.image,
        two.strokes_name,
        two.settings,
        two.saved,
    )
    assert one.strokes.dtype == two.strokes.dtype
    np.testing.assert_array_equal(one.strokes, two.strokes)
    assert one.given.keys() == two.given.keys()
    assert one.shapes.keys() == two.shapes.keys()
    for label, mask in one.given.items():
        assert mask.dtype == two.given[label].dtype
        np.testing.assert_array_equal(mask, two.given[label])
    for label, shape in one.shapes.items():
        other = two.shapes[label]
        assert (shape.spec, shape.explained) == (other.spec, other.explained)
        assert shape.weights.keys() == other.weights.keys()
        for name, value in shape.weights.items():
            np.testing.assert_array_equal(value, other.weights[name])


# ------------------------------------------------------------------------------ there and back


def test_all_that_is_kept_comes_back(tmp_path):
    kept = snapshot()
    save(kept, tmp_path)
    same(load(tmp_path), kept)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (bool, 1),
        (np.int8, 127),
        (np.uint8, 255),
        (np.uint16, 256),
        (np.int32, 70_000),
        (np.int64, 2**32 - 1),
        (">i4", 300),
        (np.uint64, 3),
    ],
)
def test_labels_of_any_size_come_back(tmp_path, dtype, value):
    drawn = strokes(value, dtype)
    save(snapshot(drawn), tmp_path)
    back = load(tmp_path).strokes
    np.testing.assert_array_equal(back, drawn)
    assert back.dtype == np.dtype(dtype).newbyteorder("=")


@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2199), st.integers(0, 1099), st.integers(1, 9)),
        max_size=6,
    ),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_strokes_anywhere_in_a_large_image_or_a_film_come_back(tmp_path, frames, dots):
    drawn = np.zeros((frames, 2200, 1100), np.uint8)
    for frame, row, column, label in dots:
        drawn[frame % frames, row : row + 9, column : column + 9] = label
    image = ImageReference(key="0" * 32, shape=drawn.shape)
    save(Snapshot(image, drawn), tmp_path)
    np.testing.assert_array_equal(load(tmp_path).strokes, drawn)


@pytest.mark.parametrize("value", [-1, 2**40])
def test_labels_that_no_file_can_hold_are_told(tmp_path, value):
    with pytest.raises(InputError, match="labels are kept from 0"):
        save(snapshot(strokes(value, np.int64)), tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_a_block_that_did_not_change_is_not_written_again(tmp_path):
    drawn = np.zeros((3000, 3000), np.uint8)
    drawn[5:9, 5:900] = 2
    drawn[2900:2950, 2900:2950] = 1
    image = ImageReference(key="0" * 32, shape=drawn.shape)
    save(Snapshot(image, drawn), tmp_path, "1.json")
    before = {path: path.stat().st_ino for path in tmp_path.glob("*.png")}
    drawn[6:30, 100:140] = 3
    save(Snapshot(image, drawn), tmp_path, "2.json")
    after = {path: path.stat().st_ino for path in tmp_path.glob("*.png")}
    assert len(before) == 2
    assert len(after) == 3
    assert before.items() < after.items()
    assert max(path.stat().st_size for path in after) < 4000


# ------------------------------------------------------------------------------- broken files


def broken(folder, **options):
    with pytest.raises(InputError) as caught:
        load(folder, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def forge(folder, **changes):
    """Change what the JSON file says, its checksum with it, as an attacker would."""
    path = folder / "snapshot.json"
    content = json.loads(path.read_text())["content"]
    for key, value in changes.items():
        content[key] = value(content[key]) if callable(value) else value
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    outer = {"format": "napari-isr snapshot", "sha256": digest, "content": content}
    path.write_text(json.dumps(outer))


def test_nothing_there_is_told(tmp_path):
    assert "cannot be read" in broken(tmp_path)
    assert "cannot be read" in broken(tmp_path / "nowhere")


@pytest.mark.parametrize("ending", [".json", ".png", ".safetensors"])
@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "other"])
def test_a_harmed_file_is_told(tmp_path, ending, harm):
    save(snapshot(), tmp_path)
    for path in tmp_path.glob(f"*{ending}"):
        content = path.read_bytes()
        path.unlink()
        if harm != "gone":
            kept = {"empty": b"", "cut": content[: len(content) // 2], "other": b"{}" * 99}
            path.write_bytes(kept[harm])
    assert broken(tmp_path)


def test_shapes_and_given_masks_may_be_lost_but_not_the_strokes(tmp_path):
    save(snapshot(), tmp_path)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(b"nonsense")
    assert broken(tmp_path)
    left = load(tmp_path, forgiving=True)
    np.testing.assert_array_equal(left.strokes, strokes())
    assert not left.shapes
    assert set(left.given) == {4}
    for path in tmp_path.glob("*.png"):
        path.unlink()
    assert broken(tmp_path, forgiving=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 2}, "another version"),
        ({"image": None}, "image"),
        ({"saved": "yesterday"}, "saved"),
        ({"shapes_file": "../../secret.safetensors"}, "shapes_file"),
        ({"shapes_file": "/etc/passwd"}, "shapes_file"),
        ({"strokes": lambda s: {**s, "shape": [60, 81]}}, "size"),
        ({"strokes": lambda s: {**s, "shape": [2**20, 2**20]}}, "large"),
        ({"strokes": lambda s: {**s, "dtype": "O"}}, "dtype"),
        ({"strokes": lambda s: {**s, "dtype": "f4"}}, "no file"),
        ({"strokes": lambda s: {**s, "dtype": "bool"}}, "cannot"),
        ({"strokes": lambda s: {**s, "blocks": [{**s["blocks"][0], "offset": [55, 75]}]}}, "out"),
        ({"strokes": lambda s: {**s, "blocks": [{**s["blocks"][0], "size": [3, 3]}]}}, "size"),
        ({"strokes": lambda s: {**s, "blocks": [{**s["blocks"][0], "offset": [0]}]}}, "axes"),
        ({"given": lambda g: {"4": {**g["4"], "shape": [9, 9]}}}, "given"),
        ({"given": lambda g: {"5": {**g["5"], "dtype": "f2"}}}, "else"),
    ],
)
def test_a_forged_file_is_told(tmp_path, changes, told):
    save(snapshot(), tmp_path)
    forge(tmp_path, **changes)
    assert told in broken(tmp_path)


def test_weights_that_are_no_numbers_are_told(tmp_path):
    save(snapshot(), tmp_path)
    content = to_bytes({"2/a": np.array([1.0, np.nan])})
    (tmp_path / content_filename(content)).write_bytes(content)
    forge(tmp_path, shapes_file=content_filename(content))
    assert "not finite" in broken(tmp_path)
    assert not load(tmp_path, forgiving=True).shapes


def test_a_picture_that_is_huge_when_unpacked_is_not_unpacked(tmp_path):
    save(snapshot(), tmp_path)
    for path in tmp_path.glob("*.png"):
        Image.new("L", (6000, 6000)).save(path)
    assert broken(tmp_path)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    kept = snapshot()
    save(kept, folder)
    return kept, {path.name: path.read_bytes() for path in folder.iterdir()}


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_corruption_gives_one_sentence_or_changes_nothing(tmp_path, good, data):
    kept, files = good
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "grow"])):
            case "flip":
                content[place] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 50))]
                content = content or bytearray(b"\0")
            case "grow":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=20))
    for other, whole in files.items():
        (tmp_path / other).write_bytes(bytes(content) if other == name else whole)
    back, told = None, ""
    try:
        back = load(tmp_path)
    except InputError as error:
        told = str(error)
    assert "\n" not in told
    assert told or back is not None
    if back is not None:
        same(back, kept)


# ---------------------------------------------------------------------------------- the store


@pytest.fixture
def store(tmp_path):
    made = SnapshotStore(tmp_path)
    yield made
    made.close()


def test_the_newest_of_an_image_counts(store):
    assert store.latest(reference().key) is None
    for value in range(2, 9):
        store.save(snapshot(strokes(value)))
    assert store.latest(reference().key).strokes.max() == 8
    (kept,) = store.find(reference().key)
    assert len(list(kept.folder.glob("*.json"))) == 3
    # One block of strokes each, and the given mask.
    assert len(list(kept.folder.glob("*.png"))) == 4


def test_what_did_not_change_pushes_nothing_out(store):
    for value in (2, 3, 4, 4, 4, 4):
        store.save(snapshot(strokes(value)))
    (kept,) = store.find(reference().key)
    newest, *others = sorted(kept.folder.glob("*.json"), reverse=True)
    assert newest.name == "00000006.json"
    assert [load(kept.folder, path.name).strokes.max() for path in others] == [3, 2]


def test_of_a_broken_newest_the_one_before_counts(store):
    for value in (2, 3, 4):
        store.save(snapshot(strokes(value)))
    (kept,) = store.find(reference().key)
    newest, before, _ = sorted(kept.folder.glob("*.json"), reverse=True)
    newest.write_text(newest.read_text()[:-40])
    assert store.latest(reference().key).strokes.max() == 3
    for block in json.loads(before.read_text())["content"]["strokes"]["blocks"]:
        (kept.folder / block["file"]).unlink()
    assert store.latest(reference().key).strokes.max() == 2
    store.save(snapshot(strokes(5)))
    assert store.latest(reference().key).strokes.max() == 5


def test_two_processes_do_not_write_over_each_other(tmp_path, store):
    other = SnapshotStore(tmp_path)
    store.save(snapshot(strokes(2)))
    other.save(snapshot(strokes(3)))
    assert {kept.snapshot().strokes.max() for kept in store.find(reference().key)} == {2, 3}
    assert store.find_orphaned() == []
    other.close()
    assert store.find_orphaned() == []


CHILD = """
import sys
import numpy as np
from napari_isr.io.session import ImageReference, Snapshot, SnapshotStore
key, folder = sys.argv[1:]
strokes = np.full((60, 80), 7, np.uint8)
store = SnapshotStore(folder)
store.save(Snapshot(ImageReference(key=key, name="fruit", shape=(60, 80)), strokes))
print("saved", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_left_is_found_and_settled(tmp_path, store):
    here = os.fspath(Path(__file__).parents[3])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, reference().key, os.fspath(tmp_path)],
        cwd=here,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout.readline().strip() == b"saved"
        assert store.find_orphaned() == []  # it lives
        (kept,) = store.find(reference().key)
        assert store.is_process_alive(kept)
        store.prune(days=-1)
        assert kept.snapshot() is not None
        child.kill()
        child.wait()
    (left,) = store.find_orphaned()
    assert left == kept
    assert left.record.image.name == "fruit"
    assert not left.record.is_empty
    assert left.snapshot().strokes.max() == 7
    left.dismiss()
    assert store.find_orphaned() == []
    assert store.latest(reference().key) is None
    store.prune(days=-1)
    assert not list((tmp_path / "images").iterdir())
    assert not list((tmp_path / "running").glob(f"*-{child.pid}-*"))


def test_old_ones_are_cleaned_away_the_oldest_first(tmp_path, store):
    folders = []
    for day in range(4):
        with_age = SnapshotStore(tmp_path)
        path = with_age.save(snapshot())
        when = time.time() - day * 86_400
        os.utime(path, (when, when))
        with_age.close()
        folders.append(path.parent)
    size = sum(file.stat().st_size for file in folders[0].iterdir())
    store.prune(days=2.5)
    assert [folder.exists() for folder in folders] == [True, True, True, False]
    store.prune(most=2 * size + 10)
    assert [folder.exists() for folder in folders] == [True, True, False, False]


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be"):
        SnapshotStore(tmp_path / "file").save(snapshot())


def test_a_folder_of_nothing_but_rubbish_gives_nothing(tmp_path, store):
    place = tmp_path / "images" / reference().key / "1-2-3"
    place.mkdir(parents=True)
    (place / "00000001.json").write_bytes(b"\xff\0")
    assert store.latest(reference().key) is None
    assert StoredSnapshots(place).record is None
    assert store.find_orphaned() == []


def test_the_folder_is_the_users_or_what_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_ISR_DATA", str(tmp_path))
    assert default_folder() == tmp_path == SnapshotStore().folder
    monkeypatch.delenv("NAPARI_ISR_DATA")
    assert default_folder().name == "napari-isr"


# -------------------------------------------------------------------------------------- keys


def test_a_key_tells_images_apart_and_knows_one_again(tmp_path):
    np.save(tmp_path / "a.npy", PICTURE)
    assert image_key(PICTURE) == image_key(PICTURE.copy()) == image_key(tmp_path / "a.npy")
    others = [PICTURE + 1, PICTURE.T, PICTURE.astype(np.int32), PICTURE[:-1], PICTURE[:, ::-1]]
    assert len({image_key(other) for other in [PICTURE, *others]}) == 6


def test_a_large_image_is_known_by_rows_of_it():
    large = np.zeros((9000, 9000), np.uint8)
    before = image_key(large)
    large[:, 40:80] = 1
    assert image_key(large) != before
    assert image_key(large) != image_key(large.reshape(4500, 18_000))


def test_no_time_without_a_zone_is_kept(tmp_path):
    save(snapshot(saved=datetime(2026, 1, 2, tzinfo=UTC)), tmp_path)
    forge(tmp_path, saved="2026-01-02T00:00:00")
    assert "saved" in broken(tmp_path)


# ------------------------------------------------------------------------------ fitted shapes


@pytest.fixture
def fitted(scene):
    """Give a function that fits a scene from kept shapes: the result, and which fits were warm."""
    image, drawn, _ = scene

    def fit(kept, monkeypatch):
        warm, real = [], shape_fits.iter_fit

        def project(*arguments, **options):
            warm.append(options["warm"])
            return real(*arguments, **options)

        monkeypatch.setattr(shape_fits, "iter_fit", project)
        segmenter = Segmenter(image, features="rgb", mode="sequential")
        restore_shape_states(kept, segmenter)
        for _ in segmenter.run(drawn, {2: "convex", 3: "star"}):
            pass
        monkeypatch.setattr(shape_fits, "iter_fit", real)
        return segmenter.result, warm

    return fit


def test_a_fit_starts_from_kept_shapes(fitted, monkeypatch, tmp_path):
    first, warm = fitted({}, monkeypatch)
    assert warm[:2] == [False, False]
    save(snapshot(shapes=export_shape_states(first)), tmp_path)
    again, warm = fitted(load(tmp_path).shapes, monkeypatch)
    assert warm[:2] == [True, True]
    for label, item in again.objects.items():
        assert (item.mask ^ first.objects[label].mask).sum() < 15
        assert item.certificate.holds


@pytest.mark.parametrize(
    "harm",
    [
        lambda one: ShapeState("pentagon", one.weights),
        lambda one: ShapeState("star", one.weights),
        lambda one: ShapeState(one.spec, {}),
        lambda one: ShapeState(one.spec, {k: v * np.nan for k, v in one.weights.items()}),
        lambda one: ShapeState(one.spec, {k: v[..., None] for k, v in one.weights.items()}),
        lambda one: ShapeState(one.spec, {k: v.astype("U9") for k, v in one.weights.items()}),
    ],
)
def test_a_kept_shape_that_does_not_fit_is_fitted_anew(fitted, monkeypatch, harm):
    shape = Convex(2)
    weights = {name: value.numpy() for name, value in shape.state_dict().items()}
    result, warm = fitted({2: harm(ShapeState("convex", weights))}, monkeypatch)
    assert warm[:2] == [False, False]
    assert result.objects[2].certificate.holds
