"""Placement of leaves and stems that hide a given share of each fruit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthetic.fruit import Fruit
from synthetic.leaves import Arc, Leaf, Stem
from synthetic.painting import Float

__all__ = ["Plant", "branches", "calyx", "front_leaves", "random_leaf"]

Plant: TypeAlias = Leaf | Stem

GREENS = (
    (0.075, 0.190, 0.030),
    (0.100, 0.235, 0.040),
    (0.055, 0.150, 0.035),
    (0.130, 0.250, 0.045),
)
STALK = (0.13, 0.24, 0.06)
# A coarse grid is enough to choose leaves by; the scene's final masks are exact.
STEP = 6


def random_leaf(
    rng: np.random.Generator, base: tuple[float, float], heading: float, length: float
) -> Leaf:
    """Draw a leaf with the given base (row, column), heading and length."""
    green = np.array(GREENS[rng.integers(len(GREENS))]) * rng.uniform(0.8, 1.2)
    return Leaf(
        Arc(base, heading, length, float(rng.uniform(-0.75, 0.75))),
        width=float(length * rng.uniform(0.19, 0.25)),
        color=(float(green[0]), float(green[1]), float(green[2])),
        teeth=int(rng.integers(7, 11)),
        fold=float(rng.choice([-1, 1]) * rng.uniform(0.08, 0.2)),
        gloss=float(rng.uniform(0.2, 0.7)),
        seed=int(rng.integers(1 << 30)),
    )


def calyx(rng: np.random.Generator, fruit: Fruit, top: float) -> list[Plant]:
    """Draw a fruit's sepals and the stalk that goes up to the row `top`."""
    size = float(fruit.outline.radii.mean())
    row, column = fruit.calyx
    plants: list[Plant] = []
    first = rng.uniform(0, 2 * np.pi)
    for number in range(5):
        angle = first + 2 * np.pi * (number + rng.uniform(-0.2, 0.2)) / 5
        # Seen from the front, the calyx is a flat ellipse.
        heading = float(np.arctan2(0.62 * np.sin(angle), np.cos(angle)))
        length = (
            size * rng.uniform(0.38, 0.5) * float(np.hypot(0.62 * np.sin(angle), np.cos(angle)))
        )
        arc = Arc((row, column), heading, length, float(rng.uniform(-0.9, 0.9)))
        plants.append(
            Leaf(arc, 0.062 * size, (0.11, 0.24, 0.04), 1, 0.2, 0.3, int(rng.integers(1 << 30)))
        )
    lean = float(rng.uniform(-0.25, 0.25))
    rise = max(row - top, 0.25 * size)
    arc = Arc((row, column), -np.pi / 2 + lean, rise * 1.05, -2 * lean)
    plants.append(Stem(arc, 0.034 * size, 0.75, STALK))
    return plants


def front_leaves(
    rng: np.random.Generator,
    fruits: Sequence[Fruit],
    truth: Sequence[NDArray[np.bool_]],
    given: Sequence[Plant],
    target: float,
) -> list[Leaf]:
    """Choose leaves that hide about `target` of each fruit and cross its outline.

    They point inwards and keep apart, so that what is hidden can be recovered from what is seen:
    no straight cut takes off a cap of which more is hidden than seen.
    """
    points = [np.argwhere(mask[::STEP, ::STEP]).astype(np.float32) * STEP for mask in truth]
    hidden = [np.zeros(len(p), bool) for p in points]
    for number, here in enumerate(points):
        for front in range(number):
            hidden[number] |= truth[front][tuple(here.astype(int).T)]
        hidden[number] |= _covered(given, here)
    caps = [_caps(f, p) for f, p in zip(fruits, points, strict=True)]

    chosen: list[Leaf] = []
    for _ in range(8):
        for number, fruit in enumerate(fruits):
            share = hidden[number].mean()
            if share > target - 0.025:
                continue
            best: tuple[float, Leaf, list[NDArray[np.bool_]]] | None = None
            for _ in range(16):
                leaf = _candidate(rng, fruit, fruits)
                if leaf is None:
                    continue
                covers = [_covered([leaf], p) | h for p, h in zip(points, hidden, strict=True)]
                shares = np.array([cover.mean() for cover in covers])
                excess = np.maximum(shares - target - 0.02, 0).sum()
                gain = min(shares[number] - share, 0.5 * target)
                if gain < 0.1 * target:
                    continue
                lost = sum(_lost(c, cap) for c, cap in zip(covers, caps, strict=True))
                score = gain - 6 * excess - 2 * lost
                if best is None or score > best[0]:
                    best = score, leaf, covers
            if best is not None:
                chosen.append(best[1])
                hidden = best[2]
    return chosen


