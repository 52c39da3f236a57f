"""A small picture of an image with its outlines, to look through many results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from napari_isr.features.source_image import SourceImage
from napari_isr.io.export.label_colors import label_color
from napari_isr.results.result import ObjectResult, Result

__all__ = ["write_thumbnail"]

SIDE = 320  # pixels, the longer one
CELLS = 96  # across an object: outlines are no finer than the picture
SMOOTHING = 2  # drawn larger and scaled down, for lines without steps
DARK = (20, 20, 20)


def write_thumbnail(path: Path, image: Any, result: Result) -> None:
    """Draw the outlines of all objects on the image, each in its colour.

    Parameters
    ----------
    path : BoxTrack
        A ``.webp`` file.
    image : array
        What was segmented; of a stack the plane with most of the objects is drawn.
    result : Result
    """
    items = list(result.objects.values())
    source = SourceImage(image, len(items[0].frame.shape))
    # Masks of a very large stack are on a coarser raster.
    raster = items[0].frame.shape
    plane = tuple(
        int((p + 0.5) * n / m)
        for p, n, m in zip(_fullest(items), source.shape, raster, strict=False)
    )
    size = source.shape[-2:]
    step = max(1, max(size) // (SIDE * SMOOTHING))
    picture = _as_rgb(source, plane, step)
    scale = min(1.0, SIDE / max(size)) if max(size) >= SIDE else SIDE / max(size)
    small = max(1, round(size[1] * scale)), max(1, round(size[0] * scale))
    canvas = picture.resize((small[0] * SMOOTHING, small[1] * SMOOTHING), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for item in items:
        where = None if not plane else (*plane, None, None)
        for contour in item.contours(CELLS, where):
            points = [tuple(p) for p in ((contour[:, ::-1] + 0.5) * scale * SMOOTHING).tolist()]
            # A dark line below makes the outline visible on any image.
            draw.line(points, fill=DARK, width=4 * SMOOTHING, joint="curve")
            draw.line(points, fill=label_color(item.label), width=2 * SMOOTHING, joint="curve")
    canvas.resize(small, Image.Resampling.LANCZOS).save(path, format="WEBP", quality=80)


def _fullest(items: Sequence[ObjectResult]) -> tuple[int, ...]:
    """Place of the plane with most pixels of objects, along the axes before the last two."""
    mask = np.logical_or.reduce([item.mask for item in items])
    if mask.ndim == 2:
        return ()
    counts = mask.sum(axis=(-2, -1))
    if not counts.any():
        return tuple(n // 2 for n in counts.shape)
    return tuple(int(i) for i in np.unravel_index(counts.argmax(), counts.shape))


def _as_rgb(source: SourceImage, plane: tuple[int, ...], step: int) -> Image.Image:
    values = (source.plane(plane, step).clip(0, 1) * 255).astype(np.uint8)
    if values.shape[-1] == 3:
        return Image.fromarray(values)
    return Image.fromarray(values[..., 0]).convert("RGB")
