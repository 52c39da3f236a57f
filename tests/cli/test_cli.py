"""The command line: files in and out, and one clear line for bad input."""

from __future__ import annotations

import json
import os
import pickle
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_isr.api import segment as api_segment
from napari_isr.certificates import convexity_defects
from napari_isr.config import MODES
from napari_isr.features import default_folder, describe_semantic_source, feature_names
from napari_isr.features.weight_files import VARIABLE, find_weights
from napari_isr.io.readers import read_image_eager
from napari_isr.predictors import predictor_names
from napari_isr.results.result import iou
from napari_isr.stroke_suggestion import binary_entropy
from tests._cli import cli


@pytest.fixture
def files(scene, tmp_path):
    """Image and strokes as PNG files; the masks."""
    image, scribbles, truth = scene
    Image.fromarray(image).save(tmp_path / "image.png")
    palette = Image.fromarray(scribbles)
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "strokes.png")
    return tmp_path, truth


def segment(folder, *more, out="mask.png"):
    return cli("segment", folder / "image.png", folder / "strokes.png", "-o", folder / out, *more)


def test_segment_writes_labels_and_report(files, capsys):
    folder, truth = files
    assert segment(folder, "--report", folder / "report.json", "--shape", "3=none") == 0
    labels = np.array(Image.open(folder / "mask.png"))
    assert labels.shape == truth[2].shape
    for label, mask in truth.items():
        assert iou(labels == label, mask) > 0.9
    report = json.loads((folder / "report.json").read_text())
    assert report["objects"]["2"]["shape"] == "convex"
    assert report["objects"]["3"]["shape"] == "none"
    assert report["seed"] == 0
    assert "convex" in capsys.readouterr().out


def test_one_run_writes_many_formats(files):
    folder, _ = files
    more = [a for name in ("m.json", "m.csv", "m.strokes.npy") for a in ("-o", folder / name)]
    options = "--each", "--scale", "2", "--unit", "um", "--spacing", "0.5,0.5", "--name", "3=pear"
    assert segment(folder, "--shape", "convex", *more, *options) == 0
    assert {p.name for p in folder.glob("m*")} == {
        *("mask-2.png", "mask-3.png", "m-2.json", "m-3.json", "m-2.csv", "m-3.csv"),
        "m.strokes.npy",
    }
    data = json.loads((folder / "m-3.json").read_text())
    assert data["categories"][0]["name"] == "pear"
    assert data["images"][0]["file_name"] == "image.png"
    assert (data["images"][0]["height"], data["images"][0]["width"]) == (128, 160)
    assert np.array(Image.open(folder / "mask-2.png")).max() == 2
    np.testing.assert_array_equal(
        np.load(folder / "m.strokes.npy"), Image.open(folder / "strokes.png")
    )
    assert "µm" in (folder / "m-2.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["pear", "x=pear", "2=", "2=a --name 2=b"])
def test_a_wrong_name_of_an_object_is_one_line(files, capsys, name):
    folder, _ = files
    assert segment(folder, "--name", *name.split()) == 2
    assert capsys.readouterr().err.startswith("napari-isr: --name")


def test_joint_mode_keeps_the_promise(files):
    folder, truth = files
    arguments = "--features", "rgb", "--uncertainty", folder / "u.npy", "--mode"
    assert segment(folder, *arguments, "sequential") == 0
    plain = np.load(folder / "u.npy")
    assert segment(folder, *arguments, "joint", out="mask.tif") == 0
    assert not np.array_equal(np.load(folder / "u.npy"), plain)  # it does something
    for label, mask in truth.items():
        found = tifffile.imread(folder / "mask.tif") == label
        assert iou(found, mask) > 0.9
        assert not convexity_defects(found).any()


def noisy(mask):
    """Probabilities with something that is far from the object."""
    values = np.where(mask, 0.9, 0.1).astype(np.float32)
    values[50:60, 66:78] = 0.9
    return values


def test_single_objects_are_given(files, capsys):
    folder, truth = files
    save_gray(folder / "blob.png", np.where(noisy(truth[2]) > 0.5, 255, 0).astype(np.uint8))
    strokes = np.array(Image.open(folder / "strokes.png"))
    np.save(folder / "blank.npy", np.zeros_like(strokes))
    blob, out = f"2={folder / 'blob.png'}", folder / "mask.npy"
    assert segment(folder, "--given", blob, "--shape", "3=none", out="mask.npy") == 0
    for label, mask in truth.items():
        assert iou(np.load(out) == label, mask) > 0.9
    more = ["--given", f"7={folder / 'blob.png'}", "--given", blob, "-o", out]
    assert cli("segment", folder / "image.png", folder / "blank.npy", *more) == 0
    assert iou(np.load(out) == 7, truth[2]) > 0.9  # the higher label is on top
    assert "object 2: " in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["p.npy", "p.tif", "mask.png", "labels.png", "labels.tif"])
