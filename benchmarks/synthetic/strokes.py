"""Random strokes, drawn in a region as a hand would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_isr.data.scribbles import ScribbleStroke

__all__ = ["draw_stroke"]


def draw_stroke(
    distance: NDArray[np.float64],
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
    distance : (H, W) ndarray of float
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
        None where the region is too small for the brush.
    """
    # Rounding costs 0.7 px twice and half a step between two samples 1.2 px.
    clearance = radius + 3.0
    starts = np.argwhere(distance > clearance)
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

    last = np.array(distance.shape) - 1
    inside = ((paths >= 0) & (paths <= last)).all(axis=(1, 2))
    pixel = np.rint(np.clip(paths, 0, last)).astype(int)
    spare = distance[pixel[..., 0], pixel[..., 1]].min(axis=1)
    fits = inside & (spare > clearance)
    if not fits.any():
        spot = np.unravel_index(np.argmax(distance), distance.shape)
        return ScribbleStroke(label, [(float(spot[0]), float(spot[1]))], radius)
    score = span + 0.5 * np.minimum(spare, 0.1 * length)
    if avoid:
        drawn = np.concatenate([np.asarray(stroke.points, float)[::8] for stroke in avoid])
        some = paths[:, :: max(1, steps // 4)]
        gap = np.linalg.norm(some[:, :, None] - drawn, axis=-1).min(axis=(1, 2))
        score = score + 1.5 * np.minimum(gap, length)
    best = paths[np.argmax(np.where(fits, score, -np.inf))]
    return ScribbleStroke(label, [(float(r), float(c)) for r, c in best], radius)
