"""Convex in (row, column, depth): what cannot be convex in an image may be in space.

    python examples/depth.py -o FOLDER
    python examples/depth.py -o FOLDER --teaser ICML_TEASER

The floor under a motorcycle: wheels cut it in pieces in the image, and in space it is convex.
The picture is scikit-image's, of the Middlebury stereo benchmark, with its disparity as a further
coordinate. Writes ``depth.png``: strokes; disparity; convex in the image; convex with disparity.

With ``--teaser``, a folder of the published method's images (not part of this repository), writes
``teaser.png`` too: strokes; our floor, convex in (row, column, depth); the authors' floor. As in
the published method the shape is fitted to the strokes alone, without a classifier. Prints how much
of each kind of stroke either mask honours, and the IoU of both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import napari_isr as isr

ORANGE, GREEN, PINK = (255, 145, 0), (0, 220, 0), (255, 0, 200)


def shown(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_] | None = None,
    strokes: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Draw a mask in orange and strokes in green and pink on a picture."""
    values = np.nan_to_num(image.astype(float))
    picture = np.stack([values] * 3, axis=-1) if values.ndim == 2 else values.copy()
    if mask is not None:
        picture[mask] = picture[mask] * 0.4 + np.array(ORANGE) * 0.6
    if strokes is not None:
        picture[strokes == 1], picture[strokes == 2] = GREEN, PINK
    return np.clip(picture, 0, 255).astype(np.uint8)


def motorcycle(folder: Path) -> None:
    """Fit the floor in the image and with disparity."""
    sample = isr.load_sample("motorcycle")
    disparity = sample.coordinates["disparity"]
    flat = isr.segment(sample.image, sample.scribbles, "convex").objects[2]
    deep = isr.segment(
        sample.image, sample.scribbles, "convex", coordinates=sample.coordinates
    ).objects[2]
    for item in (flat, deep):
        print(item.certificate.message)
        print(f"  strokes honoured: {honoured(item.mask, sample.scribbles)}")
    depth = 255 * disparity / np.nanmax(disparity)
    rows = [
        [shown(sample.image, None, sample.scribbles), shown(depth)],
        [shown(sample.image, flat.mask), shown(sample.image, deep.mask)],
    ]
    Image.fromarray(np.vstack([np.hstack(row) for row in rows])).save(folder / "depth.png")


def teaser(folder: Path, data: Path) -> None:
    """Fit the floor in the published image of depth, on which a person sits."""
    depth = np.asarray(Image.open(data / "images/convex_depth.png"))[::2, ::2]
    drawn = np.asarray(Image.open(data / "scribbles/convex_depth_scribbles.png").convert("RGB"))
    red, green = (drawn[::2, ::2, channel].astype(float) / 255 for channel in (0, 1))
    theirs = np.asarray(Image.open(data / "reference_result/convex_depth_ours.png")) != 0
    strokes = np.zeros(depth.shape, np.uint8)
    strokes[red - green > 0.1], strokes[red - green < -0.1] = 1, 2
    said = np.array([0.5, 0.0, 1.0], np.float32)[strokes]  # nothing where no stroke is
    item = isr.project(said, "convex:depth=2", coordinates={"depth": depth}).objects[2]
    print(item.certificate.message)
    print(f"  strokes honoured: ours {honoured(item.mask, strokes)}")
    print(f"  strokes honoured: theirs {honoured(theirs, strokes)}")
    both = (item.mask & theirs).sum() / (item.mask | theirs).sum()
    print(f"  IoU of our floor and theirs: {both:.3f}")
    panels = [shown(depth, None, strokes), shown(depth, item.mask), shown(depth, theirs)]
    Image.fromarray(np.hstack(panels)).save(folder / "teaser.png")


def honoured(mask: NDArray[np.bool_], strokes: NDArray[np.uint8]) -> str:
    """Describe the shares of object and background strokes that a mask satisfies."""
    return f"object {mask[strokes == 2].mean():.1%}, background {(~mask[strokes == 1]).mean():.1%}"


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("depth"))
    parser.add_argument("--teaser", type=Path)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    motorcycle(arguments.output)
    if arguments.teaser is not None:
        teaser(arguments.output, arguments.teaser)


if __name__ == "__main__":
    main()
