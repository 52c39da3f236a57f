"""Make the pictures of docs/shapes: a drawn scene with strokes, and what is fitted to it.

    python tools/shape_pictures.py [NAME ...]

Left the strokes (pale: background, yellow: object), right the predictor's outline in blue and the
shape's in orange.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from shape_scenes import SCENES, Scene

import napari_isr as isr
from napari_isr.io.export.overlay import overlay_image

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "shapes"
COLORS = {1: (232, 236, 242), 2: (255, 225, 77)}
GAP = 8
LARGER = 1.5


def with_strokes(scene: Scene) -> Image.Image:
    """Draw the strokes on the scene."""
    picture = scene.image.copy()
    for label, color in COLORS.items():
        picture[scene.scribbles == label] = color
    return Image.fromarray(picture)


def make(name: str, folder: Path) -> None:
    """Fit one scene and save its picture."""
    scene = SCENES[name]()
    result = isr.segment(scene.image, scene.scribbles, scene.shape, features=scene.features)
    panels = [with_strokes(scene), overlay_image(scene.image, result)]
    width, height = panels[0].size
    both = Image.new("RGBA", (2 * width + GAP, height), (0, 0, 0, 0))
    for index, panel in enumerate(panels):
        both.paste(panel, (index * (width + GAP), 0))
    size = round(both.width * LARGER), round(both.height * LARGER)
    path = folder / f"{name}.webp"
    both.resize(size, Image.Resampling.LANCZOS).save(path, quality=82, method=6)
    area = np.count_nonzero(result.mask)
    print(f"{path.name}: {result.certificate.sentence}; {area} px, {path.stat().st_size} bytes")


def main() -> None:
    """Make the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SCENES), help="scenes")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in chosen.names:
        make(name, chosen.out)


if __name__ == "__main__":
    main()
