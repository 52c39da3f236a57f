"""Formats of other packages are found by their extensions."""

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.io.export import export_formats, known_extensions
from napari_isr.io.export.formats import _BY_ENDING


def write_count(path, data):
    path.write_text(f"{len(data.objects)}\n")


COUNT = isr.ExportFormat((".count", ".big.count"), "Number of objects", write_count)


@pytest.fixture(autouse=True)
def registry():
    before = dict(_BY_ENDING)
    yield
    _BY_ENDING.clear()
    _BY_ENDING.update(before)


def test_a_registered_format_writes_a_file(tmp_path):
    assert isr.register_export_format(COUNT) is COUNT
    assert export_formats()[-1] is COUNT
    assert known_extensions()[-2:] == [".count", ".big.count"]
    mask = np.eye(20, dtype=bool)
    isr.write(isr.project(mask, "none"), tmp_path / "mask.count")
    assert (tmp_path / "mask.count").read_text() == "1\n"
    isr.register_export_format(COUNT)  # as a module that is executed again


@pytest.mark.parametrize(
    ("form", "error", "message"),
    [
        ("count", TypeError, "no ExportFormat"),
        (isr.ExportFormat((), "Nothing", write_count), TypeError, "no ExportFormat"),
        (isr.ExportFormat(("count",), "No dot", write_count), ValueError, "cannot be an extension"),
        (isr.ExportFormat((".png",), "Mine", write_count), ValueError, "'.png' already"),
    ],
)
def test_an_invalid_format_is_refused(form, error, message):
    with pytest.raises(error, match=message):
        isr.register_export_format(form)
