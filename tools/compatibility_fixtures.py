"""Store the files and masks that version 0.1 writes, for the tests of later versions.

    PYTHONPATH=CHECKOUT_OF_90e4b3d python tools/compatibility_fixtures.py [FOLDER]

FOLDER is ``tests/compatibility/data`` if none is given. The program runs once only, with the
version whose files are to be stored, and writes nothing if FOLDER is already there. Commit 90e4b3d
gave the same masks in separate processes with one thread; with two threads one mask differed by
three pixels, so programs and tests that compare bit by bit use one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image

import napari_isr as isr

HERE = Path(__file__).resolve().parents[1]


def load_cases():
    """Load the list of calls that the tests share."""
    path = HERE / "tests" / "compatibility" / "cases.py"
    spec = importlib.util.spec_from_file_location("compatibility_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = load_cases()


def disc(shape, centre, radius):
    """Return the mask of a disc or ball."""
    grid = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def make_inputs():
    """Make all arrays that go in."""
    rng = np.random.default_rng(0)
    size = (64, 80)

    def blur(mask, noise=0.15):
        values = np.where(mask, 0.8, 0.2) + rng.normal(0, noise, mask.shape)
        return np.clip(values, 0, 1).astype(np.float32)

    def gray(mask, low=70, high=180):
        values = np.where(mask, high, low) + rng.normal(0, 6, mask.shape)
        return np.clip(values, 0, 255).astype(np.uint8)

    red, blue = disc(size, (30, 25), 16), disc(size, (32, 60), 13)
    image = np.full((*size, 3), 90.0)
    image[red], image[blue] = (200, 60, 50), (50, 70, 200)
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    scribbles = np.zeros(size, np.uint8)
    scribbles[3:6, 5:75] = scribbles[58:61, 5:75] = 1
    scribbles[28:31, 15:35], scribbles[31:34, 53:67] = 2, 3

    row, column = np.mgrid[: size[0], : size[1]]
    angle = np.arctan2(row - 30, column - 42)
    flower = np.hypot(row - 30, column - 42) <= 17 + 5 * np.cos(5 * angle)
    flower[20:27, :60] = False
    pegs = np.hypot((row - 8) % 16 - 8, (column - 8) % 16 - 8) < 5
    peg_scribbles = np.zeros(size, np.uint8)
    peg_scribbles[31:34, 46:50] = peg_scribbles[15:18, 30:34] = 2
    peg_scribbles[24, 5:75] = 1

    inside = disc((10, 24, 28), (5, 12, 13), 7)
    volume_scribbles = np.zeros(inside.shape, np.uint8)
    volume_scribbles[[2, 5, 8], 1:3, 2:26] = 1
    volume_scribbles[5, 11:14, 9:18] = 2
    moving = np.stack([disc((32, 40), (16, 12 + 4 * t), 8) for t in range(5)])
    film_scribbles = np.zeros(moving.shape, np.uint8)
    film_scribbles[[0, 4], 1:3, 2:38] = film_scribbles[[0, 4], 29:31, 2:38] = 1
    film_scribbles[0, 15:18, 8:16], film_scribbles[4, 15:18, 24:32] = 2, 2
    return {
        "image": image,
        "scribbles": scribbles,
        "one_object": np.where(scribbles == 3, 0, scribbles),
        "probability": blur(flower),
        "pegs": blur(pegs),
        "peg_image": gray(pegs),
        "peg_scribbles": peg_scribbles,
        "depth": (np.hypot(row - 30, column - 25) / 8 + 0.02 * row).astype(np.float32),
        "given": np.ascontiguousarray(red[:, ::-1]),
        "ball": blur(inside),
        "volume": gray(inside),
        "volume_scribbles": volume_scribbles,
        "moving": blur(moving),
        "film": gray(moving),
        "film_scribbles": film_scribbles,
    }


def write_json(path, value):
    """Write JSON that people can read."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def run_segmenter(image, scribbles, shape, given=None, **options):
    """Run a segmenter once and return it."""
    segmenter = isr.Segmenter(image, **options)
    for _ in segmenter.run(scribbles, shape, given):
        pass
    return segmenter


