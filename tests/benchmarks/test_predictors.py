"""The table of the predictors is printed; what the figures are is for people to read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch, tmp_path):
    """The benchmark as it is imported when it is run; all of it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("ISR_DATA", str(tmp_path / "none"))
    yield importlib.import_module("predictors")
    for name in ("predictors", "accuracy_data"):
        sys.modules.pop(name, None)


def test_the_table_has_a_row_for_each_predictor(benchmark, capsys):
    names = "linear,fcn,cnn,unet"
    benchmark.main(["--limit", "1", "--half", "all", "--features", "rgb", "--predictors", names])
    table = capsys.readouterr().out
    for name in names.split(","):
        assert f"| generated | 1 | {name} | 0." in table


def test_calibration_error(benchmark):
    truth = np.array([1, 1, 1, 0], bool)
    assert benchmark.calibration_error(np.full(4, 0.75), truth) == pytest.approx(0)
    assert benchmark.calibration_error(np.full(4, 0.95), truth) == pytest.approx(0.2)
    assert benchmark.calibration_error(np.array([1.0, 1, 1, 0]), truth) == pytest.approx(0)
