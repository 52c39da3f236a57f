"""Shapes on the photographs of the ICML 2024 teaser, beside the masks that its authors published.

    python examples/teaser.py -o FOLDER [--only starfish,cat]

Reads ``$ISR_DATA/icml_teaser`` (default ``../shared/data``), writes ``teaser.png`` into FOLDER and
prints a Markdown table. The data are not part of this project: nor should the picture be. Every
shape is fitted to the unaries that the authors fitted: a threshold of the colour (tomato, starfish,
the cat's strokes) or their own noisy likelihoods (butterfly, peg-board).
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
from napari_isr.certificates import convexity_defects
from napari_isr.results.result import ObjectResult, iou

Mask = NDArray[np.bool_]
Color = tuple[int, int, int]
PANEL = (540, 360)  # width, height
CAPTION = 26
BLUE, GREEN, ORANGE = (70, 150, 255), (90, 230, 120), (255, 145, 0)


@dataclass(frozen=True)
class Scene:
    """One photograph: its file's stem, the unaries, the shape, and how much of it is shown."""

    name: str
    shape: str
    stem: str
    unaries: Callable[[Path], Mask]
    foreground_weight: float
    size: str = ""  # at the end of the name of the authors' mask
    black: bool = False  # the object is the black side of the authors' masks
    margin: float = 0.25  # around the object; the whole picture if infinite


def colors(path: Path) -> NDArray[np.float64]:
    """Red, green, blue (3, H, W) in [0, 1]."""
    return np.moveaxis(imread(path)[..., :3] / 255.0, -1, 0)


def tomato(root: Path) -> Mask:
    r, g, b = colors(root / "images/convex_tomato.jpg")
    score = 1 / (1 + np.exp(r - g - b - 1.5))
    return (score - score.min()) / np.ptp(score) < 0.5


def starfish(root: Path) -> Mask:
    r, g, _ = colors(root / "images/star_starfish.jpg")
    return r - (r + g) / 2 > 0.1


def cat(root: Path) -> Mask:
    r, g, _ = colors(root / "scribbles/connected_cat_scribbled.jpg")
    return r - g > 0.7


def butterfly(root: Path) -> Mask:
    return imread(root / "likelihood/mirror_butter2_naive.png") < 128


def board(root: Path) -> Mask:
    return imread(root / "likelihood/periodic_lochblech2_naive.png") > 127


LATTICE = "periodic:perspective=true"
STAR = "star:harmonics=20"  # its unaries are speckled, and 40 would follow the speckles
SCENES = (
    Scene("tomato", "convex", "convex_tomato", tomato, 30.0),
    Scene("starfish", STAR, "star_starfish", starfish, 14.0),
    Scene("butterfly", "mirror", "mirror_butter2", butterfly, 2.5, black=True),
    Scene("peg-board", LATTICE, "periodic_lochblech2", board, 3.0, margin=np.inf),
    Scene("cat", "connected", "connected_cat", cat, 13.0, size="_640"),
)


def fit(scene: Scene, root: Path) -> tuple[ObjectResult, float]:
    """Return the fitted object and the CPU seconds with pixels and certificate."""
    unaries = scene.unaries(root)
    weight, start = scene.foreground_weight, time.process_time()
    result = isr.project(unaries, scene.shape, foreground_weight=weight, device="cpu")
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
    best = max(np.arange(0, 180, 10.0), key=lambda degrees: self_iou(mask, *centre, degrees))
    middle = np.array([*centre, best])
    found = optimize.fmin(  # the first steps are 4 pixels or degrees
        lambda p: -self_iou(mask, *(middle + 80 * (p - 1))), np.ones(3), full_output=1, disp=0
    )
    return -float(found[1])


def arms(mask: Mask, centre: NDArray[np.float64]) -> int:
    """Pieces of the mask beyond half of its reach from a centre."""
    row, column = np.indices(mask.shape)
    distance = np.hypot(row - centre[0], column - centre[1])
    return int(ndimage.label(mask & (distance > 0.5 * distance[mask].max()))[1])


def holes_of(mask: Mask, item: ObjectResult | None) -> str:
    """Describe the number of spots and the areas of whole ones."""
    labels, count = ndimage.label(mask)
    area: float | NDArray[np.float64] = 1.0
    if item is not None:  # the plane y = x / (1 + h x) has a pixel's area over (1 + h x)^3
        origin, horizon = (np.array(item.parameters[k]) for k in ("origin", "horizon"))
        scale = mask.shape[0] / item.mask.shape[0]
        row, column = ((np.indices(mask.shape) + 0.5) / scale - 0.5) - origin[:, None, None]
        area = (1 + horizon[0] * row + horizon[1] * column).clip(1e-3) ** -3 / scale**2
    border = np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()])
    whole = np.setdiff1d(np.arange(1, count + 1), border)
    areas = ndimage.sum_labels(area * mask, labels, whole)
    return f"{count} spots, areas of {len(whole)} whole ones {areas.min():.0f}-{areas.max():.0f} px"


