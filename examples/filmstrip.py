"""A tube through a sequence: what comes in, and the object in every frame and between them.

    python examples/filmstrip.py UNARIES -o film.png [--images FRAMES] [--compare FRAMES]

UNARIES is a stack (TIFF, NPY), a folder or a pattern in quotes: masks or probabilities of the
object, one frame each. Rows of the picture: the frames of the sequence with the outline of the
unaries (blue) and of the tube (orange); if given, the masks of another method; the masks of the
tube, and those half a frame later, which nobody has ever seen (the last one is shown again).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import napari_isr as isr
from napari_isr.io.readers import read_array, read_probability
from napari_isr.io.sequences import read_sequence

BLUE, ORANGE = (70, 150, 255), (255, 145, 0)
ZOOM = 2


def edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that touch its outside."""
    wide = np.pad(mask, 1)
    inner = wide[2:, 1:-1] & wide[:-2, 1:-1] & wide[1:-1, 2:] & wide[1:-1, :-2]
    return mask & ~inner


def enlarged(picture: NDArray, zoom: int = ZOOM) -> NDArray:
    """Enlarge the picture by ``zoom``."""
    return picture.repeat(zoom, axis=0).repeat(zoom, axis=1)


def drawn(picture: NDArray, *outlines: tuple[NDArray[np.bool_], tuple[int, int, int]]) -> NDArray:
    """Draw contours of enlarged masks on an enlarged picture."""
    canvas = enlarged(picture).copy()
    for mask, color in outlines:
        canvas[edge(mask)] = color
    return canvas


def strip(pictures: list[NDArray]) -> NDArray:
    """Pictures side by side, with a gap."""
    return np.concatenate([np.pad(p, ((2, 2), (2, 2), (0, 0))) for p in pictures], axis=1)


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("unaries", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("film.png"))
    parser.add_argument("--images", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--shape", default="connected")
    given = parser.parse_args()

    unaries = read_sequence(given.unaries, read_probability, "tyx")
    item = isr.project(unaries, given.shape, axes="tyx").objects[2]
    size = item.mask.shape[1:]
    gray = (120 * np.ones((*item.mask.shape, 3))).astype(np.uint8)
    images = (
        gray if given.images is None else read_sequence(given.images, read_array, "tyx")[..., :3]
    )
    fine = item.render(scale=(1, ZOOM, ZOOM))
    whole = [(0.0, float(n)) for n in size]
    between = item.render(scale=(1, ZOOM, ZOOM), window=[(0.5, len(unaries) - 0.5), *whole])
    rows = [
        strip(
            [
                drawn(image, (enlarged(u > 0.5), BLUE), (mask, ORANGE))
                for image, u, mask in zip(images, unaries, fine, strict=True)
            ]
        )
    ]
    if given.compare is not None:
        other = read_sequence(given.compare, read_probability, "tyx") > 0.5
        black = np.zeros((*size, 3), np.uint8)
        rows.append(strip([np.where(enlarged(m)[..., None], 255, enlarged(black)) for m in other]))
    for masks in (fine, np.concatenate([between, fine[-1:]])):
        rows.append(strip([np.repeat(m[..., None].astype(np.uint8) * 255, 3, 2) for m in masks]))
    Image.fromarray(np.concatenate(rows).astype(np.uint8)).save(given.output)
    print(item.certificate.message)
    print(f"empty frames: {item.empty_frames or 'none'}; picture: {given.output}")


if __name__ == "__main__":
    main()
