"""Drawn scenes, one for each shape: an object, something that hides a part of it, and strokes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["SCENES", "Scene"]

SIZE = (320, 240)  # width, height
FINE = 3  # drawn larger and scaled down
BACKGROUND, OBJECT = 1, 2
Points = Any


@dataclass(frozen=True)
class Scene:
    """Scene on a page of the documentation.

    Attributes
    ----------
    shape : str
        What is fitted.
    image : (H, W, 3) uint8 array
    scribbles : (H, W) uint8 array
    features : str
        What the predictor sees.
    """

    shape: str
    image: np.ndarray
    scribbles: np.ndarray
    features: str = "auto"


class Easel:
    """A canvas in pixels (x, y) of the finished picture."""

    def __init__(self, color: str) -> None:
        self.picture = Image.new("RGB", (SIZE[0] * FINE, SIZE[1] * FINE), color)
        self._draw = ImageDraw.Draw(self.picture)
        self.strokes = Image.new("L", SIZE)
        self._strokes = ImageDraw.Draw(self.strokes)

    def area(self, points: Points, color: str) -> None:
        self._draw.polygon([tuple(p) for p in (np.asarray(points) * FINE).tolist()], fill=color)

    def line(self, points: Points, color: str, width: float) -> None:
        path = [tuple(p) for p in (np.asarray(points, float) * FINE).tolist()]
        self._draw.line(path, fill=color, width=round(width * FINE), joint="curve")
        for x, y in (path[0], path[-1]):
            r = width * FINE / 2
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def stroke(self, label: int, *points: tuple[float, float]) -> None:
        for start, stop in pairwise(points):
            self._strokes.line([start, stop], fill=label, width=5)

    def scene(self, shape: str, grain: float = 7.0, features: str = "auto") -> Scene:
        """Scale down, soften, add grain."""
        small = self.picture.resize(SIZE, Image.Resampling.LANCZOS)
        soft = np.asarray(small.filter(ImageFilter.GaussianBlur(0.6)), float)
        noise = np.random.default_rng(7).normal(0, grain, soft.shape)
        image = np.clip(soft + noise, 0, 255).astype(np.uint8)
        return Scene(shape, image, np.asarray(self.strokes), features)


def polar(centre: tuple[float, float], radius: Any, start: float = 0.0, count: int = 240) -> Points:
    """Outline of a star-shaped set: a radius for every angle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + start
    r = radius(angle - start) if callable(radius) else np.full(count, float(radius))
    return np.column_stack([centre[0] + r * np.cos(angle), centre[1] + r * np.sin(angle)])


def blades(easel: Easel, xs: list[float], color: str = "#2f6b3a", width: float = 9) -> None:
    """Blades of grass from below to above."""
    for index, x in enumerate(xs):
        lean = 14 * (-1) ** index
        t = np.linspace(0, 1, 24)
        path = np.column_stack([x + lean * t**2, 245 - 250 * t])
        easel.line(path, color, width)


def cell() -> Scene:
    """Nothing is hidden and nothing is known of the form: no shape."""
    easel = Easel("#27303d")
    outline = polar(
        (160, 120), lambda a: 62 + 14 * np.sin(2 * a) + 12 * np.sin(5 * a + 1) + 6 * np.cos(9 * a)
    )
    easel.area(outline, "#7fc6a4")
    easel.area(polar((150, 112), lambda a: 20 + 3 * np.cos(3 * a)), "#a7ddc3")
    easel.stroke(OBJECT, (135, 140), (165, 128), (190, 105))
    easel.stroke(BACKGROUND, (30, 40), (30, 205), (120, 222), (280, 205))
    easel.stroke(BACKGROUND, (90, 22), (290, 26), (295, 120))
    return easel.scene("none", 9)


