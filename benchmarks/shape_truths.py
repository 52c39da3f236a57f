"""Generated truths for the speed of shapes: one kind for each shape, and noisy unaries of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

__all__ = ["SHAPES", "scenes"]

SIZE, NOISE, MOVE = 512, 0.2, 4
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
Inside = Callable[[Points, Points], Mask]  # of coordinates (u, v) about the pose
SHAPES = (
    "convex",
    "star",
    "mirror",
    "rotational",
    "periodic",
    "connected",
    "convex+mirror",
    "convex+rotational",
    "star+mirror",
    "star+rotational",
)


def hull_of(points: Points) -> Inside:
    facets = ConvexHull(points).equations
    return lambda u, v: np.all([a * u + b * v + c <= 0 for a, b, c in facets], axis=0)


def ellipses(rng: np.random.Generator, count: int, far: float) -> Inside:
    """Return a disc with a few ellipses joined to it."""
    angle, turn = rng.uniform(0, 2 * np.pi, size=(2, count))
    reach, thin = rng.uniform(0.7 * far, far, count), rng.uniform(16, 30, count)

    def inside(u: Points, v: Points) -> Mask:
        found = np.hypot(u, v) < 45
        for a, t, r, w in zip(angle, turn, reach, thin, strict=True):
            along, across = u * np.cos(a) + v * np.sin(a), v * np.cos(a) - u * np.sin(a)
            found |= ((along - r / 2) / (r / 2)) ** 2 + (across / w) ** 2 < 1
            x, y = along - r, across
            x, y = x * np.cos(t) + y * np.sin(t), y * np.cos(t) - x * np.sin(t)
            found |= (x / 45) ** 2 + (y / 25) ** 2 < 1
        return found

    return inside


def radial(rng: np.random.Generator, orders: NDArray[np.int64], even: bool) -> Inside:
    height = rng.uniform(-0.35, 0.35, len(orders)) * 3 / np.maximum(orders, 3)
    phase = np.zeros(len(orders)) if even else rng.uniform(0, 2 * np.pi, len(orders))

    def inside(u: Points, v: Points) -> Mask:
        angle = np.arctan2(v, u)
        log = sum(h * np.cos(k * angle + p) for h, k, p in zip(height, orders, phase, strict=True))
        return np.hypot(u, v) < 120 * np.exp(log)

    return inside


def turned(inside: Inside, order: int) -> Inside:
    """Return the union of all rotations of a set by a part of ``order``."""

    def orbit(u: Points, v: Points) -> Mask:
        turns = 2 * np.pi * np.arange(order) / order
        pairs = [(u * np.cos(t) + v * np.sin(t), v * np.cos(t) - u * np.sin(t)) for t in turns]
        return np.any([inside(*pair) for pair in pairs], axis=0)

    return orbit


def holes(rng: np.random.Generator) -> Inside:
    sides, skew = rng.uniform(42, 80, 2), rng.uniform(-0.3, 0.3)
    a, b = rng.uniform(0.18, 0.32, 2) * sides.min()

    def inside(u: Points, v: Points) -> Mask:
        row = np.round(v / sides[1])
        x, y = u - skew * sides[0] * row, v - sides[1] * row
        x -= sides[0] * np.round(x / sides[0])
        return (x / a) ** 2 + (y / b) ** 2 < 1

    return inside


def snake(rng: np.random.Generator) -> Inside:
    """Return a tube with a head along a bent curve without self-intersection."""
    t = np.linspace(-1, 1, 120)
    bend = rng.uniform(55, 90) * np.sin(rng.uniform(3.5, 4.5) * t + rng.uniform(0, 6))
    width = 16 + 8 * t + 22 * np.exp(-(((t - 0.9) / 0.12) ** 2))
    line = np.stack([170 * t, bend, width], axis=1)
    return lambda u, v: np.any([np.hypot(u - x, v - y) < w for x, y, w in line], axis=0)


def turned_hull(points: Points, order: int) -> Inside:
    turns = 2 * np.pi * np.arange(order) / order
    matrices = [np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in turns]
    return hull_of(np.concatenate([points @ m for m in matrices]))


def truth(name: str, rng: np.random.Generator) -> Inside:
    """Return a set with the property ``name`` about (0, 0)."""
    order = int(rng.integers(3, 7))
    angle, part = rng.uniform(0, 2 * np.pi, 9), rng.uniform(0.8, 1, 9)
    ring = 150 * np.stack([part * np.cos(angle), 0.7 * part * np.sin(angle)], axis=1)
    ring[:4] = [[150, 0], [-140, 20], [0, 105], [10, -100]] * rng.uniform(0.8, 1, (4, 1))
    if name == "mirror":
        half = ellipses(rng, 4, 120)
        return lambda u, v: half(u, np.abs(v))
    makers: dict[str, Callable[[], Inside]] = {
        "convex": lambda: hull_of(ring),
        "star": lambda: radial(rng, np.arange(2, 8), even=False),
        "rotational": lambda: turned(ellipses(rng, 1, 130), order),
        "periodic": lambda: holes(rng),
        "connected": lambda: snake(rng),
        "convex+mirror": lambda: hull_of(np.concatenate([ring, ring * [1, -1]])),
        "convex+rotational": lambda: turned_hull(ring[:2], order),
        "star+mirror": lambda: radial(rng, np.arange(1, 8), even=True),
        "star+rotational": lambda: radial(rng, order * np.arange(1, 3), even=False),
    }
    return makers[name]()


def scenes(name: str, seed: int) -> Iterator[tuple[NDArray[np.float32], Mask]]:
    """Noisy unaries and truth; then the same a few pixels further, with new noise."""
    rng = np.random.default_rng(seed)
    inside, turn = truth(name, rng), rng.uniform(0, 2 * np.pi)
    centre = SIZE / 2 + rng.uniform(-30, 30, 2)
    row, column = np.mgrid[:SIZE, :SIZE].astype(float)
    for _ in range(2):
        y, x = row - centre[0], column - centre[1]
        mask = inside(x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn))
        noise = rng.random(mask.shape) < NOISE
        values = np.where(noise, rng.random(mask.shape) < 0.5, mask)
        yield values.astype(np.float32), mask
        centre = centre + rng.uniform(-MOVE, MOVE, 2)