def branches(
    rng: np.random.Generator, leaves: Sequence[Leaf], vine: Stem, shape: tuple[int, int]
) -> list[Stem]:
    """Tie each leaf's base to the vine, or to something beyond the picture's edge."""
    points = vine.arc.points(40)
    stems = []
    for leaf in leaves:
        base = np.array(leaf.arc.base)
        back = -np.array([np.sin(leaf.arc.heading), np.cos(leaf.arc.heading)])
        if back[0] < 0.25:
            # A leaf below its node: the stalk leans the way the leaf came from.
            node = points[np.argmin(np.abs(points[:, 1] - base[1] - 0.5 * back[1] * base[0]))]
        else:
            turn = rng.uniform(-0.45, 0.45)
            across = np.array([back[1], -back[0]])
            node = base + (back * np.cos(turn) + across * np.sin(turn)) * max(shape)
        away = node - base
        chord = np.arctan2(away[0], away[1]) - np.arctan2(back[0], back[1])
        turn = (chord + np.pi) % (2 * np.pi) - np.pi
        bend = float(np.clip(2 * turn, -1.1, 1.1))
        arc = Arc.between(leaf.arc.base, node, bend)
        width = 0.004 * min(shape) + 0.5
        stems.append(Stem(arc, width, 1.7, STALK, int(rng.integers(1 << 30))))
    return stems


def _candidate(rng: np.random.Generator, fruit: Fruit, fruits: Sequence[Fruit]) -> Leaf | None:
    """Draw a leaf that comes in from outside a fruit, and from outside its neighbours."""
    outline = fruit.outline
    size = float(outline.radii.mean())
    angle = rng.uniform(-np.pi, np.pi)
    away = size * rng.uniform(1.2, 1.5)
    row = float(outline.centre[0] + away * np.sin(angle))
    column = float(outline.centre[1] + away * np.cos(angle))
    for other in fruits:
        distance, _, radius = other.outline.polar(np.array(row), np.array(column))
        if distance < 1.04 * radius:
            return None
    heading = float(angle + np.pi + rng.uniform(-0.5, 0.5))
    return random_leaf(rng, (row, column), heading, size * rng.uniform(1.0, 1.6))


def _covered(plants: Sequence[Plant], points: Float) -> NDArray[np.bool_]:
    covered = np.zeros(len(points), bool)
    for plant in plants:
        covered |= plant.covers(points[:, 0], points[:, 1])
    return covered


def _caps(fruit: Fruit, points: Float) -> Float:
    """Cut caps off a fruit: (points, caps), each column an equal share for every point in it."""
    every = slice(None, None, 16)
    normals, offsets = fruit.outline.normals[every], fruit.outline.offsets[every]
    depth = ((points - fruit.outline.centre) @ normals.T) / offsets
    caps = np.concatenate([depth > share for share in (0.45, 0.65, 0.8, 0.9)], axis=1)
    return np.asarray(caps / np.maximum(caps.sum(axis=0), 1), np.float32)


def _lost(hidden: NDArray[np.bool_], caps: Float) -> float:
    """Return the area of hidden caps beyond the visible ones, 0 if a convex fit keeps all."""
    short = np.maximum(hidden.astype(np.float32) @ caps - 0.45, 0)
    return float(short.mean() + 0.5 * short.max())
