"""Cost of importing the package, without network access."""

from __future__ import annotations

import subprocess
import sys

import pytest

import napari_isr as isr


def python(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_neither_torch_nor_qt_nor_numpy():
    heavy = {"torch", "numpy", "qtpy", "PyQt5", "PyQt6", "napari", "skimage", "pydantic"}
    program = "import sys, napari_isr; print(*{m.split('.')[0] for m in sys.modules})"
    assert not heavy & set(python(program).split())


def test_a_projection_loads_no_qt():
    program = (
        "import sys, numpy as np, napari_isr as isr; isr.project(np.eye(9) > 0); "
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    assert not {"qtpy", "PyQt5", "PyQt6", "napari", "vispy"} & set(python(program).split())


def test_public_names_are_there():
    assert set(isr.__all__) <= set(dir(isr))
    for name in isr.__all__:
        assert getattr(isr, name) is not None
    assert isr.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = isr.nonsense


def test_segmenting_opens_no_socket(scene, monkeypatch):
    import socket

    def refuse(*_args, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    image, scribbles, _ = scene
    assert isr.segment(image, scribbles).objects[2].certificate.holds