def test_unaries_take_the_place_of_a_predictor(files, kind):
    folder, truth = files
    strokes = np.array(Image.open(folder / "strokes.png"))
    path = folder / f"unaries-{kind}"
    if kind.startswith("labels"):
        labels = sum(label * mask.astype(np.uint8) for label, mask in truth.items())
        labels[0, 0] = 9  # an object without strokes is none of ours
        write = tifffile.imwrite if kind.endswith("tif") else save_gray
        write(path, labels)
        wanted = truth
    else:
        strokes[strokes == 3] = 0
        wanted = {2: truth[2]}
        if kind == "mask.png":
            save_gray(path, np.where(noisy(truth[2]) > 0.5, 255, 0).astype(np.uint8))
        else:
            {"p.npy": np.save, "p.tif": tifffile.imwrite}[kind](path, noisy(truth[2]))
    np.save(folder / "strokes.npy", strokes)
    blank = folder / "blank.npy"  # there is nothing to be seen in the image itself
    np.save(blank, np.zeros((64, 80), np.uint8))
    out = folder / "out.tif"
    given = ["--unaries", path, "--uncertainty", folder / "u.npy"]
    assert cli("segment", blank, folder / "strokes.npy", "-o", out, *given) == 0
    found = tifffile.imread(out)
    assert set(np.unique(found)) == {0, *wanted}
    for label, mask in wanted.items():
        assert iou(found == label, mask) > 0.9
    if kind.startswith("p"):
        np.testing.assert_allclose(
            np.load(folder / "u.npy"), binary_entropy(noisy(truth[2])), atol=1e-4
        )


def save_gray(path, values):
    Image.fromarray(values).save(path)


@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_uncertainty_is_written_in_bits(files, ending):
    folder, _ = files
    path = folder / f"uncertainty{ending}"
    same = folder / f"x.uncertainty{ending}"
    options = ["--features", "rgb", "--spacing", "0.5,0.25", "--unit", "um"]
    assert segment(folder, "--uncertainty", path, "-o", same, *options) == 0
    assert path.read_bytes() == same.read_bytes()  # with the pixel's size, where there is one
    values = {".npy": np.load, ".tif": tifffile.imread}[ending](path)
    assert values.dtype == np.float32
    assert values.shape == (64, 80)
    assert 0 <= values.min() < values.max() <= 1
    image, strokes = (np.array(Image.open(folder / f"{n}.png")) for n in ("image", "strokes"))
    wanted = api_segment(image, strokes, features="rgb").uncertainty
    np.testing.assert_allclose(values, wanted, atol=1e-4)


def test_the_next_stroke_is_printed_and_reported(files, capsys):
    folder, _ = files
    report = folder / "report.json"
    assert segment(folder, "--features", "rgb,semantic", "--report", report) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(r"the next stroke of object (\d) helps most at \((\d+), (\d+)\): .+", line)
    objects = json.loads(report.read_text())["objects"]
    place = objects[found[1]]["next_stroke"]
    assert place["sentence"] == line
    assert [round(x) for x in place["point"]] == [int(found[2]), int(found[3])]
    scores = [item["next_stroke"] and item["next_stroke"]["score"] for item in objects.values()]
    assert place["score"] == max(score for score in scores if score is not None)


