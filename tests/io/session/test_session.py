"""Sessions: one file that comes back bit by bit, and broken ones that are one clear sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.io.session import ImageReference, Session, Snapshot, image_key
from napari_isr.io.session.label_codec import content_filename, to_bytes
from napari_isr.io.session.snapshot_io import MAIN
from napari_isr.segmentation.segmenter import Segmenter
from napari_isr.shapes import shape_names
from tests._malformed_inputs import attack, parts_of, repacked, sealed, writes_watched
from tests.cli.test_cli import cli
from tests.conftest import disc

KEPT = Path(__file__).parents[2] / "fixtures"
VERSIONS = (1,)


@pytest.fixture(scope="module")
def fitted():
    """A segmenter that has run on two overlapping objects, with its image and strokes."""
    rng = np.random.default_rng(0)
    red, blue = disc((40, 48), (18, 16), 10), disc((40, 48), (20, 34), 8)
    image = np.full((40, 48, 3), 90.0)
    image[red], image[blue] = (200, 60, 50), (50, 70, 200)
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    strokes = np.zeros((40, 48), np.uint8)
    strokes[2, 3:45] = strokes[37, 3:45] = 1
    strokes[17:19, 9:24], strokes[19:21, 29:39] = 2, 3
    segmenter = Segmenter(image, features="rgb", predictor="linear", spacing=(0.5, 0.5))
    for _ in segmenter.run(strokes, {2: "convex", 3: "star:harmonics=12"}):
        pass
    return segmenter, image, strokes


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    """The file of all that."""
    segmenter, _, strokes = fitted
    return isr.save_session(
        tmp_path_factory.mktemp("session") / "fruit",
        segmenter,
        scribbles=strokes,
        names={2: "apple"},
        unit="um",
        trained=segmenter.export_predictor(),
        embed=True,
    )


def same(one, two):
    """Return True if two results are equal bit by bit."""
    assert one.objects.keys() == two.objects.keys()
    for label, item in one.objects.items():
        other = two.objects[label]
        np.testing.assert_array_equal(item.mask, other.mask)
        np.testing.assert_array_equal(item.render(), other.render())
        np.testing.assert_array_equal(item.render(3), other.render(3))
        np.testing.assert_array_equal(item.probability, other.probability)
        assert item.to_dict() == other.to_dict()
    assert one.to_dict() == two.to_dict()
    return True


def test_a_session_is_restored_exactly(fitted, saved):
    segmenter, image, strokes = fitted
    kept = isr.load_session(saved)
    assert saved.name == "fruit.isr"
    assert same(kept.result, segmenter.result)
    np.testing.assert_array_equal(kept.strokes, strokes)
    np.testing.assert_array_equal(kept.image(), image)
    assert (kept.object_names, kept.unit, kept.spacing) == ({2: "apple"}, "um", (0.5, 0.5))
    assert kept.trained.object_labels == (2, 3)
    assert kept.versions["napari-isr"]
    shapes = kept.snapshot.settings
    assert (shapes["shape"], shapes["own_shapes"]) == ("convex", {"3": "star:harmonics=12"})


def test_saving_again_gives_the_same_file(saved, tmp_path):
    again = isr.load_session(saved).save(tmp_path / "again.isr")
    assert again.read_bytes() == saved.read_bytes()


def test_a_restored_segmenter_goes_on(fitted, saved):
    segmenter, image, strokes = fitted
    kept = isr.load_session(saved)
    other = kept.segmenter()
    assert (other.predictor_name, other.features_name) == ("linear", ("rgb",))
    assert other.frame == segmenter.frame
    assert same(other.result, segmenter.result)
    fits = []
    for restored in (other, segmenter):  # which starts from the same shapes
        for _ in restored.run(strokes, {2: "convex", 3: "star:harmonics=12"}):
            pass
        fits.append(restored.result.labels())
    np.testing.assert_array_equal(*fits)
    with pytest.raises(InputError, match="not the image of the session"):
        kept.segmenter(image[::-1].copy())


@pytest.mark.parametrize("name", shape_names())
def test_every_shape_comes_back(name, tmp_path):
    mask = disc((32, 36), (15, 17), 9)
    result = isr.project(mask, name)
    kept = isr.load_session(isr.save_session(tmp_path / "s.isr", result))
    assert same(kept.result, result)
    np.testing.assert_array_equal(kept.result.labels(4), result.labels(4))


def test_conflicts_and_a_coarser_raster_come_back(fitted, tmp_path):
    _, image, strokes = fitted
    bad = strokes.copy()
    bad[18, 15:17] = 1  # in the hull of the object's strokes
    segmenter = Segmenter(image, features="rgb", most_pixels=500)
    for _ in segmenter.run(bad, "convex"):
        pass
    assert segmenter.result.objects[2].conflict is not None
    kept = isr.load_session(isr.save_session(tmp_path / "s.isr", segmenter, scribbles=bad))
    assert same(kept.result, segmenter.result)
    conflict = kept.result.objects[2].conflict
    np.testing.assert_array_equal(conflict.pixels, segmenter.result.objects[2].conflict.pixels)
    assert kept.result.next_stroke == segmenter.result.next_stroke
    assert kept.result.objects[2].frame.shape != image.shape[:2]


def test_a_stack_comes_back(tmp_path):
    row, column = np.mgrid[:12, :14]
    stack = np.stack([np.hypot(row - 6, column - 6) < 4 for _ in range(5)])
    result = isr.project(stack, axes="zyx", spacing=(2, 1, 1))
    kept = isr.load_session(isr.save_session(tmp_path / "s.isr", result, axes="zyx"))
    assert same(kept.result, result)
    assert kept.axes == "zyx"


def test_what_was_learned_goes_to_other_images(fitted, saved, tmp_path):
    segmenter, image, strokes = fitted
    bare = isr.save_session(tmp_path / "s.isr", segmenter, scribbles=strokes)
    masks = [
        isr.segment(image[:, ::-1].copy(), trained=trained, spacing=(0.5, 0.5)).labels()
        for trained in (
            isr.load_session(saved).trained_predictor(),
            isr.load_session(bare).trained_predictor(image),
        )
    ]
    np.testing.assert_array_equal(*masks)
    assert set(np.unique(masks[0])) == {0, 2, 3}
    shape_alone = isr.save_session(tmp_path / "p.isr", isr.project(disc()))
    with pytest.raises(InputError, match="has no strokes"):
        isr.load_session(shape_alone).trained_predictor()


def test_further_coordinates_come_back(tmp_path):
    row, column = np.mgrid[:30, :34].astype(float)
    depth = np.hypot(row - 15, column - 17)
    depth[3, 4] = np.nan
    result = isr.project(depth < 9, "convex", coordinates={"depth": depth})
    kept = isr.load_session(isr.save_session(tmp_path / "s.isr", result))
    assert same(kept.result, result)
    assert kept.result.objects[2].frame.names == ("depth",)
    image = (depth < 9).astype(np.uint8)
    result = isr.segment(image, (depth < 5) * 2 + (row < 3), coordinates={"depth": depth})
    kept = isr.load_session(isr.save_session(tmp_path / "t.isr", result, image=image, embed=True))
    assert kept.segmenter().frame.n_coordinates == 3


CHILD = """
import hashlib, sys
import numpy as np
import napari_isr as isr
kept = isr.load_session(sys.argv[1])
for label, item in kept.result.objects.items():
    for mask in (item.mask, item.render(), item.render(4)):
        print(label, mask.shape, hashlib.sha256(np.packbits(mask).tobytes()).hexdigest())
