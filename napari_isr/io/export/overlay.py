"""Overlay of contours on the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from napari_isr.atomic_files import atomic_write
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.results.result import Result

__all__ = ["PREDICTOR_COLOR", "SHAPE_COLOR", "overlay_image", "write_overlay"]

PREDICTOR_COLOR = (68, 138, 255)
SHAPE_COLOR = (255, 145, 0)
SMOOTHING = 2  # drawn larger and scaled down, for lines without steps


def overlay_image(image: Any, result: Result, width: float = 2.5) -> Image.Image:
    """Draw the predictor's outlines in blue and the shapes' in orange.

    Parameters
    ----------
    image : (H, W) or (H, W, c) array
        What was segmented.
    result : Result
        Of a 2-dimensional image.
    width : float, optional
        Of the lines, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB, of the image's size.
    """
    picture = _as_rgb(image)
    size = picture.size
    large = picture.resize((size[0] * SMOOTHING, size[1] * SMOOTHING), Image.Resampling.BICUBIC)
    canvas = ImageDraw.Draw(large)
    for item in result.objects.values():
        lines = [(PREDICTOR_COLOR, item.predictor_contours())]
        if item.shape is not None:
            lines.append((SHAPE_COLOR, item.contours()))
        for color, contours in lines:
            for contour in contours:
                points = (contour[:, ::-1] + 0.5) * SMOOTHING
                canvas.line(
                    [tuple(p) for p in points.tolist()],
                    fill=color,
                    width=round(width * SMOOTHING),
                    joint="curve",
                )
    return large.resize(size, Image.Resampling.LANCZOS)


def write_overlay(path: Path, image: Any, result: Result) -> None:
    """Write :func:`overlay_image` as a PNG file, whole or not at all."""
    with atomic_write(path) as temporary:
        overlay_image(image, result).save(temporary, format="PNG")


def _as_rgb(image: Any) -> Image.Image:
    array = np.asarray(image)
    source = SourceImage(array, 2)
    frame = ImageGeometry(source.shape)
    values: npt.NDArray[np.float32] = source.at(meshgrid_points(frame.axis_positions()))
    scaled = (values.clip(0, 1) * 255).astype(np.uint8).reshape(*source.shape, -1)
    if scaled.shape[-1] == 3:
        return Image.fromarray(scaled)
    return Image.fromarray(scaled[..., 0]).convert("RGB")