def test_without_doubt_there_is_no_next_stroke(files, capsys):
    folder, truth = files
    labels = sum(label * mask.astype(np.uint8) for label, mask in truth.items())
    np.save(folder / "sure.npy", labels)
    report = folder / "report.json"
    arguments = ["--shape", "none", "--unaries", folder / "sure.npy", "--report", report]
    assert segment(folder, *arguments) == 0
    assert "next stroke" not in capsys.readouterr().out
    objects = json.loads(report.read_text())["objects"]
    assert [item["next_stroke"] for item in objects.values()] == [None, None]


def kept():
    """Files in the folder for features."""
    folder = default_folder()
    return sorted(folder.glob("*")) if folder.exists() else []


def test_features_are_kept_for_the_next_time_unless_told_otherwise(files, monkeypatch):
    folder, _ = files
    assert segment(folder, "--no-cache") == 0
    assert kept() == []
    assert segment(folder, out="first.npy") == 0
    assert kept()
    before = kept()

    def network(*_):
        raise AssertionError("the network was asked again")

    monkeypatch.setattr("napari_isr.features.semantic.Semantic.compute_scales", network)
    assert segment(folder, out="second.npy") == 0
    assert kept() == before
    np.testing.assert_array_equal(np.load(folder / "first.npy"), np.load(folder / "second.npy"))


def test_no_network_is_tried(files, monkeypatch):
    def refused(*_args, **_options):
        raise AssertionError("the network was tried")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    folder, _ = files
    assert segment(folder, "--no-cache") == 0
    assert segment(folder, "--features", "dino") == 2