print(kept.result.objects[2].certificate.sentence)
"""


def environment(folder):
    """An environment of its own, made now: other prefix, home and settings, the same packages."""
    venv.create(folder, symlinks=os.name == "posix")
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    known = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    site.joinpath("known.pth").write_text("\n".join([*known, str(Path(isr.__file__).parents[1])]))
    scripts = Path(sysconfig.get_path("scripts", vars=paths))
    return scripts / Path(sys.executable).name


def test_another_environment_finds_the_same_bits(saved, tmp_path, capsys, monkeypatch):
    """Saved, the process gone, loaded elsewhere from the one file: the masks are bit-equal."""
    python, home = environment(tmp_path / "env"), tmp_path / "home"
    home.mkdir()
    moved = shutil.copy(saved, home / "von gestern ä.isr")
    own = {key: value for key, value in os.environ.items() if key in ("SYSTEMROOT", "TMPDIR")}
    own |= {"HOME": str(home), "USERPROFILE": str(home), "OMP_NUM_THREADS": "1"}
    asked = "import sys; print(sys.prefix)\n" + CHILD
    done = subprocess.run(
        [python, "-c", asked, moved], capture_output=True, text=True, cwd=home, env=own, check=False
    )
    assert done.returncode == 0, done.stderr
    prefix, _, found = done.stdout.partition("\n")
    assert Path(prefix) == tmp_path / "env" != Path(sys.prefix)
    monkeypatch.setattr(sys, "argv", ["-c", str(saved)])
    exec(compile(CHILD, "child", "exec"), {})
    assert found == capsys.readouterr().out
    assert "convex" in found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_every_version_can_be_read(version):
    path = KEPT / f"session-v{version}.isr"
    kept = isr.load_session(path)
    assert kept.object_names == {2: "apple", 3: "leaf"}
    with np.load(KEPT / f"session-v{version}.npz") as expected:
        for label, item in kept.result.objects.items():
            np.testing.assert_array_equal(item.mask, expected[f"mask{label}"])
            np.testing.assert_array_equal(item.render(2), expected[f"twice{label}"])
        np.testing.assert_array_equal(kept.strokes, expected["strokes"])
    assert kept.result.objects[2].certificate.holds
    assert path.stat().st_size < 60_000


def test_a_later_version_is_one_sentence(saved, tmp_path):
    parts = parts_of(saved)
    content = json.loads(parts[MAIN])["content"]
    parts[MAIN] = sealed({**content, "version": 2})
    with pytest.raises(InputError, match="of another version: update napari-isr to open it"):
        isr.load_session(repacked(tmp_path / "later.isr", parts))


# --------------------------------------------------------------------------------- files


def test_the_command_line_keeps_and_exports(scene, tmp_path, capsys):
    image, strokes, _ = scene
    for name, picture in (("image", image), ("strokes", strokes)):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    files = tmp_path / "image.png", tmp_path / "strokes.png"
    more = "--save-session", tmp_path / "s.isr", "--name", "2=apple", "--features", "rgb"
    assert cli("segment", *files, "-o", tmp_path / "mask.png", *more) == 0
    outputs = [
        a for name in ("again.png", "m.geojson", "m.strokes.png") for a in ("-o", tmp_path / name)
    ]
    assert cli("export", tmp_path / "s.isr", *outputs, "--report", tmp_path / "r.json") == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "mask.png").read_bytes()
    np.testing.assert_array_equal(Image.open(tmp_path / "m.strokes.png"), strokes)
    names = [
        f["properties"]["name"]
        for f in json.loads((tmp_path / "m.geojson").read_text())["features"]
    ]
    assert names == ["apple", "object 3"]
    kept = isr.load_session(tmp_path / "s.isr")
    assert kept.pixels is None
    assert kept.trained is not None
    np.testing.assert_array_equal(kept.image(), image)  # by reference
    shutil.move(tmp_path / "image.png", tmp_path / "moved.png")
    with pytest.raises(InputError, match=r"is not there .*embedded"):
        kept.image()
    (tmp_path / "there").mkdir()
    shutil.move(tmp_path / "moved.png", tmp_path / "there" / "image.png")
    np.testing.assert_array_equal(kept.image(near=tmp_path / "there"), image)
    Image.fromarray(image[::-1]).save(tmp_path / "image.png")
    with pytest.raises(InputError, match="not the image of the session"):
        kept.image()
    np.save(tmp_path / "p.npy", scene[2][2])
    keep = "--save-session", tmp_path / "p.isr", "--embed"
    assert cli("project", tmp_path / "p.npy", "-o", tmp_path / "p.png", *keep) == 0
    assert isr.load_session(tmp_path / "p.isr").pixels is not None


def test_wrong_files_are_one_line_on_the_command_line(tmp_path, capsys):
    (tmp_path / "text.isr").write_text("no zip")
    empty = Session(Snapshot(ImageReference(key=image_key(np.ones((3, 4))), shape=(3, 4))))
    empty.save(tmp_path / "empty.isr")
    for name, says in (
        ("text.isr", "is no session of napari-isr"),
        ("none.isr", "cannot be read: No such file"),
        ("empty.isr", "it holds no result yet"),
    ):
        assert cli("export", tmp_path / name, "-o", tmp_path / "m.png") == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert not (tmp_path / "m.png").exists()


def test_nothing_to_save_is_one_sentence(fitted, tmp_path):
    segmenter, image, _ = fitted
    with pytest.raises(InputError, match="nothing to save yet"):
        isr.save_session(tmp_path / "s.isr", Segmenter(image))
    with pytest.raises(InputError, match="cannot be embedded"):
        isr.save_session(tmp_path / "s.isr", segmenter.result, embed=True)
    with pytest.raises(InputError, match="does not exist"):
        isr.save_session(tmp_path / "no" / "s.isr", segmenter)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------- hostile


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small file with all kinds of parts."""
    folder = tmp_path_factory.mktemp("small")
    strokes = np.zeros((16, 18), np.uint8)
    strokes[1, 2:9], strokes[8, 6:11] = 1, 2
    result = isr.project(disc((16, 18), (8, 8), 5))
    return isr.save_session(
        folder / "small.isr",
        result,
        image=np.arange(16 * 18, dtype=np.uint16).reshape(16, 18),
        scribbles=strokes,
        given={3: np.full((16, 18), 0.25, np.float32)},
        embed=True,
    )


