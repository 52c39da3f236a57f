"""Shapes on the photographs of the ICML 2024 teaser, beside the masks that its authors published.

    python examples/teaser.py -o FOLDER [--only star,connected]

Reads ``$ISR_DATA/icml_teaser`` (default ``../shared/data``), writes ``teaser.png`` into FOLDER and
prints a Markdown table. Nothing of the data is part of this project: the photographs, the authors'
unaries and their masks stay where they are, and the picture should stay where it is written.

Every shape is fitted to the unaries that the authors fitted: thresholds of a formula of the colour
(tomato, starfish), their own noisy likelihoods (butterfly, peg-board), strokes (cat).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, optimize
from skimage.io import imread
from skimage.measure import find_contours

import napari_isr as isr
from napari_isr.certificates import convex_defect
from napari_isr.results import ObjectResult, iou

Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]
PANEL = (540, 360)  # width, height
CAPTION = 26
BLUE, GREEN, ORANGE = (70, 150, 255), (90, 230, 120), (255, 145, 0)


@dataclass(frozen=True)
class Scene:
    """One photograph: files, the unaries, the shape, and which part is shown."""

    name: str
    shape: str
    photograph: str
    theirs: str
    unaries: Callable[[Path], Mask]
    foreground_weight: float
    black: bool = False  # the object is the black side of the authors' mask
    margin: float = 0.25  # around the object; the whole picture if infinite


def colours(path: Path) -> NDArray[np.float64]:
    """Red, green, blue (3, H, W) in [0, 1]."""
    return np.moveaxis(imread(path)[..., :3] / 255.0, -1, 0)


def tomato(root: Path) -> Mask:
    r, g, b = colours(root / "images/convex_tomato.jpg")
    score = 1 / (1 + np.exp(r - g - b - 1.5))
    return (score - score.min()) / np.ptp(score) < 0.5


def starfish(root: Path) -> Mask:
    r, g, _ = colours(root / "images/star_starfish.jpg")
    return r - (r + g) / 2 > 0.1


def cat(root: Path) -> Mask:
    r, g, _ = colours(root / "scribbles/connected_cat_scribbled.jpg")
    return r - g > 0.7


SCENES = (
    Scene("tomato", "convex", "convex_tomato.jpg", "convex_tomato.png", tomato, 20.0),
    Scene("starfish", "star", "star_starfish.jpg", "star_starfish.png", starfish, 8.0),
    Scene(
        "butterfly",
        "mirror",
        "mirror_butter2.jpg",
        "mirror_butter2.png",
        lambda root: imread(root / "likelihood/mirror_butter2_naive.png") < 128,
        2.0,
        black=True,
    ),
    Scene(
        "peg-board",
        "periodic:perspective=true",
        "periodic_lochblech2.jpg",
        "periodic_lochblech2.png",
        lambda root: imread(root / "likelihood/periodic_lochblech2_naive.png") > 127,
        3.0,
        margin=np.inf,
    ),
    Scene("cat", "connected", "connected_cat.jpg", "connected_cat_640.png", cat, 13.0),
)


def fit(scene: Scene, root: Path) -> tuple[ObjectResult, float]:
    """The fitted object and the CPU seconds, those of pixels and certificate included."""
    unaries = scene.unaries(root)
    start = time.process_time()
    result = isr.project(
        unaries, scene.shape, foreground_weight=scene.foreground_weight, device="cpu"
    )
    return result.objects[2], time.process_time() - start


def self_iou(mask: Mask, row: float, column: float, degrees: float) -> float:
    """IoU in pixels of a mask and its mirror image; 0 degrees is an axis along a row."""
    turn = np.radians(degrees)
    normal = np.array([np.cos(turn), -np.sin(turn)])
    pixels = np.indices(mask.shape).reshape(2, -1).astype(float)
    away = normal @ (pixels - np.array([[row], [column]]))
    image = np.rint(pixels - 2 * normal[:, None] * away).astype(int)
    inside = ((image >= 0) & (image < np.array(mask.shape)[:, None])).all(axis=0)
    mirrored = np.zeros(mask.size, dtype=bool)
    mirrored[inside] = mask[tuple(image[:, inside])]
    return iou(mask, mirrored.reshape(mask.shape))


def best_self_iou(mask: Mask) -> float:
    """Largest mirror self-IoU over all axes: for masks whose axis is not known."""
    centre = np.argwhere(mask).mean(axis=0)
    starts = np.arange(0, 180, 10.0)
    best = max(starts, key=lambda degrees: self_iou(mask, *centre, degrees))
    found = optimize.minimize(
        lambda p: -self_iou(mask, *(centre + p[:2]), p[2]),
        [0, 0, best],
        method="Nelder-Mead",
        options={"initial_simplex": [[0, 0, best], [4, 0, best], [0, 4, best], [0, 0, best + 4]]},
    )
    return -float(found.fun)


def arms(mask: Mask, centre: NDArray[np.float64]) -> int:
    """Pieces of the mask beyond half of its reach from a centre."""
    row, column = np.indices(mask.shape)
    distance = np.hypot(row - centre[0], column - centre[1])
    return int(ndimage.label(mask & (distance > 0.5 * distance[mask].max()))[1])


def holes_of(mask: Mask) -> str:
    """How many spots a mask has, and how much their areas vary; cut ones do not count."""
    labels, count = ndimage.label(mask)
    cut = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    areas = np.bincount(labels.ravel())[1:]
    whole = np.delete(areas, cut[cut > 0] - 1)
    return f"{count} spots, areas of the {len(whole)} whole ones {whole.min()} to {whole.max()} px"


def facts(scene: Scene, mask: Mask, item: ObjectResult | None) -> str:
    """What can be measured on a mask, ours (with its parameters) or theirs."""
    known = item.parameters if item is not None else {}
    if scene.name == "tomato":
        return f"{int(convex_defect(mask).sum())} px missing from the hull"
    if scene.name == "starfish":
        centre = np.asarray(known.get("centre", np.argwhere(mask).mean(axis=0)))
        return f"{arms(mask, centre)} arms"
    if scene.name == "butterfly":
        if not known:
            return f"mirror self-IoU {best_self_iou(mask):.3f} about its best axis"
        found = self_iou(mask, *known["axis_point"], known["axis_degrees"])
        return f"mirror self-IoU {found:.3f} about its axis"
    if scene.name == "peg-board":
        vectors = "; ".join(
            "(" + ", ".join(f"{x:.1f}" for x in vector) + ")" for vector in known.get("lattice", [])
        )
        return holes_of(mask) + (f"; lattice {vectors} px" if vectors else "; no lattice")
    pieces, gaps = ndimage.label(mask)[1], ndimage.label(np.pad(~mask, 1, constant_values=True))[1]
    return f"{pieces} piece(s), {gaps - 1} hole(s)"


def panel(
    photograph: Image.Image, mask: Mask, window: tuple[float, ...], colour: Colour, caption: str
) -> Image.Image:
    """Part of a photograph, dark outside the mask, with the outline and a caption above."""
    box = tuple(v * s for v, s in zip(window, photograph.size * 2, strict=True))
    twice = (2 * PANEL[0], 2 * PANEL[1])
    picture = photograph.resize(twice, Image.Resampling.BICUBIC, box=box)
    small = Image.fromarray((mask * 255).astype(np.uint8))
    part = tuple(v * s for v, s in zip(window, small.size * 2, strict=True))
    inside = small.resize(twice, Image.Resampling.BILINEAR, box=part)
    dark = Image.blend(picture, Image.new("RGB", twice), 0.5)
    picture = Image.composite(picture, dark, inside)
    canvas = ImageDraw.Draw(picture)
    for line in find_contours(np.pad(np.asarray(inside, dtype=float), 1), 127.5):
        canvas.line([tuple(p) for p in (line[:, ::-1] - 1).tolist()], fill=colour, width=5)
    framed = Image.new("RGB", (PANEL[0], PANEL[1] + CAPTION), "white")
    framed.paste(picture.resize(PANEL, Image.Resampling.LANCZOS), (0, CAPTION))
    font = ImageFont.load_default(size=15)
    ImageDraw.Draw(framed).text((4, 4), caption, fill="black", font=font)
    return framed


def window_around(mask: Mask, margin: float) -> tuple[float, ...]:
    """Left, top, right, bottom as parts of the picture: the object and its surroundings."""
    if not np.isfinite(margin):
        return 0.0, 0.0, 1.0, 1.0
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    tall = min(max(tall, wide * PANEL[1] / PANEL[0]) * (1 + 2 * margin), height)
    wide = min(tall * PANEL[0] / PANEL[1], width)
    tall = wide * PANEL[1] / PANEL[0]
    top = np.clip(rows.mean() - tall / 2, 0, height - tall)
    left = np.clip(columns.mean() - wide / 2, 0, width - wide)
    return left / width, top / height, (left + wide) / width, (top + tall) / height


def row_of(scene: Scene, root: Path) -> tuple[list[Image.Image], str]:
    """Three panels (unaries, theirs, ours) and the row of the table."""
    item, cpu = fit(scene, root)
    values = imread(root / "reference_result" / scene.theirs)
    theirs = values < 128 if scene.black else values > 127
    mine, his = facts(scene, item.mask, item), facts(scene, theirs, None)
    photograph = Image.open(root / "images" / scene.photograph).convert("RGB")
    window = window_around(item.mask, scene.margin)
    fine = item.render(shape=[2 * n for n in item.mask.shape])
    panels = [
        panel(photograph, scene.unaries(root), window, BLUE, f"{scene.name}: unaries"),
        panel(photograph, theirs, window, GREEN, f"authors: {his}"),
        panel(photograph, fine, window, ORANGE, f"ours, {item.shape_name}: {mine}"),
    ]
    verdict = "holds" if item.certificate.holds else item.certificate.sentence
    alike = iou(item.render(shape=theirs.shape), theirs)
    return (
        panels,
        f"| {scene.name} | {item.shape_name} | {verdict} | {mine} | {his} | {alike:.3f} | {cpu:.2f} |",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for teaser.png")
    parser.add_argument("--only", default="", help="families, joined by commas; default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    root = Path(os.environ.get("ISR_DATA", "../shared/data")) / "icml_teaser"
    wanted = [s for s in SCENES if not options.only or s.shape.split(":")[0] in options.only]
    print("| | shape | certificate | ours | authors' mask | IoU of the two | CPU seconds |")
    print("|---|---|---|---|---|---|---|", flush=True)
    width, height = PANEL[0] + 8, PANEL[1] + CAPTION + 8
    picture = Image.new("RGB", (3 * width, len(wanted) * height), "white")
    for line, scene in enumerate(wanted):
        panels, text = row_of(scene, root)
        print(text, flush=True)
        for column, part in enumerate(panels):
            picture.paste(part, (column * width, line * height))
    options.output.mkdir(parents=True, exist_ok=True)
    picture.save(options.output / "teaser.png")


if __name__ == "__main__":
    main()