def plum() -> Scene:
    """Return a fruit behind grass, whose visible parts are separate."""
    easel = Easel("#c9b891")
    easel.area(polar((160, 122), lambda a: 74 + 8 * np.cos(2 * a)), "#8a3f7f")
    easel.area(polar((132, 92), 14), "#a45f9a")
    blades(easel, [112, 150, 186, 214], width=13)
    easel.stroke(OBJECT, (128, 140), (130, 112))
    easel.stroke(OBJECT, (170, 150), (172, 120))
    easel.stroke(BACKGROUND, (40, 30), (36, 205), (80, 222))
    easel.stroke(BACKGROUND, (260, 30), (285, 120), (265, 210))
    easel.stroke(BACKGROUND, (120, 226), (215, 226))
    easel.stroke(BACKGROUND, (150, 14), (165, 14))
    return easel.scene("convex")


def starfish() -> Scene:
    """Arms from a middle, one under a strand of weed."""
    easel = Easel("#d9c9a0")
    arms = polar((160, 122), lambda a: 36 + 62 * np.maximum(0, np.cos(2.5 * a) ** 2) ** 1.6, 0.3)
    easel.area(arms, "#c8553d")
    easel.line([(60, 200), (120, 150), (230, 168), (300, 120)], "#3c6e57", 13)
    easel.stroke(OBJECT, (140, 108), (160, 122), (185, 112))
    easel.stroke(OBJECT, (160, 122), (158, 134))
    easel.stroke(OBJECT, (160, 184), (161, 206))
    easel.stroke(BACKGROUND, (30, 30), (28, 140))
    easel.stroke(BACKGROUND, (150, 16), (290, 28), (296, 90))
    easel.stroke(BACKGROUND, (75, 186), (112, 156))
    easel.stroke(BACKGROUND, (60, 225), (280, 222), (292, 170))
    return easel.scene("star")


def butterfly() -> Scene:
    """Return a butterfly with one wing partly behind a leaf."""
    easel = Easel("#b7cfae")
    axis, turn = np.array([156.0, 118.0]), 0.28
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for side in (-1, 1):
        for centre, long, wide, lean in (((46, -24), 50, 30, -0.5), ((36, 30), 36, 24, 0.6)):
            angle = np.linspace(0, 2 * np.pi, 120)
            x = (
                centre[0]
                + long * np.cos(angle) * np.cos(lean)
                - wide * np.sin(angle) * np.sin(lean)
            )
            y = (
                centre[1]
                + long * np.cos(angle) * np.sin(lean)
                + wide * np.sin(angle) * np.cos(lean)
            )
            easel.area(np.column_stack([side * x, y]) @ rotate.T + axis, "#e08a2e")
    body = np.array([[0, -42], [0, 46]]) @ rotate.T + axis
    easel.line(body, "#c9761f", 10)
    easel.area(polar((222, 176), lambda a: 44 - 14 * np.cos(2 * a + 0.6)), "#4f8a3d")
    easel.stroke(OBJECT, (100, 78), (132, 102), (156, 118), (196, 102))
    easel.stroke(OBJECT, (122, 136), (134, 126))
    easel.stroke(BACKGROUND, (22, 30), (26, 205), (130, 228))
    easel.stroke(BACKGROUND, (120, 14), (296, 20), (300, 110))
    easel.stroke(BACKGROUND, (262, 225), (292, 190))
    easel.stroke(BACKGROUND, (150, 44), (172, 50))
    return easel.scene("mirror")


def flower() -> Scene:
    """Petals around a middle, some of them behind a stalk."""
    easel = Easel("#3f5f4a")
    easel.area(polar((150, 118), lambda a: 58 + 22 * np.cos(6 * a), 0.2), "#e9d7ef")
    easel.area(polar((150, 118), 17), "#e5b53a")
    easel.line([(186, -5), (200, 120), (186, 245)], "#9a6b3f", 17)
    easel.stroke(OBJECT, (100, 104), (132, 112), (150, 118), (162, 112))
    easel.stroke(OBJECT, (140, 150), (136, 170))
    easel.stroke(OBJECT, (218, 130), (222, 133))
    easel.stroke(BACKGROUND, (40, 30), (34, 210), (130, 228))
    easel.stroke(BACKGROUND, (250, 24), (290, 120), (262, 215))
    easel.stroke(BACKGROUND, (186, 4), (189, 18))
    easel.stroke(BACKGROUND, (190, 222), (187, 236))
    return easel.scene("rotational:order=6")