def changed(small, path, change):
    """The file with other content of its JSON part, sealed again as if it were saved so."""
    parts = parts_of(small)
    content = json.loads(parts[MAIN])["content"]
    change(content)
    parts[MAIN] = sealed(content)
    return repacked(path, parts)


def with_spec(content, spec):
    content["objects"]["2"]["spec"] = content["shapes"]["2"]["spec"] = spec


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["image"].update(shape=[16, 19]), "size"),
        (lambda c: c["strokes"].update(shape=[10**9, 10**9]), "too large"),
        (lambda c: c["frame"].update(shape=[16]), "frame.shape"),
        (lambda c: c["frame"].update(spacing=[0, 1]), "greater than 0"),
        (lambda c: c["objects"]["2"].update(spec="dragon"), "the shape of object 2|unknown shape"),
        (lambda c: with_spec(c, "convex:pieces=10000000000"), "pieces"),
        (lambda c: with_spec(c, "star"), "weights are not those of a shape 'star'"),
        (lambda c: c["shapes"]["2"].update(spec="star"), "shape"),
        (lambda c: c["objects"].update({"-1": c["objects"]["2"]}), "greater than"),
        (lambda c: c["objects"].update({"70000": c["objects"]["2"]}), "less than"),
        (lambda c: c.update(maps_file="../../etc/passwd"), "pattern"),
        (lambda c: c.update(shapes_file="0" * 32 + ".safetensors"), "is missing"),
        (lambda c: c.update(saved="yesterday"), "saved"),
        (lambda c: c["strokes"]["blocks"].extend(c["strokes"]["blocks"] * 500), "on each other"),
        (lambda c: c["strokes"]["blocks"][0].update(offset=[9, 17]), "sticks out"),
    ],
)
def test_a_record_that_lies_is_one_sentence(small, tmp_path, change, says):
    path = changed(small, tmp_path / "bad.isr", change)
    with pytest.raises(InputError, match=says) as caught:
        isr.load_session(path)
    assert "\n" not in str(caught.value)