def write_sessions(folder, inputs):
    """Write the sessions and return the masks and the settings that have to be found in them."""
    masks, expected = {}, {}
    image, scribbles = inputs["image"], inputs["scribbles"]
    film, film_scribbles = inputs["film"], inputs["film_scribbles"]

    def keep(name, source, **more):
        isr.save_session(folder / f"{name}.isr", source, **more)
        kept = isr.load_session(folder / f"{name}.isr")
        result = kept.result
        for label, item in result.objects.items():
            masks[f"{name}#{label}"] = item.mask
            scale = SCALES[len(item.mask.shape)]
            masks[f"{name}#{label}@scaled"] = item.render(scale=scale)
            masks[f"{name}#{label}@probability"] = item.probability >= 0.5
        report = result.report()["objects"]
        keys = ("shape", "parameters", "iou_predictor", "objective")
        expected[name] = {
            "names": {str(label): text for label, text in kept.names.items()},
            "spacing": list(kept.spacing),
            "unit": kept.unit,
            "axes": kept.axes,
            "embedded": kept.pixels is not None,
            "trained": kept.trained is not None,
            "strokes": None if kept.strokes is None else more_strokes(kept.strokes),
            "settings": dict(kept.snapshot.settings),
            "objects": {
                label: {
                    **{key: item[key] for key in keys if key in item},
                    "holds": item["certificate"]["holds"],
                    "property": item["certificate"]["property"],
                    "space": item["certificate"].get("space"),
                }
                for label, item in report.items()
            },
        }

    quick = cases.QUICK
    two = run_segmenter(
        image,
        scribbles,
        {2: "star+rotational:order=5,centre=30/25", 3: "convex:pieces=20"},
        spacing=(0.5, 0.5),
        **quick,
    )
    keep(
        "objects",
        two,
        scribbles=scribbles,
        names={2: "apple", 3: "Blaubeere"},
        unit="um",
        trained=two.trained(),
        embed=True,
    )
    sequence = isr.segment(film, film_scribbles, "convex", axes="tyx", per_frame=True, **quick)
    keep(
        "sequence",
        sequence,
        image=film,
        scribbles=film_scribbles,
        axes="tyx",
        settings={"shape": "convex", "axes": "t", "per_frame": True, **quick},
        embed=True,
    )
    deep = isr.segment(
        image,
        inputs["one_object"],
        {2: "convex", 4: "star"},
        given={4: inputs["given"]},
        coordinates={"depth": inputs["depth"]},
        **quick,
    )
    keep(
        "depth",
        deep,
        image=image,
        scribbles=inputs["one_object"],
        given={4: inputs["given"]},
        settings={"own_shapes": {"4": "star"}, **quick},
        embed=True,
    )
    # Every family's weights, in the plane, in space and along time.
    given, shapes = {}, {}
    specs = (*cases.SHAPES[1:], "convex:depth=2,width=8", "periodic:perspective=true")
    for label, spec in enumerate(specs, 2):
        given[label], shapes[label] = inputs[cases.shape_pattern(spec)], spec
    keep("shapes-yx", isr.segment(image, None, shapes, given=given), image=image)
    specs = ("convex", "star", "mirror", "connected:levels=3", "convex+mirror", "star+mirror")
    space = dict(enumerate(specs, 2))
    result = isr.segment(
        inputs["volume"], None, space, given=dict.fromkeys(space, inputs["ball"]), axes="zyx"
    )
    keep("shapes-zyx", result, image=inputs["volume"], axes="zyx")
    specs = ("convex", "star", "mirror:axis=16/20/0", "connected:levels=3", "star+mirror")
    time = dict(enumerate(specs, 2))
    result = isr.segment(film, None, time, given=dict.fromkeys(time, inputs["moving"]), axes="tyx")
    keep("shapes-tyx", result, image=film, axes="tyx")
    return masks, expected


SCALES = {2: 2, 3: (2, 1, 1)}


def more_strokes(strokes):
    """Return a digest of a label array."""
    return cases.digest(np.stack([strokes == label for label in range(8)]))


def write_trained(folder, inputs, sources):
    """Write the predictors that can be transferred; return their masks and probabilities."""
    masks, probabilities = {}, {}
    for predictor, features in (
        ("linear", "rgb,texture"),
        ("fcn", "rgb"),
        ("cnn", "rgb"),
        ("unet", "rgb"),
        ("auto", "auto"),
    ):
        segmenter = run_segmenter(
            inputs["image"], inputs["scribbles"], "none", predictor=predictor, features=features
        )
        path = folder / f"{predictor}.safetensors"
        segmenter.trained().save(path)
        other = np.ascontiguousarray(inputs["image"][:, ::-1])
        result = isr.segment(other, shape="convex", trained=isr.Trained.load(path))
        sources[f"trained/{predictor}"] = result.report()["features"]
        for label, item in result.objects.items():
            masks[f"{predictor}#{label}"] = item.mask
            probabilities[f"{predictor}#{label}"] = item.probability
    return masks, probabilities


def write_copies(folder, inputs, trained):
    """Write the copied programs and lines, run the programs, and return what they wrote."""
    from napari_isr.recipe import Recipe

    masks = {}
    for name, settings in cases.COPIES.items():
        stack = "axes" in settings
        files = ("film.npy", "film-strokes.npy") if stack else ("picture.npy", "strokes.png")
        output = "mask.npy" if stack else "mask-out.png"
        program = Recipe(*files, **settings, output=output).python()
        line = Recipe(*files, **settings, output=output).command()
        (folder / f"{name}.program.txt").write_text(program, encoding="utf-8")
        (folder / f"{name}.command.txt").write_text(line + "\n", encoding="utf-8")
        masks[name] = run_program(program, output, inputs, trained)
    return masks