def facts(scene: Scene, mask: Mask, item: ObjectResult | None) -> str:
    """Describe measurements of a mask."""
    known = item.parameters if item is not None else {}
    if scene.name == "tomato":
        return f"{int(convexity_defects(mask).sum())} px missing from the hull"
    if scene.name == "starfish":
        centre = np.asarray(known.get("centre", np.argwhere(mask).mean(axis=0)))
        return f"{arms(mask, centre)} arms"
    if scene.name == "butterfly" and item is None:
        return f"mirror self-IoU {best_self_iou(mask):.3f} about its best axis"
    if scene.name == "butterfly":
        scale = mask.shape[0] / item.mask.shape[0]
        point = (np.array(known["axis_point"]) + 0.5) * scale - 0.5
        return f"mirror self-IoU {self_iou(mask, *point, known['axis_degrees']):.3f}"
    if scene.name == "peg-board":
        return holes_of(mask, item)
    pieces, gaps = ndimage.label(mask)[1], ndimage.label(np.pad(~mask, 1, constant_values=True))[1]
    return f"{pieces} piece, {gaps - 1} holes"


def panel(
    photograph: Image.Image, mask: Mask, window: tuple[float, ...], color: Color, caption: str
) -> Image.Image:
    """Part of a photograph, dark outside the mask, with the outline and a caption above."""
    twice, linear = (2 * PANEL[0], 2 * PANEL[1]), Image.Resampling.BILINEAR
    picture, inside = (
        image.resize(twice, linear, box=tuple(np.multiply(window, image.size * 2)))
        for image in (photograph, Image.fromarray((mask * 255).astype(np.uint8)))
    )
    dark = Image.blend(picture, Image.new("RGB", twice), 0.5)
    picture = Image.composite(picture, dark, inside)
    canvas = ImageDraw.Draw(picture)
    for line in find_contours(np.pad(np.asarray(inside, dtype=float), 1), 127.5):
        canvas.line([tuple(p) for p in (line[:, ::-1] - 1).tolist()], fill=color, width=5)
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
    values = imread(root / f"reference_result/{scene.stem}{scene.size}.png")
    theirs = values < 128 if scene.black else values > 127
    photograph = Image.open(root / f"images/{scene.stem}.jpg").convert("RGB")
    window = window_around(item.mask, scene.margin)
    scale = round(photograph.size[0] / item.mask.shape[1])  # the same along both axes
    mine, his = facts(scene, item.render(scale), item), facts(scene, theirs, None)
    fine = item.render(2 * scale)
    panels = [
        panel(photograph, scene.unaries(root), window, BLUE, f"{scene.name}: unaries"),
        panel(photograph, theirs, window, GREEN, f"authors: {his}"),
        panel(photograph, fine, window, ORANGE, f"ours, {scene.shape.split(':')[0]}: {mine}"),
    ]
    vectors = [f"({x:.1f}, {y:.1f})" for x, y in item.parameters.get("lattice", [])]
    found = f"; lattice {' and '.join(vectors)} px" if vectors else ""
    verdict = "holds" if item.certificate.holds else item.certificate.message
    alike = f"{iou(item.render(shape=theirs.shape), theirs):.3f}"
    cells = [scene.name, scene.shape, verdict, mine + found, his, alike, f"{cpu:.2f}"]
    return panels, f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for teaser.png")
    parser.add_argument("--only", default="", help="photographs, joined by commas")
    options = parser.parse_args()
    torch.set_num_threads(1)
    root = Path(os.environ.get("ISR_DATA", "../shared/data")) / "icml_teaser"
    isr.project(np.eye(64, dtype=bool), device="cpu")  # the first call loads code
    names = options.only.split(",") if options.only else [s.name for s in SCENES]
    wanted = [s for s in SCENES if s.name in names]
    print("| | shape | certificate | ours | authors' mask | IoU of the two | CPU seconds |")
    print("|---|---|---|---|---|---|---|", flush=True)
    width, height = PANEL[0] + 8, PANEL[1] + CAPTION + 8  # with a gap
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