def with_part(small, path, name, content=b"x", times=1):
    with zipfile.ZipFile(path, "w") as archive, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of a name that is there already
        for known, data in parts_of(small).items():
            archive.writestr(known, data)
        for _ in range(times):
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/etc/evil",
        "C:\\evil.png",
        "..\\evil",
        "a/" + "0" * 32 + ".png",
        "evil.pkl",
        "x\0y",
    ],
)
def test_parts_with_other_names_are_refused(small, tmp_path, name):
    path = with_part(small, tmp_path / "bad.isr", name)
    with pytest.raises(InputError, match="which no session has"):
        isr.load_session(path)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.isr"]


def test_parts_that_are_there_twice_or_not_at_all_are_refused(small, tmp_path):
    with pytest.raises(InputError, match="twice"):
        isr.load_session(with_part(small, tmp_path / "twice.isr", MAIN))
    for gone in parts_of(small):
        parts = {k: v for k, v in parts_of(small).items() if k != gone}
        with pytest.raises(InputError, match=f"'{gone}' is missing"):
            isr.load_session(repacked(tmp_path / "gone.isr", parts))


def test_bombs_are_refused_before_they_go_off(small, tmp_path):
    bomb = tmp_path / "bomb.isr"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for known, data in parts_of(small).items():
            archive.writestr(known, data)
        archive.writestr("0" * 32 + ".png", bytes(30_000_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"would need .* GB of memory"):
        isr.load_session(bomb, most_bytes=20_000_000)
    # Many parts, and a directory that says less than is there.
    lying = bytearray(bomb.read_bytes())
    size = (30_000_000).to_bytes(4, "little")
    at = lying.rfind(size)
    lying[at : at + 4] = (10).to_bytes(4, "little")
    bomb.write_bytes(lying)
    assert isr.load_session(bomb, most_bytes=20_000_000).result is not None  # it is never read
    large = changed(
        small,
        tmp_path / "large.isr",
        lambda c: c.update(given={"3": {"shape": [16384, 16, 18], "dtype": "u8", "blocks": []}}),
    )
    with pytest.raises(InputError, match="GB of memory"):
        isr.load_session(large, most_bytes=20_000_000)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_weights_that_are_no_numbers_are_refused(small, tmp_path, value):
    from safetensors.numpy import load

    parts = parts_of(small)
    content = json.loads(parts[MAIN])["content"]
    weights = load(parts.pop(content["shapes_file"]))
    name = max(weights, key=lambda key: weights[key].size)
    weights[name] = np.full(weights[name].shape, value)
    data = to_bytes(weights)
    content["shapes_file"] = content_filename(data)
    parts |= {content_filename(data): data, MAIN: sealed(content)}
    with pytest.raises(InputError, match="not finite"):
        isr.load_session(repacked(tmp_path / "nan.isr", parts))


def test_three_hundred_corruptions_crash_nothing(small, tmp_path):
    assert survives(small, tmp_path, 300) > 250


@pytest.mark.slow
def test_ten_thousand_corruptions_crash_nothing(small, tmp_path):
    assert survives(small, tmp_path, 10_000) > 9_000


def survives(path, folder, count):
    """Load damaged copies; give how many were refused, each with one sentence."""
    refused = 0
    place = folder / "damaged.isr"
    before = sorted(p.name for p in Path.cwd().iterdir())
    rng = np.random.default_rng(count)
    for _ in range(count):
        place.write_bytes(attack(path, rng))
        with writes_watched() as written:
            said = ""
            try:
                isr.load_session(place, most_bytes=2**28)
            except InputError as error:
                said = str(error)
        assert written == []
        assert "\n" not in said
        refused += bool(said)
    assert [p.name for p in folder.iterdir()] == ["damaged.isr"]
    assert sorted(p.name for p in Path.cwd().iterdir()) == before
    return refused