class Bomb:
    """Code in a pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_weights_file_is_not_run(files, capsys):
    folder, _ = files
    ran = folder / "ran"
    (folder / "bomb.pth").write_bytes(pickle.dumps({"weight": Bomb(ran)}))
    torch.save({"weight": Bomb(ran)}, folder / "bomb2.pth")
    for name in ("bomb.pth", "bomb2.pth"):
        assert segment(folder, "--weights", folder / name) == 2
        told = capsys.readouterr().err
        assert "not run" in told or "no PyTorch file" in told
        assert not ran.exists()
    pickle.loads((folder / "bomb.pth").read_bytes())
    assert ran.exists()  # it would have gone off


def test_weights_of_the_users_are_used(files):
    folder, _ = files
    state = find_weights().read()
    torch.save({k: v / 2 if v.ndim == 4 else v for k, v in state.items()}, folder / "mine.pth")
    maps = [folder / "a.npy", folder / "b.npy"]
    arguments = "--features", "rgb,semantic", "--uncertainty"
    assert segment(folder, *arguments, maps[0]) == 0
    assert segment(folder, *arguments, maps[1], "--weights", folder / "mine.pth") == 0
    assert not np.array_equal(*map(np.load, maps))


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".npy"])
def test_endings_pick_the_format(files, ending):
    folder, _ = files
    out = f"mask{ending}"
    assert segment(folder, "--scale", "2", out=out) == 0
    readers = {".npy": np.load, ".png": lambda p: np.array(Image.open(p))}
    labels = readers.get(ending, tifffile.imread)(folder / out)
    assert labels.shape == (128, 160)
    assert set(np.unique(labels)) == {0, 2, 3}
    assert not convexity_defects(labels == 3).any()


@pytest.mark.parametrize("kind", ["mask.png", "grey.png", "p.npy", "p.tif"])
def test_project_reads_masks_and_probabilities(occluded, tmp_path, kind):
    seen, truth = occluded
    path = tmp_path / kind
    if kind == "mask.png":
        Image.fromarray((seen * 2).astype(np.uint8)).save(path)
    elif kind == "grey.png":
        Image.fromarray(
            np.where(seen, 230, 20).astype(np.uint8) + (truth * 3).astype(np.uint8)
        ).save(path)
    elif kind == "p.npy":
        np.save(path, seen * 0.9)
    else:
        tifffile.imwrite(path, (seen * 0.9).astype(np.float32))
    assert cli("project", path, "-o", tmp_path / "out.tif") == 0
    assert iou(tifffile.imread(tmp_path / "out.tif") == 2, truth) > 0.93


def broken(folder):
    """Ways to call that cannot work: (arguments, what the line must say)."""
    image, strokes, out = folder / "image.png", folder / "strokes.png", folder / "out.png"
    (folder / "text.png").write_text("no picture")
    (folder / "cut.png").write_bytes(image.read_bytes()[:200])
    (folder / "odd.npy").write_bytes(b"\x93NUMPY nonsense")
    np.save(folder / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "nan.npy", np.full((64, 80), np.nan))
    np.save(folder / "line.npy", np.zeros(5))
    np.save(folder / "small.npy", np.ones((3, 3), np.uint8))
    np.save(folder / "object_only.npy", np.full((64, 80), 2, np.uint8))
    np.save(folder / "background_only.npy", np.full((64, 80), 1, np.uint8))
    start = ["segment", image, strokes, "-o", out]
    np.save(folder / "p.npy", np.full((64, 80), 0.5))
    np.save(folder / "loud.npy", np.full((64, 80), 3.5))
    np.save(folder / "labels.npy", np.full((64, 80), 2, np.uint8))
    (folder / "text.pth").write_text("no weights")
    torch.save({"weight": torch.zeros(3)}, folder / "keys.pth")
    (folder / "cut.pth").write_bytes((folder / "keys.pth").read_bytes()[:300])
    (folder / "code.pth").write_bytes(pickle.dumps({"weight": Bomb(folder / "ran")}))
    two = np.load(folder / "p.npy")
    np.save(folder / "three.npy", np.stack([two, two, two]))
    return {
        "missing image": (["segment", folder / "no.png", strokes, "-o", out], "does not exist"),
        "a folder": (["segment", folder, strokes, "-o", out], "is a folder"),
        "not a picture": (["segment", folder / "text.png", strokes, "-o", out], "cannot be read"),
        "cut picture": (["segment", folder / "cut.png", strokes, "-o", out], "cannot be read"),
        "broken npy": (["project", folder / "odd.npy", "-o", out], "cannot be read"),
        "pickled npy": (["project", folder / "object.npy", "-o", out], "cannot be read"),
        "NaN": (["segment", folder / "nan.npy", strokes, "-o", out], "NaN"),
        "NaN unaries": (["project", folder / "nan.npy", "-o", out], "NaN"),
        "one axis": (["project", folder / "line.npy", "-o", out], "2 to 4"),
        "other size": (["segment", image, folder / "small.npy", "-o", out], "size"),
        "colour strokes": (["segment", image, image, "-o", out], "colour picture"),
        "no background": (["segment", image, folder / "object_only.npy", "-o", out], "background"),
        "no object": (["segment", image, folder / "background_only.npy", "-o", out], "object"),
        "unknown shape": ([*start, "--shape", "convec"], "did you mean 'convex'"),
        "unknown label": ([*start, "--shape", "7=convex"], "label 7"),
        "bad label": ([*start, "--shape", "x=convex"], "no label"),
        "unknown shape option": ([*start, "--shape", "convex:pices=9"], "did you mean 'pieces'"),
        "unknown option": ([*start, "--shap", "convex"], "--shape"),
        "unknown features": ([*start, "--features", "rgp"], "did you mean 'rgb'"),
        "unknown predictor": ([*start, "--predictor", "fcnn"], "did you mean 'fcn'"),
        "unknown mode": ([*start, "--mode", "sequence"], "sequential"),
        "unknown device": ([*start, "--device", "cdua"], "did you mean 'cuda'"),
        "bad scale": ([*start, "--scale", "big"], "numbers"),
        "negative scale": ([*start, "--scale", "-2"], "positive"),
        "bad seed": ([*start, "--seed", "x"], "--seed"),
        "no output": (["segment", image, strokes], "--output"),
        "unknown command": (["segmnt", image], "segmnt"),
        "no folder": (["segment", image, strokes, "-o", folder / "no" / "m.png"], "does not exist"),
        "unknown ending": (["segment", image, strokes, "-o", folder / "m.gif"], "ending"),
        "no ending": (["segment", image, strokes, "-o", folder / "m"], "ending"),
        "output is a folder": (["segment", image, strokes, "-o", folder / "d.png"], "is a folder"),
        "report in no folder": ([*start, "--report", folder / "no" / "r.json"], "does not exist"),
        "no unaries": ([*start, "--unaries", folder / "no.npy"], "does not exist"),
        "unaries of another size": ([*start, "--unaries", folder / "small.npy"], "size"),
        "NaN in unaries": ([*start, "--unaries", folder / "nan.npy"], "NaN"),
        "loud unaries": ([*start, "--unaries", folder / "loud.npy"], "3.5"),
        "one of two unaries": ([*start, "--unaries", folder / "p.npy"], "1 object"),
        "unaries of three": ([*start, "--unaries", folder / "three.npy"], "3 objects"),
        "no such label in unaries": ([*start, "--unaries", folder / "labels.npy"], "label 3"),
        "given without a label": ([*start, "--given", folder / "p.npy"], "3=mask.png"),
        "given background": ([*start, "--given", f"1={folder / 'p.npy'}"], "2 or more"),
        "given twice": ([*start, *2 * ["--given", f"2={folder / 'p.npy'}"]], "given twice"),
        "no given file": ([*start, "--given", f"2={folder / 'no.npy'}"], "does not exist"),
        "given of another size": ([*start, "--given", f"2={folder / 'small.npy'}"], "size"),
        "given colours": ([*start, "--given", f"2={image}"], "colour picture"),
        "unknown ending of values": ([*start, "--uncertainty", folder / "u.png"], ".tif"),
        "no ending of values": ([*start, "--uncertainty", folder / "u"], ".npy"),
        "values in no folder": (
            [*start, "--uncertainty", folder / "no" / "u.tif"],
            "does not exist",
        ),
        "no weights": ([*start, "--weights", folder / "no.pth"], "does not exist"),
        "text as weights": ([*start, "--weights", folder / "text.pth"], "no PyTorch file"),
        "cut weights": ([*start, "--weights", folder / "cut.pth"], "cut short"),
        "code in weights": ([*start, "--weights", folder / "code.pth"], "not run"),
        "other weights": ([*start, "--weights", folder / "keys.pth"], "EfficientNet-Lite0"),
        "weights of no use": (
            [*start, "--features", "rgb", "--weights", folder / "no.pth"],
            "--weights is for",
        ),
        "no dino file": (
            [*start, "--features", "dino", "--dino", folder / "no.pth"],
            "does not exist",
        ),
        "dino without a file": ([*start, "--features", "dino"], "weights file"),
        "dino of no use": ([*start, "--dino", folder / "no.pth"], "--dino is for"),
        "download of no use": ([*start, "--download"], "--download is for"),
        "unknown sample": (["demo", "--sample", "friut"], "fruit"),
        "demo in no folder": (["demo", "--folder", folder / "no" / "d"], "cannot be made"),
    }


CASES = [
    "missing image", "a folder", "not a picture", "cut picture", "broken npy", "pickled npy",
    "NaN", "NaN unaries", "one axis", "other size", "colour strokes", "no background",
    "no object", "unknown shape", "unknown label", "bad label", "unknown shape option",
    "unknown option", "unknown features", "unknown predictor", "unknown mode", "unknown device",
    "bad scale", "negative scale", "bad seed", "no output", "unknown command", "no folder",
    "unknown ending", "no ending", "output is a folder", "report in no folder", "no unaries",
    "unaries of another size", "NaN in unaries", "loud unaries", "one of two unaries",
    "unaries of three", "no such label in unaries", "given without a label", "given background",
    "given twice", "no given file", "given of another size", "given colours",
    "unknown ending of values",
    "no ending of values", "values in no folder", "no weights", "text as weights", "cut weights",
    "code in weights", "other weights", "weights of no use", "no dino file",
    "dino without a file", "dino of no use", "download of no use", "unknown sample",
    "demo in no folder",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_with_status_2_and_one_line(files, capsys, case):
    folder, _ = files
    (folder / "d.png").mkdir()
    arguments, words = broken(folder)[case]
    before = sorted(folder.iterdir())
    assert cli(*arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("napari-isr: ")
    assert told.err.count("\n") == 1
    assert words in told.err
    assert sorted(folder.iterdir()) == before


def test_all_cases_are_listed(files):
    assert set(broken(files[0])) == set(CASES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(files, capsys):
    folder, _ = files
    (folder / "locked").mkdir(mode=0o500)
    assert segment(folder, out="locked/mask.png") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_unwritable_target_is_told_before_the_work(files, capsys, monkeypatch):
    folder, _ = files
    monkeypatch.setattr(
        "napari_isr.atomic_files.os", SimpleNamespace(access=lambda *_: False, W_OK=2)
    )
    assert segment(folder) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_file(files, capsys, monkeypatch):
    folder, _ = files
    (folder / "mask.png").write_bytes(b"old")

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_isr.io.export.png.Image.Image.save", full)
    assert segment(folder) == 2
    assert "No space left" in capsys.readouterr().err
    assert (folder / "mask.png").read_bytes() == b"old"
    assert not list(folder.glob(".mask*"))


def test_info_names_what_there_is(capsys, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert cli("info") == 0
    told = capsys.readouterr().out
    for word in ("torch:", "device:", "convex", "fruit", ".png"):
        assert word in told
    lines = dict(line.split(": ", 1) for line in told.splitlines())
    assert lines["features"].split(", ") == feature_names()
    assert lines["predictors"].split(", ") == predictor_names()
    assert lines["semantic features"] == describe_semantic_source() == "EfficientNet-Lite0"
    monkeypatch.setattr("napari_isr.features.find_weights", lambda *_: None)
    assert cli("info") == 0
    assert f"semantic features: {describe_semantic_source()}" in capsys.readouterr().out
    assert describe_semantic_source() != "EfficientNet-Lite0"


def test_info_tells_of_a_weights_file_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setenv(VARIABLE, "no-such-file.pth")
    assert cli("info") == 0
    assert re.search(
        "semantic features: .*no-such-file.pth.*does not exist", capsys.readouterr().out
    )


def test_help_names_all_that_can_be_chosen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert cli("segment", "--help") == 0
    told = capsys.readouterr().out
    for name in (*MODES, *predictor_names(), *feature_names()):
        assert re.search(rf"\b{name}\b", told), name


def test_demo_writes_three_files(tmp_path, capsys):
    assert cli("demo", "--folder", tmp_path / "demo") == 0
    told = capsys.readouterr().out
    assert "IoU with its whole true outline" in told
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"fruit-mask.png", "fruit-overlay.png", "fruit-report.json"}
    report = json.loads((tmp_path / "demo" / "fruit-report.json").read_text())
    assert all(item["certificate"]["holds"] for item in report["objects"].values())
    overlay = np.array(Image.open(tmp_path / "demo" / "fruit-overlay.png"))
    assert (np.abs(overlay.astype(int) - (255, 145, 0)).sum(2) < 60).sum() > 500


def test_no_arguments_shows_help(capsys):
    assert cli() == 0
    assert "segment" in capsys.readouterr().out


def test_module_runs_as_a_program(files):
    folder, _ = files
    program = "from napari_isr.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "project", folder / "no.png", "-o", folder / "o.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_palette_picture_is_seen_in_its_colors(files):
    # Places in a palette say nothing of how alike two colours are.
    folder, _ = files
    picture = Image.open(folder / "image.png").quantize(64)
    picture.save(folder / "places.png")
    picture.convert("RGB").save(folder / "colours.png")
    for name in ("places", "colours"):
        image, strokes = folder / f"{name}.png", folder / "strokes.png"
        assert cli("segment", image, strokes, "-o", folder / f"{name}.npy") == 0
    found, expected = (np.load(folder / f"{name}.npy") for name in ("places", "colours"))
    np.testing.assert_array_equal(found, expected)
    assert read_image_eager(folder / "places.png").shape == (*expected.shape, 3)
