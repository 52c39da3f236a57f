"""Files and programs of version 0.1 (commit 90e4b3d) still open, run and give the same masks.

The stored files lie in ``data``. ``tools/compatibility_fixtures.py`` wrote them once, with that
version. The tests use public names only, in the spelling of that version. Names and expressions of
its documentation stand in strings, so that no tool that renames identifiers changes them.
"""

import ast
import json
import shlex
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import napari_isr as isr
from napari_isr.cli import main

from . import cases

DATA = cases.DATA
INPUTS = dict(np.load(DATA / "inputs.npz"))
MASKS = dict(np.load(DATA / "masks.npz"))
SIZES = json.loads((DATA / "masks.json").read_text())
SESSIONS = json.loads((DATA / "sessions.json").read_text())
STORED_ENVIRONMENT = json.loads((DATA / "environment.json").read_text())

# Other releases of the libraries and processors with other instructions sum in another order, after
# which a fit may end on other last digits. There, most of each mask has to agree.
SAME_ENVIRONMENT = cases.environment() == STORED_ENVIRONMENT["libraries"]
LEAST_OVERLAP = 0.9


def read_snapshot(folder, image):
    """Read the newest autosaved snapshot of an image: the one place that names its reader."""
    from napari_isr.io.session import SnapshotStore, image_key

    return SnapshotStore(folder).latest(image_key(image))


def stored_mask(name):
    shape, digest = SIZES[name]
    mask = np.unpackbits(MASKS[name], count=int(np.prod(shape))).reshape(shape).astype(bool)
    assert cases.digest(mask) == digest, "the stored file is damaged"
    return mask


def overlap(one, two):
    union = (one | two).sum()
    return (one & two).sum() / union if union else 1.0


def check_fitted(name, mask):
    """Compare a mask that was fitted now."""
    expected = stored_mask(name)
    assert mask.dtype == bool
    if SAME_ENVIRONMENT:
        np.testing.assert_array_equal(mask, expected)
    else:
        assert mask.shape == expected.shape
        assert overlap(mask, expected) >= LEAST_OVERLAP


def check_labels(labels, expected):
    if SAME_ENVIRONMENT:
        np.testing.assert_array_equal(labels, expected)
        return
    assert labels.shape == expected.shape
    for label in np.union1d(labels, expected):
        assert overlap(labels == label, expected == label) >= LEAST_OVERLAP


def require_features(name, result):
    """Skip the test if the installed weights give other features than those that were there."""
    if result.report()["features"] != STORED_ENVIRONMENT["features"][name]:
        pytest.skip("the weights of other features are installed")


# --------------------------------------------------------------------------- masks of one seed

CALLS = {**dict(cases.projections(isr, INPUTS)), **dict(cases.segmentations(isr, INPUTS))}


@pytest.mark.parametrize("name", CALLS)
def test_one_seed_gives_the_same_mask(name):
    result = CALLS[name]()
    require_features(name, result)
    found = cases.masks_of(name, result)
    assert found.keys() == {key for key in SIZES if key.partition("#")[0] == name}
    for key, mask in found.items():
        check_fitted(key, mask)


def test_every_shape_is_compared():
    # A shape that came later has nothing stored; none of version 0.1 may be gone.
    assert set(cases.SHAPES) <= set(isr.shape_names())
    families = {name.partition("/")[2].partition(":")[0] for name in CALLS}
    assert set(cases.SHAPES) <= families


# ------------------------------------------------------------------------------------ sessions


