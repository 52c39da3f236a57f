"""The accuracy benchmark on generated scenes; what the figures are is for people to read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.morphology import skeletonize

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = (
    "accuracy",
    "accuracy_data",
    "accuracy_measure",
    "accuracy_ours",
    "accuracy_store",
    "accuracy_tables",
    "other_tools",
    "simulated_user",
)


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Imports a benchmark as it is imported when it is run, and forgets all of them afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("ISR_DATA", str(tmp_path / "none"))
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)


def blob() -> np.ndarray:
    """A disc with a long arm."""
    row, column = np.mgrid[:60, :90]
    mask = (row - 30) ** 2 + (column - 25) ** 2 < 15**2
    mask[28:33, 30:80] = True
    return mask


def test_a_run_prints_its_tables_and_goes_on_from_its_file(load, tmp_path, capsys):
    accuracy, records = load("accuracy"), tmp_path / "records.csv"
    options = ["--scenes", "1", "--size", "128", "--kinds", "mask,oracle"]
    options += ["--configurations", "defaults", "--csv", str(records)]
    options += ["--markdown", str(tmp_path / "t.md"), "--summary", str(tmp_path / "t.csv")]
    accuracy.main(options)
    first = capsys.readouterr().out
    assert "| defaults | 0." in first
    assert "| defaults, no shape | 0." in first
    assert "| star+mirror | 0." in first
    assert "failed" not in first
    assert (tmp_path / "t.md").read_text(encoding="utf-8") in first
    assert "Mean IoU by set" in (tmp_path / "t.csv").read_text()

    lines = records.read_text().splitlines()
    records.write_text("\n".join([*lines[:-1], lines[-1][:20]]))  # stopped while it wrote
    accuracy.main(options)
    assert capsys.readouterr().out == first
    again = records.read_text().splitlines()
    assert again[: len(lines) - 1] == lines[:-1]
    assert len(again) == len(lines) + 1  # one is measured again


def test_strokes_are_counted_until_the_mask_is_right(load):
    measure = load("accuracy_measure")
    (case,) = load("accuracy_data").generated_cases(1, (128, 128))
    (record,) = measure.records_of("strokes", case, "defaults")
    assert record.error == ""
    assert 2 <= record.strokes <= measure.STROKES
    assert (record.iou >= measure.RIGHT) == (record.strokes < measure.STROKES)
    assert record.seconds > 0


def test_a_method_that_raises_has_an_iou_of_0(load, monkeypatch):
    measure = load("accuracy_measure")
    (case,) = load("accuracy_data").generated_cases(1, (128, 128))

    class Broken:
        def start(self, image):
            raise ValueError("no foreground")

    monkeypatch.setitem(measure.PEERS, "GrabCut", Broken)
    (record,) = measure.records_of("mask", case, "GrabCut")
    assert (record.iou, record.error) == (0.0, "ValueError: no foreground")


@pytest.mark.parametrize("name", ["random walker", "GrabCut", "random forest"])
def test_peers_find_a_plain_object(load, name):
    peers = load("other_tools")
    missing = peers.missing_library(peers.PEERS[name])
    if missing:
        pytest.skip(f"{name} needs {missing}")
    truth = blob()
    strokes = load("simulated_user").first_strokes(truth, np.ones_like(truth))
    for channels in (0, 3):
        image = np.where(truth, 200, 60).astype(np.uint8)
        image = image + np.random.default_rng(0).integers(0, 20, truth.shape, dtype=np.uint8)
        if channels:
            image = np.stack([image, image // 2, 255 - image], axis=-1)
        method = peers.PEERS[name]()
        method.start(image)
        found = method.update(strokes)
        assert found.dtype == bool
        assert np.mean(found == truth) > 0.9


def test_first_strokes_run_along_object_and_background(load):
    robot, truth = load("simulated_user"), blob()
    strokes = robot.first_strokes(truth, np.ones_like(truth))
    drawn = strokes == robot.OBJECT
    assert not drawn[~truth].any()
    assert not (strokes == robot.BACKGROUND)[truth].any()
    columns = np.flatnonzero(drawn.any(axis=0))
    assert columns[-1] - columns[0] > 45  # along the arm
    assert 3 <= drawn.sum() / skeletonize(drawn).sum() <= 5  # the pen is thin


def test_the_next_stroke_lies_in_the_largest_error(load):
    robot, truth = load("simulated_user"), blob()
    counted = np.ones_like(truth)
    nothing = np.zeros(truth.shape, np.uint8)
    found = truth.copy()
    found[28:33, 50:80] = False  # 150 pixels missed
    found[2:12, 60:72] = True  # 120 pixels too many
    more = robot.next_stroke(found, truth, counted, nothing)
    assert set(np.unique(more)) == {0, robot.OBJECT}
    assert not more[found | ~truth].any()
    found[2:20, 60:72] = True  # 216 pixels too many
    more = robot.next_stroke(found, truth, counted, nothing)
    assert set(np.unique(more)) == {0, robot.BACKGROUND}
    assert not more[~found | truth].any()
    again = robot.next_stroke(found, truth, counted, more)
    assert ((again != more) & (more > 0)).sum() == 0
    assert (again != more).any()
    assert (robot.next_stroke(truth, truth, counted, more) == more).all()


@pytest.mark.parametrize("region", [(slice(5, 6), slice(5, 6)), (slice(0, 20), slice(3, 4))])
def test_a_stroke_is_drawn_in_the_smallest_region(load, region):
    mask = np.zeros((20, 20), bool)
    mask[region] = True
    drawn = load("simulated_user").stroke_along(mask)
    assert drawn.any()
    assert not drawn[~mask].any()


def test_a_shape_is_chosen_by_the_measures_of_the_truth(load):
    data = load("accuracy_data")
    row = {"solidity": "0.8", "star_cov": "0.9", "mirror_iou": "0.5", "hole_frac": "0.01"}
    row["n_components"] = "1"
    assert data.shape_for(row | {"solidity": "0.95"}) == "convex"
    assert data.shape_for(row | {"star_cov": "0.99", "mirror_iou": "0.95"}) == "star"
    assert data.shape_for(row | {"mirror_iou": "0.95"}) == "mirror"
    assert data.shape_for(row) == "connected"
    assert data.shape_for(row | {"hole_frac": "0.3", "star_cov": "1"}) == "none"
    assert data.shape_for(row | {"n_components": "2"}) == "none"


def test_halves_are_of_about_one_size_and_do_not_change(load):
    half_of = load("accuracy_data").half_of
    halves = [half_of(str(number)) for number in range(200)]
    assert 70 < halves.count("settings") < 130
    assert [half_of(name) for name in ("124080", "65019")] == ["settings", "report"]


def test_what_is_not_there_is_skipped_and_named(load, monkeypatch, capsys):
    accuracy = load("accuracy")
    monkeypatch.setattr(load("accuracy_ours"), "predictor_names", lambda: ["fcn"])
    monkeypatch.setitem(accuracy.PEERS, "GrabCut", lambda: load("no_such_library"))
    methods = accuracy.available_methods(["cnn", "GrabCut", "defaults"])
    assert methods == ["defaults", "defaults, joint"]
    told = capsys.readouterr().out
    assert "GrabCut: there is no no_such_library here" in told
    assert "cnn rgb+semantic joint: there is no predictor 'cnn' here" in told
