"""Joint optimization of a predictor that confuses an object with similar ones.

    python examples/look_alikes.py -o FOLDER

Three red fruit, strokes on one. A predictor that knows colours and places marks all three: red is
what tells them from the background. One connected shape can hold only the fruit with the strokes,
for a background stroke runs beside it. Fitted in sequence, the mask is right and the predictor is
not. Fitted jointly, the predictor learns from the shape that the other two are not meant.

Writes ``look_alikes.png`` (strokes; predictor and outline, sequential; the same, joint) and prints
a Markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import napari_isr as isr
from napari_isr.results.result import ObjectResult, iou

SIZE = (192, 320)
CENTRES = ((0.52, 0.20), (0.48, 0.55), (0.54, 0.84))  # in sizes of the image
RADIUS = 0.21  # in heights of the image
SETTINGS = {"predictor": "fcn", "features": "rgb,spatial"}
BLUE, ORANGE = (70, 150, 255), (255, 145, 0)
ZOOM = 3


def look_alikes(
    size: tuple[int, int] = SIZE,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """Image, strokes, and the three fruit; the first has the strokes."""
    height, width = size
    row, column = np.mgrid[:height, :width]
    image = np.full((*size, 3), 110.0)
    fruit = []
    for y, x in CENTRES:
        fruit.append(np.hypot(row - y * height, column - x * width) <= RADIUS * height)
        image[fruit[-1]] = (200, 70, 60)
    image += np.random.default_rng(0).normal(0, 12, image.shape)
    strokes = np.zeros(size, np.uint8)
    edge, thick = height // 18, max(2, height // 32)
    strokes[edge : edge + thick, width // 16 : -width // 16] = 1
    strokes[-edge - thick : -edge, width // 16 : -width // 16] = 1
    strokes[edge:-edge, round(0.365 * width) : round(0.365 * width) + thick] = 1
    y, x = round(CENTRES[0][0] * height), round(CENTRES[0][1] * width)
    strokes[y - thick // 2 : y + thick, x - height // 10 : x + height // 10] = 2
    return np.clip(image, 0, 255).astype(np.uint8), strokes, fruit


def marked(item: ObjectResult, fruit: list[NDArray[np.bool_]]) -> list[float]:
    """Share of the object, and of the others, that the predictor marks; the mask's IoU."""
    predicted = item.probability > 0.5
    others = fruit[1] | fruit[2]
    shares = (float(predicted[where].mean()) for where in (fruit[0], others))
    return [*shares, iou(item.mask, fruit[0])]


def panel(image: NDArray[np.uint8], item: ObjectResult) -> Image.Image:
    """Draw the image, dark where the predictor finds background, with both contours."""
    light = (0.25 + 0.75 * item.probability[..., None]) * image
    size = (image.shape[1] * ZOOM, image.shape[0] * ZOOM)
    picture = Image.fromarray(light.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    for outlines, color in ((item.predictor_contours(), BLUE), (item.contours(), ORANGE)):
        for outline in outlines:
            draw.line([(x, y) for y, x in (outline + 0.5) * ZOOM], fill=color, width=4)
    return picture


def strokes_on(image: NDArray[np.uint8], strokes: NDArray[np.uint8]) -> Image.Image:
    """Draw the strokes on the image."""
    drawn = image.copy()
    drawn[strokes == 1], drawn[strokes == 2] = (230, 60, 200), (90, 230, 120)
    size = (image.shape[1] * ZOOM, image.shape[0] * ZOOM)
    return Image.fromarray(drawn).resize(size, Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder of the picture")
    folder = parser.parse_args().output
    image, strokes, fruit = look_alikes()
    panels = [strokes_on(image, strokes)]
    print("| mode | object marked | others marked | IoU of the mask | certificate |")
    print("|---|---|---|---|---|")
    for mode in ("sequential", "joint"):
        item = isr.segment(image, strokes, "connected", mode=mode, **SETTINGS).objects[2]
        own, others, score = marked(item, fruit)
        holds = item.certificate.holds
        print(f"| {mode} | {own:.0%} | {others:.0%} | {score:.3f} | {'yes' if holds else 'no'} |")
        panels.append(panel(image, item))
    width, height = panels[0].size
    sheet = Image.new("RGB", (width, 3 * height + 16), "white")
    for place, picture in enumerate(panels):
        sheet.paste(picture, (0, place * (height + 8)))
    sheet.save(folder / "look_alikes.png")


if __name__ == "__main__":
    main()