@pytest.fixture(scope="module")
def sessions():
    return {name: isr.load_session(DATA / "sessions" / f"{name}.isr") for name in SESSIONS}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_gives_the_stored_masks(name, sessions):
    result = sessions[name].result
    prefix = f"session/{name}#"
    labels = {int(k[len(prefix) :].split("@")[0]) for k in SIZES if k.startswith(prefix)}
    assert labels == set(result.objects)
    for label, item in result.objects.items():
        np.testing.assert_array_equal(item.mask, stored_mask(f"{prefix}{label}"))
        scale = 2 if item.mask.ndim == 2 else (2, 1, 1)
        # Evaluated anew, from the weights, so that other instructions may move a pixel.
        again, expected = item.render(scale=scale), stored_mask(f"{prefix}{label}@scaled")
        if SAME_ENVIRONMENT:
            np.testing.assert_array_equal(again, expected)
        assert overlap(again, expected) > 0.99
        likely = item.probability >= 0.5
        np.testing.assert_array_equal(likely, stored_mask(f"{prefix}{label}@probability"))


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_gives_the_stored_settings(name, sessions):
    kept, expected = sessions[name], SESSIONS[name]
    assert {str(label): text for label, text in kept.names.items()} == expected["names"]
    assert list(kept.spacing) == expected["spacing"]
    assert kept.unit == expected["unit"]
    assert kept.axes == expected["axes"]
    assert (kept.pixels is not None) == expected["embedded"]
    assert (kept.trained is not None) == expected["trained"]
    assert kept.lost == ""
    settings = dict(kept.snapshot.settings)
    assert {key: settings.get(key) for key in expected["settings"]} == expected["settings"]
    strokes = getattr(kept, "strokes")  # noqa: B009  # the documented spelling
    if expected["strokes"] is None:
        assert strokes is None
    else:
        found = cases.digest(np.stack([strokes == label for label in range(8)]))
        assert found == expected["strokes"]


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_gives_the_stored_report(name, sessions):
    # As ``report.json`` holds it, with lists and with keys that are texts.
    report = json.loads(json.dumps(sessions[name].result.report()))["objects"]
    assert report.keys() == SESSIONS[name]["objects"].keys()
    for label, expected in SESSIONS[name]["objects"].items():
        item = report[label]
        certificate = item["certificate"]
        assert item["shape"] == expected["shape"]
        assert certificate["property"] == expected["property"]
        assert certificate["holds"] == expected["holds"]
        assert certificate.get("space") == expected["space"]
        assert item["objective"] == pytest.approx(expected["objective"], nan_ok=True)
        assert item["iou_predictor"] == pytest.approx(expected["iou_predictor"], abs=1e-3)
        check_values(item.get("parameters", {}), expected.get("parameters", {}))


def check_values(found, expected):
    """Compare numbers in nested mappings and lists; whole structures have to agree."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            check_values(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_values(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3, nan_ok=True)
    else:
        assert found == expected


def test_the_embedded_image_is_the_one_that_was_segmented(sessions):
    np.testing.assert_array_equal(sessions["objects"].image(), INPUTS["image"])
    np.testing.assert_array_equal(sessions["sequence"].image(), INPUTS["film"])


def test_masks_from_another_program_are_still_in_the_session(sessions):
    snapshot = sessions["depth"].snapshot
    (mask,) = getattr(snapshot, "given").values()  # noqa: B009
    np.testing.assert_array_equal(mask, INPUTS["given"])


def test_a_session_that_is_saved_again_gives_the_stored_masks(sessions, tmp_path):
    for name, kept in sessions.items():
        again = isr.load_session(kept.save(tmp_path / f"{name}.isr"))
        for label, item in again.result.objects.items():
            np.testing.assert_array_equal(item.mask, stored_mask(f"session/{name}#{label}"))


def test_a_segmenter_goes_on_from_a_session(sessions):
    segmenter = sessions["objects"].segmenter()
    before = segmenter.result.labels()
    shapes = {2: "star+rotational:order=5,centre=30/25", 3: "convex:pieces=20"}
    for _ in segmenter.run(INPUTS["scribbles"], shapes):
        pass
    after = segmenter.result.labels()
    for label in (2, 3):
        assert overlap(before == label, after == label) > 0.95


def test_the_command_line_exports_a_session(tmp_path):
    out = tmp_path / "mask.png"
    assert run("export", DATA / "sessions" / "objects.isr", "-o", out) == 0
    labels = np.asarray(Image.open(out))
    np.testing.assert_array_equal(labels == 3, stored_mask("session/objects#3"))


# -------------------------------------------------------------------------- trained predictors


@pytest.mark.parametrize("name", ["linear", "fcn", "cnn", "unet", "auto"])
def test_a_trained_predictor_gives_the_same_probabilities(name):
    trained = getattr(isr, "Trained").load(DATA / "trained" / f"{name}.safetensors")  # noqa: B009
    assert trained.objects == (2, 3)
    image = np.ascontiguousarray(INPUTS["image"][:, ::-1])
    result = isr.segment(image, shape="convex", trained=trained)
    require_features(f"trained/{name}", result)
    with np.load(DATA / "probabilities.npz") as stored:
        for label, item in result.objects.items():
            expected = stored[f"{name}#{label}"]
            assert item.probability.dtype == np.float32
            if SAME_ENVIRONMENT:
                np.testing.assert_array_equal(item.probability, expected)
            np.testing.assert_allclose(item.probability, expected, atol=0.02)
            check_fitted(f"trained/{name}#{label}", item.mask)


# ---------------------------------------------------------------------------- copied programs


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the files that copied programs name."""
    monkeypatch.chdir(tmp_path)
    np.save("picture.npy", INPUTS["image"])
    np.save("depth.npy", INPUTS["depth"])
    np.save("film.npy", INPUTS["film"])
    np.save("film-strokes.npy", INPUTS["film_scribbles"])
    Image.fromarray(INPUTS["scribbles"]).save("strokes.png")
    Image.fromarray(INPUTS["given"].astype(np.uint8)).save("mask.png")
    shutil.copy(DATA / "trained" / "linear.safetensors", "trained.safetensors")
    return tmp_path


