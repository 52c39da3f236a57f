"""The benchmarks run and print their tables; what the figures are is for people to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("optimality_gap.py", ["--instances", "1"], ("convex", "star", "mirror", "rotational")),
        ("shapes.py", ["--seeds", "1", "--shapes", "convex,star", "--published", "0"], ("convex",)),
        ("convex_prior_gain.py", ["--scenes", "1"], ("fruit behind leaves", "certificates hold")),
        ("convex_errors.py", [], ("generated", "too large")),
        (
            "projection.py",
            ["--seeds", "1", "--baseline-seeds", "0", "--wall", "1"],
            ("ours", "published, full grid"),
        ),
    ],
)
def test_a_benchmark_prints_its_table(name, options, words, monkeypatch, tmp_path):
    monkeypatch.setenv("ISR_DATA", str(tmp_path))  # with what everyone has: no images but our own
    done = subprocess.run(
        [sys.executable, FOLDER / name, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("|") > 10
    for word in words:
        assert word in done.stdout
