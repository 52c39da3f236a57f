"""Many images: the list, one image's task, the cluster, the summary and the report."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_isr as isr
from napari_isr.batch import BatchSettings
from napari_isr.batch.config import BatchItem, settings_from_session
from napari_isr.batch.dask_client import raise_if_disconnected
from napari_isr.batch.discovery import find_items, find_strokes, read_spacing
from napari_isr.batch.records import RECORDS, THUMBNAILS, WORK
from napari_isr.batch.report import report_page
from napari_isr.batch.scheduler import _is_worker_death, _record_lost_task, check_formats
from napari_isr.batch.worker import process_item
from napari_isr.errors import InputError
from napari_isr.io.readers import read_image
from napari_isr.results.result import iou
from tests._cli import cli


@pytest.fixture
def folder(scene, tmp_path):
    """Three pictures, one of them broken; strokes for the first one."""
    image, scribbles, _ = scene
    (tmp_path / "images").mkdir()
    (tmp_path / "strokes").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "a1.png")
    Image.fromarray(image[:, ::-1]).save(tmp_path / "images" / "a10.png")
    (tmp_path / "images" / "a2.png").write_text("no picture")
    Image.fromarray(scribbles).save(tmp_path / "strokes" / "a1-strokes.png")
    return tmp_path


@pytest.fixture
def trained(scene, folder):
    """A file of what the first picture teaches."""
    image, scribbles, _ = scene
    segmenter = isr.Segmenter(image, features="rgb")
    for _ in segmenter.run(scribbles, "convex"):
        pass
    learned = segmenter.export_predictor()
    about = {"scribbles": scribbles, "names": {3: "pear"}, "trained": learned}
    isr.save_session(folder / "s.isr", segmenter, **about)
    return learned.save(folder / "t.safetensors")


def records(out):
    return {p.stem: json.loads(p.read_text()) for p in (out / RECORDS).glob("*.json")}


# ------------------------------------------------------------------------------------- the list


def test_folders_patterns_and_files_are_listed_once_in_the_order_of_their_numbers(folder):
    images = folder / "images"
    items = find_items([images, str(images / "*.png"), images / "a1.png"])
    assert [item.name for item in items] == ["a1", "a2", "a10"]
    assert find_items([f"{folder}/**/a1.png"])[0].path == str(images / "a1.png")


def test_images_of_one_name_get_names_of_their_own(folder):
    (folder / "other").mkdir()
    for name in ("A1.png", "summary.png", "b.polygons.png"):
        (folder / "other" / name).touch()
    names = [item.name for item in find_items([folder / "images", folder / "other"])]
    assert len({name.casefold() for name in names}) == 6
    assert not {"a1", "A1", "summary"} & set(names)
    assert "b_polygons" in names  # else 'b.polygons.json' would be another format
    (folder / "other" / "a10-2.png").touch()  # as --each calls the second object of a10
    names = [i.name for i in find_items([folder / "images", folder / "other"], each=True)]
    assert "a10" in names
    assert "a10-2" not in names


def test_strokes_are_found_by_name(folder):
    items = find_items([folder / "images"])
    found = find_strokes(items, folder / "strokes")
    assert [item.strokes and Path(item.strokes).name for item in found] == [
        "a1-strokes.png",
        None,
        None,
    ]
    # In one folder with the images they are no images, and no image is its own strokes.
    (folder / "strokes" / "a1-strokes.png").rename(folder / "images" / "a1-strokes.png")
    assert find_items([folder / "images"]) == items
    both = find_strokes(items, folder / "images")
    assert [bool(item.strokes) for item in both] == [True, False, False]


def test_zarr_stores_are_read(scene, tmp_path):
    zarr = pytest.importorskip("zarr", reason="zarr comes with the extra 'batch'")
    image, _, _ = scene
    store = zarr.open_group(tmp_path / "plate.zarr", mode="w")
    well = store.create_group("A/1")
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    axes = [{"name": "c", "type": "channel"}, *axes]
    change = [{"type": "scale", "scale": [1, 1, 0.5, 0.25]}]
    datasets = [{"path": "0", "coordinateTransformations": change}, {"path": "1"}]
    about = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    well.attrs.update({"ome": {"version": "0.5", **about}})
    planes = np.moveaxis(image, -1, 0)[:, None]
    well.create_array("0", data=planes)
    well.create_array("1", data=planes[:, :, ::2, ::2])
    store.create_array("plain", data=image[..., 0])
    items = find_items([tmp_path / "plate.zarr"])
    assert [item.name for item in items] == ["plate-A-1", "plate-plain"]
    assert read_spacing(tmp_path / "plate.zarr", "A/1") == ((0.5, 0.25), "um")
    assert read_spacing(tmp_path / "plate.zarr", "plain") == ((), "")
    assert np.array_equal(np.asarray(read_image(tmp_path / "plate.zarr" / "A" / "1")[0]), image)
    assert find_items([tmp_path / "plate.zarr" / "plain"])[0].inner == ""
    (tmp_path / "plate.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        find_items([tmp_path / "plate.zarr"])


# ------------------------------------------------------------------------------ one image's task


@pytest.fixture
def out(tmp_path):
    for name in (RECORDS, THUMBNAILS, WORK):
        (tmp_path / "out" / name).mkdir(parents=True)
    return tmp_path / "out"


def test_a_task_writes_results_once_and_again_if_something_changed(folder, trained, out, scene):
    item = find_items([folder / "images" / "a10.png"])[0]
    settings = BatchSettings((".png", ".zarr"), trained="x")
    first = process_item(item, settings, str(out), str(trained))
    assert (first.status, first.new) == ("done", True)
    labels = np.array(Image.open(out / "a10.png"))
    for label, mask in scene[2].items():
        assert iou(labels == label, mask[:, ::-1]) > 0.9
    written = (out / "a10.png").stat().st_mtime_ns
    assert not process_item(item, settings, str(out), str(trained)).new
    assert (out / "a10.png").stat().st_mtime_ns == written
    assert list((out / WORK).iterdir()) == [out / WORK / "a10.lock"]
    other = BatchSettings((".png", ".zarr"), trained="x", shape="star")
    assert process_item(item, other, str(out), str(trained)).new
    shutil.rmtree(out / "a10.zarr")
    assert process_item(item, other, str(out), str(trained)).new
    Path(item.path).touch()
    assert process_item(item, other, str(out), str(trained)).new


def test_a_bad_image_is_noted_down_with_its_sentence(folder, trained, out, monkeypatch):
    items = {item.name: item for item in find_items([folder / "images"])}
    settings = BatchSettings((".png",))
    broken = process_item(items["a2"], settings, str(out), str(trained))
    assert broken.status == "failed"
    assert "cannot be read as an image" in broken.error
    bare = process_item(items["a1"], settings, str(out), "")
    assert "no strokes" in bare.error
    monkeypatch.setattr("napari_isr.api.segment", lambda *_, **__: 1 / 0)
    odd = process_item(items["a10"], settings, str(out), str(trained))
    assert odd.error == "ZeroDivisionError: division by zero"
    assert "Traceback" in records(out)["a10"]["traceback"]
    assert [p.name for p in out.iterdir() if p.is_file()] == []


def test_a_session_teaches_shapes_and_names_but_no_place(folder, trained):
    learned, told = settings_from_session(folder / "s.isr")
    assert learned.object_labels == (2, 3)
    assert told["names"] == {3: "pear"}
    assert told["own_shapes"] == {2: "convex", 3: "convex"}
    kept = isr.load_session(folder / "s.isr")
    disc = kept.result.objects[2].mask
    held = isr.project(disc, "star:centre=30/25,harmonics=6")
    isr.save_session(folder / "held.isr", held, image=disc, trained=learned)
    assert settings_from_session(folder / "held.isr")[1]["own_shapes"] == {2: "star:harmonics=6"}
    isr.save_session(folder / "bare.isr", held, image=disc)
    with pytest.raises(InputError, match="no predictor for other images"):
        settings_from_session(folder / "bare.isr")


# -------------------------------------------------------------------------------- the whole thing


def test_batch_goes_on_where_it_stopped_and_tells_what_failed(folder, trained, capfd):
    pytest.importorskip("distributed", reason="dask comes with the extra 'batch'")
    run = "batch", folder / "images", "--session", folder / "s.isr", "--out", folder / "out"
    assert cli(*run, "-f", "png", "-f", "csv", "--workers", "1", "--shape", "3=star") == 1
    said = capfd.readouterr()
    assert "2 of 3 images are done, 1 failed" in said.out
    assert "a2: the file" in said.err
    assert "3/3" in said.err  # the bar
    out = folder / "out"
    found = records(out)
    assert {name: r["status"] for name, r in found.items()} == {
        "a1": "done",
        "a2": "failed",
        "a10": "done",
    }
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [
            "a1.csv",
            "a1.png",
            "a10.csv",
            "a10.png",
            RECORDS,
            "report.html",
            "summary.csv",
            THUMBNAILS,
        ]
    )
    with (out / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["name"], line["object_name"], line["shape"]) for line in lines] == [
        ("a1", "", "convex"),
        ("a1", "pear", "star"),
        ("a2", "", ""),
        ("a10", "", "convex"),
        ("a10", "pear", "star"),
    ]
    assert lines[0]["certificate"] == "True"
    page = (out / "report.html").read_text()
    assert page.count("<article") == 3
    assert "2 of 3 images done, 1 failed" in page
    # The broken one is mended: nothing but it is worked on.
    before = (out / RECORDS / "a1.json").stat().st_mtime_ns
    (folder / "images" / "a2.png").write_bytes((folder / "images" / "a1.png").read_bytes())
    options = {"session": folder / "s.isr", "workers": 1, "own_shapes": {3: "star"}}
    again = isr.run_batch(folder / "images", out, formats=["png", "csv"], **options)
    assert (again.new, again.message) == (1, "3 of 3 images are done")
    assert (out / RECORDS / "a1.json").stat().st_mtime_ns == before
    # Now there is nothing to do, and no cluster is started for it.
    options["scheduler"] = "tcp://nowhere"
    assert isr.run_batch(folder / "images", out, formats=["png", "csv"], **options).new == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "does not exist"),
        (["{0}/*.bmp"], "fits no image"),
        (["{0}/strokes/.."], "holds no image"),
        (["{0}/images"], "nothing to learn from"),
        (["{0}/images", "--strokes", "{0}/nowhere"], "does not exist"),
        (["{0}/images/a10.png", "--strokes", "{0}/strokes"], "named after an image"),
        (["{0}/images", "--session", "{0}/strokes/a1-strokes.png"], "a1-strokes.png"),
        (["{0}/images", "--session", "s", "--trained", "t"], "choose one"),
        (["{0}/images", "--workers", "2", "--scheduler", "tcp://x:1"], "its own workers"),
        (["{0}/images", "--strokes", "{0}/strokes", "-f", "xyz"], "no known ending"),
        (["{0}/images", "--strokes", "{0}/strokes", "--out", "{0}/images"], "another one"),
        (["{0}/images", "--strokes", "{0}/strokes", "--out", "{0}/a.txt/x"], "written to"),
        (["{0}/images", "--shape", "convx"], "did you mean 'convex'"),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, sentence, capsys):
    (folder / "a.txt").touch()
    arguments = [a.format(folder) for a in arguments]
    if "--out" not in arguments:
        arguments += ["--out", folder / "out"]
    assert cli("batch", *arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_scheduler_that_does_not_answer_is_one_sentence(folder, trained, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="dask comes with the extra 'batch'")
    monkeypatch.setattr("napari_isr.batch.dask_client.CONNECT_TIMEOUT_S", 0.5)
    options = "--scheduler", "tcp://127.0.0.1:9", "--trained", trained, "--out", folder / "out"
    assert cli("batch", folder / "images", *options) == 2
    assert "does not answer" in capsys.readouterr().err


def test_two_batches_do_not_write_to_one_folder(folder, trained):
    pytest.importorskip("distributed", reason="dask comes with the extra 'batch'")
    from filelock import FileLock

    (folder / "out" / WORK).mkdir(parents=True)
    with (
        FileLock(folder / "out" / WORK / "batch.lock"),
        pytest.raises(InputError, match="another batch"),
    ):
        isr.run_batch(folder / "images", folder / "out", trained=trained)


def test_without_dask_there_is_one_sentence(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'napari-isr\[batch\]'"):
        isr.run_batch(folder / "images", folder / "out")


def test_formats_are_endings_with_or_without_a_dot():
    assert check_formats(["png", ".OME.tif", "png"]) == (".png", ".ome.tif")
    with pytest.raises(InputError, match="no format"):
        check_formats([])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (None, "its workers died 3 times: it may need more memory than they have"),
        (OSError(28, "No space left on device"), "could not be written: No space left on device"),
        (ValueError("a bug"), "ValueError: a bug"),
    ],
)
def test_dead_workers_are_told_apart_from_what_a_task_raised(tmp_path, error, says):
    distributed = pytest.importorskip("distributed", reason="dask comes with the extra 'batch'")
    (tmp_path / RECORDS).mkdir()
    item, settings = BatchItem("cup", "cup.png"), BatchSettings((".png",))
    outcome = _record_lost_task(item, (settings, str(tmp_path), ""), error)
    assert outcome.status == "failed"
    assert says in outcome.error
    assert json.loads((tmp_path / RECORDS / "cup.json").read_text())["error"] == outcome.error
    assert _is_worker_death(distributed.KilledWorker("cup", None, 3))
    assert _is_worker_death(error) == (error is None)


def test_a_page_shows_names_as_text_and_not_as_markup():
    record = {
        "name": "<b>&x",
        "image": '"/>',
        "status": "failed",
        "error": "<script>",
        "files": {},
    }
    page = report_page([record])
    card = page[page.index("<article") : page.index("</article>")]
    assert "<b>" not in card
    assert "<script>" not in card
    assert "%3Cb%3E%26x.json" in card


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [[], ["--separate"]], ids=["local", "separate"])
def test_killed_workers_and_a_killed_program_lose_nothing(cluster):
    """The full numbers are those of benchmarks/batch.py without options."""
    program = Path(__file__).parents[2] / "benchmarks" / "batch.py"
    options = "--images", "60", "--kills", "5", "--compared", "10"
    done = subprocess.run(
        [sys.executable, program, *options, *cluster],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is right" in done.stdout


def test_a_cluster_that_is_lost_is_one_sentence():
    def outcomes():
        yield 1
        raise OSError("Timed out trying to connect\nand so on")

    found = raise_if_disconnected(outcomes())
    assert next(found) == 1
    with pytest.raises(InputError, match=r"lost \(Timed out trying to connect\)"):
        next(found)