def run(*words):
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    # The command line chooses the number of threads for itself.
    torch.set_num_threads(1)
    return end.value.code


def check_output(name):
    output = "mask.npy" if name == "sequence" else "mask-out.png"
    with np.load(DATA / "labels.npz") as stored:
        check_labels(np.asarray(isr.read_array(output)), stored[name])


@pytest.mark.parametrize("name", cases.COPIES)
def test_a_copied_program_gives_the_same_mask(name, place, capsys):
    program = (DATA / "copied" / f"{name}.program.txt").read_text()
    exec(compile(program, name, "exec"), {})
    assert "by construction" in capsys.readouterr().out
    check_output(name)


@pytest.mark.parametrize("name", cases.COPIES)
def test_a_copied_line_gives_the_same_mask(name, place):
    line = (DATA / "copied" / f"{name}.command.txt").read_text()
    program, *words = shlex.split(line)
    assert program == "napari-isr"
    assert run(*words) == 0
    check_output(name)


# ----------------------------------------------------------------------------------- autosave


def test_an_autosaved_snapshot_comes_back(tmp_path):
    # Reading takes locks, which writes to the folder.
    shutil.copytree(DATA / "autosave", tmp_path / "autosave")
    snapshot = read_snapshot(tmp_path / "autosave", INPUTS["image"])
    record = json.loads(next(DATA.glob("autosave/images/*/*/*.json")).read_text())["content"]
    assert dict(snapshot.settings) == record["settings"]
    assert snapshot.settings["own_shapes"] == {"3": "convex:pieces=20"}
    assert snapshot.image.name == "fruit"
    found = getattr(snapshot, "strokes")  # noqa: B009
    np.testing.assert_array_equal(found, INPUTS["scribbles"])
    np.testing.assert_array_equal(getattr(snapshot, "given")[4], INPUTS["given"])  # noqa: B009
    assert {label: shape.spec for label, shape in snapshot.shapes.items()} == {
        2: "star",
        3: "convex:pieces=20",
    }


# ------------------------------------------------------------------------ names that are shown


