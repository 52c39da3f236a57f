"""The command line: files in and out, and one clear line for bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_isr.certificates import convex_defect
from napari_isr.cli import main
from napari_isr.results import iou


def cli(*arguments):
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


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


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".npy"])
def test_endings_pick_the_format(files, ending):
    folder, _ = files
    out = f"mask{ending}"
    assert segment(folder, "--scale", "2", out=out) == 0
    readers = {".npy": np.load, ".png": lambda p: np.array(Image.open(p))}
    labels = readers.get(ending, tifffile.imread)(folder / out)
    assert labels.shape == (128, 160)
    assert set(np.unique(labels)) == {0, 2, 3}
    assert not convex_defect(labels == 3).any()


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
        "unknown sample": (["demo", "--sample", "friut"], "fruit"),
        "demo in no folder": (["demo", "--folder", folder / "no" / "d"], "cannot be made"),
    }


CASES = [
    "missing image", "a folder", "not a picture", "cut picture", "broken npy", "pickled npy",
    "NaN", "NaN unaries", "one axis", "other size", "colour strokes", "no background",
    "no object", "unknown shape", "unknown label", "bad label", "unknown shape option",
    "unknown option", "unknown features", "unknown predictor", "unknown mode", "unknown device",
    "bad scale", "negative scale", "bad seed", "no output", "unknown command", "no folder",
    "unknown ending", "no ending", "output is a folder", "report in no folder", "unknown sample",
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
    monkeypatch.setattr("napari_isr.atomic.os", SimpleNamespace(access=lambda *_: False, W_OK=2))
    assert segment(folder) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_file(files, capsys, monkeypatch):
    folder, _ = files
    (folder / "mask.png").write_bytes(b"old")

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_isr.export.png.Image.Image.save", full)
    assert segment(folder) == 2
    assert "No space left" in capsys.readouterr().err
    assert (folder / "mask.png").read_bytes() == b"old"
    assert not list(folder.glob(".mask*"))


def test_info_names_what_there_is(capsys):
    assert cli("info") == 0
    told = capsys.readouterr().out
    for word in ("torch:", "device:", "convex", "fcn", "rgb", "fruit", ".png"):
        assert word in told


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
    program = "from napari_isr.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "project", folder / "no.png", "-o", folder / "o.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr
