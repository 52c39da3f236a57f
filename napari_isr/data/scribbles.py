"""Scribble strokes as polylines, and their rasterization."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScribbleStroke", "rasterize"]


@dataclass(frozen=True)
class ScribbleStroke:
    """One pull of a round brush.

    Attributes
    ----------
    label : int
        1 background, 2, 3, … objects.
    points : sequence of (float, float)
        Where the brush passes, as (row, column), in pixels; between them its path is smooth.
    radius : int
        Radius of the brush, in pixels.
    """

    label: int
    points: Sequence[tuple[float, float]]
    radius: int = 3


def rasterize(strokes: Iterable[ScribbleStroke], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Paint strokes in the given order; a later stroke covers an earlier one.

    Parameters
    ----------
    strokes : iterable of ScribbleStroke
        What to paint. Parts outside the image are cut off.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    scribbles : (H, W) ndarray of uint8
        The strokes' labels, 0 where nothing was drawn.
    """
    from skimage.morphology import disk

    scribbles = np.zeros(shape, np.uint8)
    for stroke in strokes:
        brush = np.argwhere(disk(stroke.radius)) - stroke.radius
        centres = np.unique(np.rint(_path(stroke)).astype(int), axis=0)
        touched = (centres[:, None] + brush).reshape(-1, 2)
        touched = touched[((touched >= 0) & (touched < shape)).all(axis=1)]
        scribbles[tuple(touched.T)] = stroke.label
    return scribbles


def _path(stroke: ScribbleStroke) -> NDArray[np.float64]:
    """Sample the Catmull-Rom curve through a stroke's points, at most a pixel apart."""
    knots = np.asarray(stroke.points, float)
    if len(knots) == 1:
        return knots
    before, after = 2 * knots[0] - knots[1], 2 * knots[-1] - knots[-2]
    knots = np.concatenate([[before], knots, [after]])
    pieces = [knots[-2:-1]]
    for p, q, r, s in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        count = 2 + int(1.5 * np.linalg.norm(r - q))
        t = np.linspace(0, 1, count, endpoint=False)[:, None]
        cubic = (3 * (q - r) + s - p) * t**3 + (2 * p - 5 * q + 4 * r - s) * t**2
        pieces.append(0.5 * (cubic + (r - p) * t) + q)
    return np.concatenate(pieces)
