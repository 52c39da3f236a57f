"""Fruit behind leaves: a generated photograph whose truth, hidden parts included, is known."""

from __future__ import annotations

import numpy as np

from napari_isr.data.sample import Sample
from napari_isr.data.scribbles import ScribbleStroke, rasterize
from napari_isr.errors import InputError
from synthetic.painting import develop, window_around
from synthetic.scene import PaintedScene, paint_scene
from synthetic.strokes import draw_stroke

__all__ = ["fruit_behind_leaves"]


def fruit_behind_leaves(
    shape: tuple[int, int] = (512, 512),
    seed: int = 0,
    fruits: int = 2,
    occlusion: float = 0.32,
) -> Sample:
    """Paint tomatoes that leaves and stems partly hide, and draw strokes on them.

    The strokes never contradict the truth: a fruit's lie on visible skin of that fruit alone, and
    the background's lie outside every fruit's whole outline, on leaves too.

    Parameters
    ----------
    shape : (int, int), optional
        Rows and columns, at least 128 each.
    seed : int, optional
        Every seed gives another scene; the same seed gives the same scene.
    fruits : int, optional
        1 or 2.
    occlusion : float, optional
        Share of each fruit that leaves and stems hide, 0.2 to 0.45; at the default size it is met
        within 0.05.

    Returns
    -------
    sample : Sample
        ``image`` is (H, W, 3) uint8; ``truth`` holds each fruit's whole outline, a digitally
        convex mask: every pixel whose centre lies in an intersection of half-planes.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from synthetic import fruit_behind_leaves
    >>> sample = fruit_behind_leaves((160, 160), seed=3, fruits=1)
    >>> sample.image.shape, sorted(sample.truth)
    ((160, 160, 3), [2])
    """
    if fruits not in (1, 2):
        raise InputError(f"fruits is {fruits}; give 1 or 2")
    if min(shape) < 128:
        raise InputError(f"shape is {shape}; give at least 128 rows and 128 columns")
    if not 0.2 <= occlusion <= 0.45:
        raise InputError(f"occlusion is {occlusion}; give a share from 0.2 to 0.45")
    rng = np.random.default_rng(seed)
    scene = paint_scene(rng, shape, fruits, occlusion)
    strokes = _strokes(rng, scene)
    return Sample(
        name="fruit",
        title="Fruit behind leaves",
        image=develop(scene.light, rng),
        scribbles=rasterize(strokes, shape),
        truth=scene.truth,
        shapes=dict.fromkeys(scene.truth, "convex"),
    )


def _strokes(rng: np.random.Generator, scene: PaintedScene) -> list[ScribbleStroke]:
    """Draw two strokes on each fruit, three on leaves and five anywhere around."""
    from scipy.ndimage import distance_transform_edt

    shape = scene.owner.shape
    unit = min(shape)
    radius = max(2, round(unit / 170))
    strokes: list[ScribbleStroke] = []
    for label, whole in scene.truth.items():
        others = [mask for other, mask in scene.truth.items() if other != label]
        free = scene.seen(label) & ~np.logical_or.reduce([np.zeros(shape, bool), *others])
        box = window_around(np.argwhere(whole).astype(float), (shape[0], shape[1]), 1)
        distance = np.zeros(shape)
        distance[box] = distance_transform_edt(free[box])
        own: list[ScribbleStroke] = []
        for _ in range(2):
            stroke = draw_stroke(
                distance, rng, label=label, radius=radius, length=0.25 * unit, avoid=own
            )
            own += [stroke] if stroke else []
        strokes += own
    away = distance_transform_edt(~np.logical_or.reduce(list(scene.truth.values())))
    leaf = np.minimum(distance_transform_edt(scene.front == 1), away)
    below: list[ScribbleStroke] = []
    for distance, count, length, brush in (
        (leaf, 3, 0.2, max(1, radius - 1)),
        (away, 5, 0.55, radius),
    ):
        for _ in range(count):
            stroke = draw_stroke(
                distance, rng, label=1, radius=brush, length=length * unit, avoid=below
            )
            below += [stroke] if stroke else []
    return strokes + below
