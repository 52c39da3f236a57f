"""Completeness of the wheel, and discovery of the plugin in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(180)
def test_wheel_is_complete_and_discovered() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "wheel_check.py"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Scribble and refine" in done.stdout
