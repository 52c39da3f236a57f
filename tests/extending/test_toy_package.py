"""Extensions of another package work in the API, on the command line and in the dock."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.extending.conftest import run_with

PROJECT = """
import numpy as np
import napari_isr as isr

unaries = np.full((60, 80), 0.1)
unaries[15:45, 20:60] = 0.9
unaries[28:33] = 0.2
item = isr.project(unaries, shape="box:cube=false").objects[2]
assert item.certificate.holds, item.certificate
assert "pixels missing from the bounding box" in str(item.certificate)
assert item.mask[15:45, 20:60].all()
assert item.mask.sum() == 30 * 40
volume = np.repeat(unaries[None], 3, axis=0)
assert isr.project(volume, shape="box", axes="tyx").certificate.holds
scribbles = np.zeros((60, 80), int)
scribbles[20, 25] = scribbles[40, 55] = 2
scribbles[30, 40] = 1
item = isr.segment(np.zeros((60, 80)), scribbles, shape="box", features="spatial").objects[2]
assert item.conflict.pixels.tolist() == [[30, 40]]
print("done")
"""
CLI = "from napari_isr.cli.app import main; main()"


def test_the_shape_is_used_from_the_api(toy_site):
    assert run_with(toy_site, "-c", PROJECT).endswith("done\n")


def test_the_shape_is_used_on_the_command_line(toy_site, tmp_path):
    unaries = np.full((40, 50), 0.1)
    unaries[10:30, 15:35] = 0.9
    np.save(tmp_path / "unaries.npy", unaries)
    arguments = ["project", "unaries.npy", "-o", "mask.npy", "--shape", "box:cube=true"]
    arguments += ["--report", "report.json"]
    run_with(toy_site, "-c", CLI, *arguments, cwd=tmp_path)
    mask = np.load(tmp_path / "mask.npy") > 0
    assert np.array_equal(mask, unaries > 0.5)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    certificate = report["objects"]["2"]["certificate"]
    assert certificate["holds"]
    assert certificate["property"] == "box"
    assert "box" in run_with(toy_site, "-c", CLI, "info")


@pytest.mark.gui
def test_the_extensions_are_used_in_the_dock(toy_site):
    pytest.importorskip("napari")
    output = run_with(toy_site, "-W", "ignore", "-m", "tests.extending.toy_in_dock")
    found = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert found["tile"].startswith("Box: sides along the image.")
    assert found["icon"].strip().startswith("<svg")
    assert found["option"]
    assert (found["box"], found["holds"]) == ("box", True)
    assert "distance" in found["features"]
    assert any("Bounding boxes (*.boxes)" in kind for kind in found["formats"])
    assert found["pixels"] == 30 * 40


def test_a_broken_extension_is_one_sentence_and_leaves_the_others(toy_site, tmp_path):
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    entry = "[napari_isr.shapes]\nhexagon = no_such_module:Hexagon\n"
    (folder / "entry_points.txt").write_text(entry)
    script = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "import napari_isr as isr\n"
        "print(isr.shape_names())\n"
        "try:\n"
        "    isr.ShapeSpec.parse('hexagon')\n"
        "except isr.InputError as error:\n"
        "    print(error)\n"
    )
    output = run_with(toy_site, "-c", script)
    assert "'convex'" in output
    assert "'box'" in output
    sentence = "the extension 'hexagon' of the package 'broken' is left out, because loading "
    # Once as a warning as it is loaded, and once in the message about the unknown name.
    assert output.lower().count(sentence) == 2
    assert "Traceback" not in output


FEATURES = """
import numpy as np
import napari_isr as isr

row, column = np.mgrid[:60, :80]
disc = np.hypot(row - 29.5, column - 39.5) < 18
scribbles = np.zeros((60, 80), int)
scribbles[28:32, 30:50] = 2
scribbles[3:5, 5:75] = scribbles[55:57, 5:75] = scribbles[5:55, 5:7] = scribbles[5:55, 73:75] = 1
image = np.zeros((60, 80))
result = isr.segment(image, scribbles, features="distance", predictor="linear")
assert list(result.sources) == ["distance"]
assert (result.mask & disc).sum() > 0.6 * (result.mask | disc).sum()
both = isr.segment(image, scribbles, features="distance,rgb", predictor="linear")
assert list(both.sources) == ["rgb", "distance"]
isr.write(result, "mask.boxes")
np.save("image.npy", image), np.save("scribbles.npy", scribbles.astype(np.uint8))
print("done")
"""


def test_block_and_format_are_used_from_the_api_and_on_the_command_line(toy_site, tmp_path):
    assert run_with(toy_site, "-c", FEATURES, cwd=tmp_path).endswith("done\n")
    first = (tmp_path / "mask.boxes").read_text(encoding="utf-8")
    assert first.startswith("2 ")
    arguments = ["segment", "image.npy", "scribbles.npy", "-o", "again.boxes"]
    arguments += ["--features", "distance", "--predictor", "linear"]
    run_with(toy_site, "-c", CLI, *arguments, cwd=tmp_path)
    assert (tmp_path / "again.boxes").read_text(encoding="utf-8") == first
    assert "distance" in run_with(toy_site, "-c", CLI, "info")