PUBLIC = [
    "Certificate",
    "Coordinate",
    "Frame",
    "InputError",
    "ObjectResult",
    "Result",
    "Segmenter",
    "Session",
    "ShapeRegularizer",
    "ShapeSpec",
    "Strokes",
    "Trained",
    "Update",
    "load_sample",
    "load_session",
    "project",
    "read_array",
    "read_image",
    "read_probability",
    "read_strokes",
    "run_batch",
    "save_session",
    "segment",
    "shape_names",
    "write",
    "__version__",
]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there(name):
    assert getattr(isr, name) is not None


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The names that the expressions below use, as README and documentation use them."""
    image, scribbles = INPUTS["image"], INPUTS["one_object"]
    segmenter = isr.Segmenter(image, **cases.QUICK)
    for _ in segmenter.run(scribbles, "convex"):
        pass
    result = segmenter.result
    film = isr.project(INPUTS["moving"], "convex", axes="tyx")
    ball = isr.project(INPUTS["ball"], "convex", axes="zyx", spacing=(2, 1, 1))
    return {
        "np": np,
        "isr": isr,
        "image": image,
        "scribbles": scribbles,
        "depth": INPUTS["depth"],
        "segmenter": segmenter,
        "trained": segmenter.trained(),
        "r": result,
        "o": result.objects[2],
        "film": film.objects[2],
        "ball": ball.objects[2],
        "star": isr.project(INPUTS["probability"], "star:centre=30/42"),
        "mirror": isr.project(INPUTS["probability"], "mirror:axis=30/42/90"),
        "kept": isr.load_session(DATA / "sessions" / "objects.isr"),
        "folder": tmp_path_factory.mktemp("shown"),
    }


SENTENCE = "convex by construction, and all 3 checks of the result hold"
EXPRESSIONS = {
    "o.mask.dtype == bool and o.mask.shape == (64, 80)": True,
    "o.probability.dtype == np.float32": True,
    "[c.shape[1] for c in o.contours()]": [2],
    "o.render(scale=4).shape": (256, 320),
    "o.render(2).shape": (128, 160),
    "o.render(shape=(32, 40)).shape": (32, 40),
    "o.certificate.holds": True,
    "o.certificate.sentence": SENTENCE,
    "o.certificate.property": "convex",
    "o.certificate.by_construction is not None": True,
    "len(o.certificate.checked)": 3,
    "o.certificate.checked[0].holds": True,
    "o.certificate.checked[0].value <= o.certificate.checked[0].limit": True,
    "isinstance(o.certificate.checked[0].name, str)": True,
    "o.certificate.space is None": True,
    "sorted(o.certificate.to_dict())": [
        "by_construction",
        "checked",
        "holds",
        "property",
        "sentence",
    ],
    "isinstance(o.certificate, isr.Certificate)": True,
    "isinstance(r, isr.Result) and isinstance(o, isr.ObjectResult)": True,
    "o.label": 2,
    "o.shape_name": "convex",
    "o.shape is not None": True,
    "o.frame.shape": (64, 80),
    "isinstance(o.frame, isr.Frame)": True,
    "bool(o.logit([[30, 25]])[0] > 0 > o.logit([[2.0, 70.0]])[0])": True,
    "o.area == o.mask.sum()": True,
    "0.5 < o.iou_predictor <= 1": True,
    "o.objective is not None": True,
    "isinstance(o.seconds['projection'], float)": True,
    "o.conflict is None": True,
    "len(o.predictor_contours()) > 0": True,
    "sorted(o.to_dict()) >= ['area', 'certificate']": True,
    "o.uncertainty.shape": (64, 80),
    "r.mask is o.mask and r.certificate.holds": True,
    "r.render(scale=2).shape": (128, 160),
    "sorted(r.objects)": [2],
    "sorted(np.unique(r.labels()).tolist())": [0, 2],
    "r.labels(2).shape": (128, 160),
    "r.uncertainty.dtype == np.float32": True,
    "len(r.next_stroke.point)": 2,
    "r.next_stroke.sentence.startswith('the next stroke of object 2')": True,
    "r.next_stroke.label": 2,
    "0 < r.next_stroke.score <= 1": True,
    "sorted(r.next_stroke.to_dict())": ["point", "score", "sentence"],
    "o.next_stroke.label": 2,
    "sorted(r.report())": ["device", "features", "objects", "seed", "versions"],
    "r.report()['objects']['2']['certificate']['holds']": True,
    "(r.device, r.seed)": ("cpu", 0),
    "r.sources['rgb']": "CIE L*a*b*",
    "star.parameters['centre']": pytest.approx([30, 42], abs=0.1),
    "sorted(mirror.parameters)": ["axis_degrees", "axis_point"],
    "film.super_resolve(6).shape": (30, 32, 40),
    "np.array_equal(film.super_resolve(6), film.render(scale=(6, 1, 1)))": True,
    "film.frames_empty": [],
    "len(film.contours(plane=(3.5, None, None)))": 1,
    "ball.volume == 2 * ball.mask.sum()": True,
    "[part.shape[1] for part in ball.surface()]": [3, 3],
    "trained.objects": (2,),
    "trained.predictor": "linear",
    "trained.features": ("rgb",),
    "isinstance(trained, isr.Trained)": True,
    "isr.Trained.load(trained.save(folder / 'a.safetensors')).objects": (2,),
    "segmenter.result is r": True,
    "segmenter.mode": "sequential",
    "(segmenter.predictor_name, segmenter.features_name)": ("linear", ("rgb",)),
    "segmenter.objects(isr.Strokes.read(scribbles))": (2,),
    "isr.Strokes.read(scribbles).objects": (2,),
    "isr.Strokes.read(scribbles).shape": (64, 80),
    "isr.Strokes.none((64, 80)).objects": (),
    "isr.Strokes.from_lines((64, 80), {2: [[(30, 20), (30, 30)]]}).objects": (2,),
    "isr.Coordinate(depth, weight=2, unit='m').unit": "m",
    "isr.Frame((64, 80), spacing=(0.5, 0.5)).ndim": 2,
    "str(isr.ShapeSpec.parse('convex:pieces=24'))": "convex:pieces=24",
    "isr.ShapeSpec.parse('star:centre=120/88').options.centre": (120.0, 88.0),
    "str(isr.ShapeSpec.parse('rotational+star'))": "star+rotational",
    "float(isr.ShapeRegularizer('convex')(__import__('torch').zeros(1, 1, 8, 8))) >= 0": True,
    "isinstance(kept, isr.Session) and kept.result.objects[2].certificate.holds": True,
    "kept.strokes.max()": 3,
    "kept.names[2]": "apple",
    "(kept.spacing, kept.unit, kept.lost)": ((0.5, 0.5), "um", ""),
    "kept.segmenter().result.objects.keys() == kept.result.objects.keys()": True,
    "kept.learned().objects": (2, 3),
    "kept.image().shape": (64, 80, 3),
    "issubclass(isr.InputError, ValueError)": True,
    "__import__('napari_isr.errors').errors.InputError is isr.InputError": True,
    "callable(__import__('napari_isr.masks').masks.project_labels)": True,
    "callable(__import__('napari_isr.reading').reading.read_scribbles)": True,
    "callable(__import__('napari_isr.export').export.write_labels)": True,
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_of_the_documentation_has_its_value(expression, shown):
    assert eval(expression, dict(shown)) == EXPRESSIONS[expression]


OPTIONS = (
    "star:centre=30/42",
    "mirror:axis=30/42/90",
    "rotational:order=6,centre=30/42",
    "convex+rotational:centre=30/42",
    "star+mirror:axis=30/42/90",
    "star+mirror:centre=30/42,harmonics=12",
    "star+rotational:centre=30/42,order=5,harmonics=12",
    "periodic:lattice=0/16/16/0,harmonics=3",
    "periodic:perspective=true",
    "mirror:knots=11",
    "rotational:rings=7",
    "connected:levels=6,pieces=10",
    "convex:depth=2,width=8",
    "convex:over_time=frames",
)


@pytest.mark.parametrize("text", OPTIONS)
def test_an_option_of_version_0_1_is_read(text):
    spec = isr.ShapeSpec.parse(text)
    assert spec == isr.ShapeSpec.parse(str(spec))
    _name, _, options = text.partition(":")
    for option in options.split(","):
        key, _, value = option.partition("=")
        found = spec.over_time if key == "over_time" else getattr(spec.options, key)
        numbers = [float(x) for x in value.split("/")] if value[0].isdigit() else value
        if isinstance(found, tuple):
            assert list(found) == numbers
        elif isinstance(numbers, list):
            assert [float(found)] == numbers
        else:
            assert str(found).lower() == value


# large.md opens a file of gigabytes, batch.md starts processes, masks.md is about a layer, and
# periodic.md needs a pattern seen at an angle.
DOCUMENTED = [
    "README",
    "beyond-the-plane",
    "connected",
    "convex",
    "export",
    "mirror",
    "none",
    "python",
    "quickstart",
    "rotational",
    "sessions",
    "star",
    "sums",
]


@pytest.mark.parametrize("page", DOCUMENTED)
def test_the_python_of_a_page_of_version_0_1_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # So much noise that something is left to ask: ``r.next_stroke`` is None where all is clear.
    noise = np.random.default_rng(0).normal(0, 60, INPUTS["image"].shape)
    image = np.clip(INPUTS["image"] + noise, 0, 255).astype(np.uint8)
    scribbles = INPUTS["one_object"]
    result = isr.segment(image, scribbles, **cases.QUICK)
    for name, labels in (("strokes.png", scribbles), ("mask.png", result.mask)):
        Image.fromarray(labels.astype(np.uint8)).save(name)
    Image.fromarray(image).save("cup.png")
    np.save("depth.npy", INPUTS["depth"])
    names = {
        "isr": isr,
        "np": np,
        "image": image,
        "first_image": image,
        "second_image": image[:, ::-1].copy(),
        "room": image,
        "scribbles": scribbles.copy(),
        "result": result,
        "depth": INPUTS["depth"],
        "probabilities": INPUTS["probability"],
        "sam_mask": INPUTS["given"],
    }
    text = (DATA / "documented" / f"{page}.txt").read_text()
    for node in ast.parse(text).body:
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        # The pages call the strokes of an image, of a sequence and of a volume by one name.
        names |= next((arrays for name, arrays in STACKS.items() if name in used), PLANE)
        exec(compile(ast.Module([node], []), page, "exec"), names)


VOLUME_SCRIBBLES = INPUTS["volume_scribbles"].copy()
VOLUME_SCRIBBLES[5, 6:8, 12:15] = 3
PLANE = {"strokes": INPUTS["one_object"]}
STACKS = {
    "film": {"film": INPUTS["film"], "strokes": INPUTS["film_scribbles"]},
    "volume": {"volume": INPUTS["volume"], "strokes": VOLUME_SCRIBBLES},
}
