"""Settings as code and as a line for the shell."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.cli.app import main
from napari_isr.code_export import ScriptTemplate
from napari_isr.io.export import write_labels
from napari_isr.io.readers import read_array
from napari_isr.scribbles import Scribbles


@pytest.mark.parametrize(
    "settings",
    [
        {"own_shapes": {3: "mirror"}},
        {
            "shape": "none",
            "own_shapes": {2: "convex:pieces=24"},
            "predictor": "fcn",
            "mode": "joint",
        },
        {"spacing": (0.5, 0.25), "shape": "rotational:order=2", "features": "rgb,nearness"},
        {"given": {4: "it's a mask.png"}, "shape": "none", "own_shapes": {4: "star"}},
        {"trained": "learned.safetensors", "device": "cpu"},
    ],
)
def test_program_and_line_give_the_same_mask(settings, scene, tmp_path, monkeypatch):
    image, scribbles, masks = scene
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path / "it's; my strokes.png", scribbles)
    np.save(tmp_path / "a picture.npy", image)
    write_labels(tmp_path / "it's a mask.png", masks[2][:, ::-1].astype(np.uint8))
    if "trained" in settings:
        segmenter = isr.Segmenter(image)
        for _ in segmenter.run(Scribbles.from_label_image(scribbles), "none"):
            pass
        segmenter.export_predictor().save(tmp_path / "learned.safetensors")
    files = ("a picture.npy", "it's; my strokes.png")
    program = ScriptTemplate(*files, **settings, output="code.png", notes=["A note."]).to_python()
    exec(compile(program, "program", "exec"), {})
    words = shlex.split(
        ScriptTemplate(*files, **settings, output="$line `x`.png").to_command_line()
    )
    assert words[0] == "napari-isr"
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    assert ended.value.code == 0
    code, line = read_array(tmp_path / "code.png"), read_array(tmp_path / "$line `x`.png")
    assert set(np.unique(code)) == {0, 2, 3, *settings.get("given", ())}
    assert np.array_equal(code, line)


def test_a_program_reads_what_is_not_loaded_whole(scene, tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr", reason="zarr comes with the extra 'large'")
    image, scribbles, _ = scene
    monkeypatch.chdir(tmp_path)
    for name, array in ("image.zarr", image), ("strokes.zarr", scribbles):
        zarr.open(name, mode="w", shape=array.shape, dtype=array.dtype, chunks=array.shape)[:] = (
            array
        )
    program = ScriptTemplate(
        "image.zarr", "strokes.zarr", "mirror", {3: "star"}, features="rgb", output="mask.png"
    ).to_python()
    exec(compile(program, "program", "exec"), {})
    assert set(np.unique(read_array("mask.png"))) == {0, 2, 3}


def test_a_program_that_was_copied_when_readers_lived_elsewhere_still_runs(
    scene, tmp_path, monkeypatch
):
    program = (Path(__file__).parent / "fixtures" / "copied-2026-11.txt").read_text()
    image, scribbles, masks = scene
    monkeypatch.chdir(tmp_path)
    np.save("picture.npy", image)
    np.save("depth.npy", np.ones(image.shape[:2], np.float32))
    write_labels("strokes.png", scribbles)
    write_labels("mask.png", masks[2][:, ::-1].astype(np.uint8))
    exec(compile(program, "program", "exec"), {})
    assert set(np.unique(isr.read_array("picture-mask.png"))) == {0, 2, 3, 4}


def test_what_is_default_is_left_out():
    line = ScriptTemplate("a.png", "-b.png", spacing=(1, 1)).to_command_line()
    assert line == "napari-isr segment a.png ./-b.png -o a-mask.png --shape convex"
    program = ScriptTemplate("a.png", "b.png").to_python()
    assert "result = isr.segment(image, strokes, 'convex')" in program
    assert not {"mode", "predictor", "features", "spacing"} & set(program.replace("=", " ").split())


def test_a_program_is_well_formed_where_it_is_long():
    program = ScriptTemplate(
        "a", "b", "star+mirror:axis=1/2/3", {2: "none"}, features="rgb,spatial,semantic,nearness"
    ).to_python()
    assert max(map(len, program.splitlines())) < 100
    compile(program, "program", "exec")
