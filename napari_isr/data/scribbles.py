"""Strokes as polylines: rasterising them, and drawing them where a hand would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScribbleStroke", "draw_stroke", "rasterize"]


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


def draw_stroke(
    room: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    label: int,
    radius: int,
    length: float,
    avoid: Sequence[ScribbleStroke] = (),
) -> ScribbleStroke | None:
    """Draw a wavy stroke that stays in a region, as a hand would.

    Of many random arcs that fit, the one is taken that is long and far from earlier strokes.

    Parameters
    ----------
    room : (H, W) ndarray of float
        Distance of each pixel to the nearest pixel where the brush must not paint, 0 there.
    rng : numpy.random.Generator
        Source of chance.
    label : int
        Label of the stroke.
    radius : int
        Radius of the brush, in pixels.
    length : float
        The longest stroke wanted, in pixels.
    avoid : sequence of ScribbleStroke, optional
        Earlier strokes to keep away from.

    Returns
    -------
    stroke : ScribbleStroke or None
        None where the region has no room for the brush.
    """
    # Rounding costs 0.7 px twice and half a step between two samples 1.2 px.
    clearance = radius + 3.0
    starts = np.argwhere(room > clearance)
    if len(starts) == 0:
        return None
    steps = max(8, int(length / 2.5))
    count = 24_000 // steps
    start = starts[rng.integers(len(starts), size=count)].astype(float)
    span = length * rng.uniform(0.15, 0.9, count)
    heading = rng.uniform(0, 2 * np.pi, count)[:, None]
    turn = rng.uniform(-1.3, 1.3, count)[:, None]
    wobble = rng.uniform(0.1, 0.3, count)[:, None]
    phase = rng.uniform(0, 2 * np.pi, count)[:, None]
    along = np.linspace(0, 1, steps)
    angle = heading + turn * along + wobble * np.sin(4 * np.pi * along + phase)
    step = span[:, None, None] / steps * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    paths = start[:, None] + np.cumsum(step, axis=1)

    last = np.array(room.shape) - 1
    inside = ((paths >= 0) & (paths <= last)).all(axis=(1, 2))
    pixel = np.rint(np.clip(paths, 0, last)).astype(int)
    spare = room[pixel[..., 0], pixel[..., 1]].min(axis=1)
    fits = inside & (spare > clearance)
    if not fits.any():
        spot = np.unravel_index(np.argmax(room), room.shape)
        return ScribbleStroke(label, [(float(spot[0]), float(spot[1]))], radius)
    score = span + 0.5 * np.minimum(spare, 0.1 * length)
    if avoid:
        drawn = np.concatenate([np.asarray(stroke.points, float)[::8] for stroke in avoid])
        some = paths[:, :: max(1, steps // 4)]
        gap = np.linalg.norm(some[:, :, None] - drawn, axis=-1).min(axis=(1, 2))
        score = score + 1.5 * np.minimum(gap, length)
    best = paths[np.argmax(np.where(fits, score, -np.inf))]
    return ScribbleStroke(label, [(float(r), float(c)) for r, c in best], radius)


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