def board() -> Scene:
    """Holes at equal distances, some of them under a sheet."""
    easel = Easel("#b9bdc4")
    for row in range(7):
        for column in range(9):
            x, y = 4 + 40 * column, 6 + 38 * row
            easel.area(polar((x, y), 11, count=60), "#23272e")
    easel.area([(176, 96), (268, 80), (282, 168), (190, 186)], "#e9e3d3")
    easel.stroke(OBJECT, (40, 120), (48, 120))
    easel.stroke(OBJECT, (80, 44), (88, 44))
    easel.stroke(OBJECT, (120, 158), (128, 158))
    easel.stroke(BACKGROUND, (24, 25), (300, 25))
    easel.stroke(BACKGROUND, (64, 50), (64, 215))
    easel.stroke(BACKGROUND, (84, 58), (84, 68))
    easel.stroke(BACKGROUND, (144, 215), (290, 215))
    return easel.scene("periodic", features="rgb")


def snake() -> Scene:
    """Return a long animal behind a fence."""
    easel = Easel("#9fb98a")
    t = np.linspace(0, 1, 160)
    body = np.column_stack([30 + 258 * t, 120 + 62 * np.sin(2.1 * np.pi * t + 0.4)])
    for x, y in body:
        easel.area(polar((x, y), 15, count=60), "#5b4a86")
    for x in (84, 150, 216):
        easel.line([(x, -5), (x, 245)], "#d8d2c4", 9)
    easel.stroke(OBJECT, *[tuple(p) for p in body[4:30:6]])
    easel.stroke(OBJECT, *[tuple(p) for p in body[42:68:6]])
    easel.stroke(OBJECT, *[tuple(p) for p in body[84:110:6]])
    easel.stroke(OBJECT, *[tuple(p) for p in body[126:152:6]])
    easel.stroke(BACKGROUND, (24, 30), (66, 26))
    easel.stroke(BACKGROUND, (110, 225), (60, 226))
    easel.stroke(BACKGROUND, (150, 20), (150, 74))
    easel.stroke(BACKGROUND, (180, 220), (205, 205))
    easel.stroke(BACKGROUND, (110, 50), (185, 40), (265, 30))
    easel.stroke(BACKGROUND, (280, 215), (240, 215))
    easel.stroke(BACKGROUND, (150, 190), (150, 232))
    return easel.scene("connected")


def beetle() -> Scene:
    """Convex and the same on both sides, a third of it under a leaf."""
    easel = Easel("#cdb894")
    easel.area(
        polar((160, 120), lambda a: 58 + 18 * np.cos(2 * a) + 3 * np.cos(3 * a), 0.5), "#2e5c8a"
    )
    easel.line([(108, 92), (212, 149)], "#1d3c5c", 4)
    easel.area(polar((214, 92), lambda a: 46 + 12 * np.cos(2 * a - 0.5)), "#6f9b4f")
    easel.stroke(OBJECT, (118, 112), (150, 140), (180, 154))
    easel.stroke(OBJECT, (128, 86), (156, 102))
    easel.stroke(OBJECT, (196, 146), (206, 150))
    easel.stroke(BACKGROUND, (40, 30), (36, 210), (150, 222))
    easel.stroke(BACKGROUND, (130, 22), (290, 24), (292, 190))
    return easel.scene("convex+mirror:axis=120.5/160/28.7")


SCENES = {
    "none": cell,
    "convex": plum,
    "star": starfish,
    "mirror": butterfly,
    "rotational": flower,
    "periodic": board,
    "connected": snake,
    "sums": beetle,
}
