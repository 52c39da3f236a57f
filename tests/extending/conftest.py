"""The toy package, built and installed outside of the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOY_PACKAGE = Path(__file__).parent / "toy_package"


def install(package: Path, site: Path) -> None:
    """Build a package and install it into a folder, without network."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site]
    command = [sys.executable, "-m", "pip", "install", *options, package]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def run_with(site: Path, *arguments: object, cwd: Path | None = None) -> str:
    """Run Python with the packages of a folder, and return its output and its messages."""
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def toy_site(tmp_path_factory):
    """Folder in which the toy package is installed."""
    folder = tmp_path_factory.mktemp("toy")
    # The build writes beside the sources, so it gets a copy.
    package = shutil.copytree(TOY_PACKAGE, folder / "package")
    install(package, folder / "site")
    return folder / "site"
