"""The scene behind the photograph: what grows where, and who is seen at each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthetic.background import backdrop
from synthetic.fruit import Fruit
from synthetic.leaves import Arc, Leaf, Stem
from synthetic.outline import random_outline
from synthetic.painting import (
    Float,
    NoiseTexture,
    alpha_blend,
    smoothstep,
    upsample_bilinear,
    window_around,
    window_coordinates,
)
from synthetic.plants import Plant, branches, calyx, front_leaves, random_leaf

__all__ = ["PaintedScene", "paint_scene"]


@dataclass(frozen=True, eq=False)
class PaintedScene:
    """A painted scene.

    Attributes
    ----------
    light : (H, W, 3) ndarray of float
        Linear RGB.
    truth : dict of int to (H, W) ndarray of bool
        Each fruit's label -> its whole outline, filled. Label 2 is the nearest to the camera.
    owner : (H, W) ndarray of uint8
        Which fruit fills the pixel, leaves left aside; 0 for none, and at a fruit's soft edge.
    front : (H, W) ndarray of float
        How much of the pixel is covered by leaves and stems in front of the fruits, 0 to 1.
    """

    light: Float
    truth: dict[int, NDArray[np.bool_]]
    owner: NDArray[np.uint8]
    front: Float

    def seen(self, label: int) -> NDArray[np.bool_]:
        """Mark the pixels that show nothing but this fruit, (H, W)."""
        return np.asarray((self.owner == label) & (self.front == 0))


def paint_scene(
    rng: np.random.Generator, shape: tuple[int, int], fruits: int, occlusion: float
) -> PaintedScene:
    """Paint fruits that hang from a vine, with leaves behind and in front of them.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : (int, int)
        Rows and columns.
    fruits : int
        1 or 2.
    occlusion : float
        Share of each fruit that is to be hidden.

    Returns
    -------
    scene : PaintedScene
        Light, truth and who is seen where.
    """
    from scipy.ndimage import gaussian_filter

    bodies = _arrange(rng, shape, fruits)
    masks = [body.outline.mask(shape) for body in bodies]
    vine = _vine(rng, shape)
    stalks = [calyx(rng, body, _row_of(vine, body.calyx[1])) for body in bodies]
    attached = [plant for plants in stalks for plant in plants]
    leaves = front_leaves(rng, bodies, masks, attached, occlusion)

    texture = NoiseTexture(rng, shape)
    light = backdrop(rng, shape, texture)
    behind = np.zeros(shape, np.float32)
    for leaf in _far_leaves(rng, shape, bodies, vine):
        _paint_plant(light, behind, leaf, texture)
    # The camera is focused on the fruits.
    light = gaussian_filter(light, 0.003 * min(shape), axes=(0, 1))
    for stem in [*branches(rng, leaves, vine, shape), vine]:
        _paint_plant(light, behind, stem, texture)
    owner = np.zeros(shape, np.uint8)
    for label, body in reversed(list(enumerate(bodies, start=2))):
        _paint_fruit(light, owner, body, label, texture)
    front = np.zeros(shape, np.float32)
    for plant in [*attached, *leaves]:
        _paint_plant(light, front, plant, texture)
    dapple = smoothstep(texture.cut("broad", shape, 7), -0.6, 1.4)
    light *= (0.86 + 0.3 * dapple)[..., None]
    return PaintedScene(light, dict(enumerate(masks, start=2)), owner, front)


def _arrange(rng: np.random.Generator, shape: tuple[int, int], count: int) -> list[Fruit]:
    """Place fruits, the nearest to the camera first."""
    height, width = shape
    unit = min(shape)
    jitter = rng.uniform(-0.02, 0.02, 2) * unit
    flip = float(rng.choice([-1, 1]))
    if count == 1:
        places = [(0.55 * height, 0.5 * width, 0.30 * unit)]
    else:
        first, second = unit * rng.uniform(0.215, 0.24), unit * rng.uniform(0.175, 0.20)
        apart = (first + second) * rng.uniform(0.99, 1.06)
        tilt = rng.uniform(-0.35, 0.15)
        row, column = 0.58 * height, 0.5 * width - flip * 0.46 * apart
        across, down = flip * apart * np.cos(tilt), apart * np.sin(tilt)
        places = [(row, column, first), (row + down, column + across, second)]
    skins = ["red", str(rng.choice(["golden", "orange", "golden", "plum"]))]
    fruits = []
    for (row, column, radius), skin in zip(places, skins, strict=False):
        centre = float(row + jitter[0]), float(column + jitter[1])
        pole = float(rng.uniform(-0.74, -0.64)), float(rng.uniform(-0.2, 0.2))
        fruits.append(Fruit(random_outline(rng, centre, float(radius)), skin, pole))
    return fruits


def _vine(rng: np.random.Generator, shape: tuple[int, int]) -> Stem:
    height, width = shape
    bend, tilt = float(rng.uniform(-0.5, 0.4)), float(rng.uniform(-0.09, 0.09))
    row = (0.12 + 0.12 * bend - 0.6 * tilt) * height
    arc = Arc((row, -0.1 * width), tilt - bend / 2, 1.25 * width, bend)
    return Stem(arc, 0.012 * min(shape), 0.75, (0.15, 0.24, 0.07))


def _row_of(stem: Stem, column: float) -> float:
    points = stem.arc.points(64)
    return float(np.interp(column, points[:, 1], points[:, 0]))


def _far_leaves(
    rng: np.random.Generator, shape: tuple[int, int], bodies: Sequence[Fruit], vine: Stem
) -> list[Leaf]:
    """Place leaves that hang from the vine behind the fruits."""
    unit = min(shape)
    leaves = []
    for base in vine.arc.points(14)[1:-1] + rng.uniform(-2, 2, (12, 2)):
        heading = float(rng.choice([-1, 1, 1]) * np.pi / 2 + rng.uniform(-0.9, 0.9))
        leaves.append(random_leaf(rng, (base[0], base[1]), heading, unit * rng.uniform(0.2, 0.34)))
    for body in bodies:
        size = float(body.outline.radii.mean())
        for angle in rng.uniform(0, np.pi, 3):
            base = body.outline.centre + 0.75 * size * np.array([np.sin(angle), np.cos(angle)])
            heading = float(angle + rng.uniform(-0.4, 0.4))
            leaf = random_leaf(rng, (base[0], base[1]), heading, unit * rng.uniform(0.2, 0.3))
            leaves.append(leaf)
    return [replace(leaf, color=_dim(leaf.color, rng.uniform(0.45, 1.0))) for leaf in leaves]


def _dim(color: tuple[float, float, float], share: float) -> tuple[float, float, float]:
    return color[0] * share, color[1] * share, color[2] * share


def _paint_fruit(
    light: Float, owner: NDArray[np.uint8], body: Fruit, label: int, texture: NoiseTexture
) -> None:
    outline = body.outline
    size = float(outline.radii.mean())
    edge = outline.centre + size * np.array([[-1.1, -1.1], [1.1, 1.1]])
    window = window_around(edge, owner.shape, 0.25 * size)
    rows, columns = window_coordinates(window)
    color, cover = body.render(rows, columns, texture)
    light[window] *= 1 - 0.55 * _shadow(cover, 0.07 * size, (0, 0))[..., None]
    light[window] = alpha_blend(light[window], color, cover)
    owner[window][cover > 0] = 0
    owner[window][cover == 1] = label


def _paint_plant(light: Float, front: Float, plant: Plant, texture: NoiseTexture) -> None:
    """Paint a leaf or stem and its shadow; `front` keeps how much of each pixel plants cover."""
    size = plant.arc.length if isinstance(plant, Leaf) else 20 * plant.width
    soft = 0.03 * size + 1
    offset = int(1.6 * soft), int(1.2 * soft)
    window = plant.window((light.shape[0], light.shape[1]), 3 * soft + offset[0])
    if window[0].start >= window[0].stop or window[1].start >= window[1].stop:
        return
    color, cover = plant.render(*window_coordinates(window), texture)
    light[window] *= 1 - 0.62 * _shadow(cover, soft, offset)[..., None]
    light[window] = alpha_blend(light[window], color, cover)
    front[window] = np.maximum(front[window], cover)


def _shadow(cover: Float, soft: float, offset: tuple[int, int]) -> Float:
    """Blur and shift a cover; at half size, for a shadow has no detail."""
    from scipy.ndimage import gaussian_filter

    half = gaussian_filter(cover[::2, ::2], soft / 2, mode="constant", truncate=3)
    full = upsample_bilinear(np.pad(half, ((0, 1), (0, 1))), 2)
    shadow = np.zeros_like(cover)
    down, right = min(offset[0], cover.shape[0]), min(offset[1], cover.shape[1])
    shadow[down:, right:] = full[: cover.shape[0] - down, : cover.shape[1] - right]
    return shadow