def run_program(program, output, inputs, trained):
    """Run a copied program in a folder of its own and return the labels that it writes."""
    import tempfile

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            np.save("picture.npy", inputs["image"])
            np.save("depth.npy", inputs["depth"])
            np.save("film.npy", inputs["film"])
            np.save("film-strokes.npy", inputs["film_scribbles"])
            Image.fromarray(inputs["scribbles"]).save("strokes.png")
            Image.fromarray(inputs["given"].astype(np.uint8)).save("mask.png")
            Path("trained.safetensors").write_bytes(trained.read_bytes())
            exec(compile(program, "program", "exec"), {})
            return np.asarray(isr.read_array(output))
        finally:
            os.chdir(before)


SNAPSHOT = """
import os, sys
import numpy as np
import napari_isr as isr
from napari_isr.gui.keeping.kept_settings import KeptSettings
from napari_isr.gui.model import Settings
from napari_isr.session import ImageReference, Snapshot, Store, image_key, keep_shapes

given = np.load(sys.argv[1])
image, scribbles = given["image"], given["scribbles"]
segmenter = isr.Segmenter(image, features="rgb", predictor="linear")
for _ in segmenter.run(scribbles, {2: "star", 3: "convex:pieces=20"}):
    pass
chosen = Settings(
    shape="star", own_shapes={3: "convex:pieces=20"}, names={2: "apple"}, predictor="linear",
    features="rgb", mode="sequential", live=False, hidden=(3,), uncertainty=True,
)
about = ImageReference(
    key=image_key(image), name="fruit", shape=image.shape[:2], dtype=str(image.dtype),
    scale=(0.5, 0.5), translate=(0.0, 0.0), units=("micrometer", "micrometer"),
)
snapshot = Snapshot(
    about, scribbles, "fruit [strokes]", KeptSettings(chosen).read(), {4: given["given"]},
    keep_shapes(segmenter.result),
)
Store(sys.argv[2]).save(snapshot)
os._exit(0)  # as a crash leaves it: the process never said that it ended in good order
"""


def write_autosave(folder, inputs_file):
    """Write the folder that a dock leaves which ended in a crash, with the marks of images."""
    subprocess.run([sys.executable, "-c", SNAPSHOT, inputs_file, folder], check=True)
    try:
        from napari_isr.gui.images.done_marks import FILE, Marks
    except ImportError:
        sys.exit("napari is needed for the file that marks images as done")
    marks = Marks(carry=True, done=["/images/a.png", "/images/c.png"])
    (folder / FILE).write_text(marks.model_dump_json(indent=1), encoding="utf-8")


def write_documented(folder, root):
    """Copy the Python of README and documentation, as that version shows it."""
    for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        if blocks:
            (folder / f"{page.stem}.txt").write_text("\n".join(blocks), encoding="utf-8")


def pack(masks):
    """Return the packed bits and the sizes of masks."""
    bits = {name: np.packbits(mask) for name, mask in masks.items()}
    return bits, {name: [list(m.shape), cases.digest(m)] for name, m in masks.items()}


def main():
    """Write everything."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else cases.DATA
    if folder.exists():
        sys.exit(f"{folder} is already there: stored files are never written again")
    torch.set_num_threads(int(os.environ.get("ISR_FIXTURE_THREADS", "1")))
    for name in ("sessions", "trained", "copied", "autosave", "documented"):
        (folder / name).mkdir(parents=True)
    inputs = make_inputs()
    np.savez_compressed(folder / "inputs.npz", **inputs)
    masks, seconds = {}, {}
    sources = {}
    for name, call in (*cases.projections(isr, inputs), *cases.segmentations(isr, inputs)):
        start = perf_counter()
        result = call()
        masks |= cases.masks_of(name, result)
        seconds[name] = perf_counter() - start
        sources[name] = result.report()["features"]
    for name in sorted(seconds, key=seconds.get)[-25:]:
        print(f"{seconds[name]:6.2f} s  {name}")
    print(f"{sum(seconds.values()):.1f} s, {len(masks)} masks")
    found, expected = write_sessions(folder / "sessions", inputs)
    masks |= {f"session/{name}": mask for name, mask in found.items()}
    found, probabilities = write_trained(folder / "trained", inputs, sources)
    masks |= {f"trained/{name}": mask for name, mask in found.items()}
    labels = write_copies(folder / "copied", inputs, folder / "trained" / "linear.safetensors")
    write_autosave(folder / "autosave", folder / "inputs.npz")
    write_documented(folder / "documented", Path(isr.__file__).resolve().parents[1])
    bits, sizes = pack(masks)
    np.savez_compressed(folder / "masks.npz", **bits)
    np.savez_compressed(folder / "labels.npz", **labels)
    np.savez_compressed(folder / "probabilities.npz", **probabilities)
    write_json(folder / "masks.json", sizes)
    write_json(folder / "sessions.json", expected)
    write_json(folder / "environment.json", {"libraries": cases.environment(), "features": sources})
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
