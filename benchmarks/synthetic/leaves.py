"""Leaves and stems: bands along a circular arc, with exact coordinates along and across."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.painting import Float, NoiseTexture, Window, alpha_blend, window_around

__all__ = ["Arc", "Leaf", "Stem"]


@dataclass(frozen=True)
class Arc:
    """A circular arc in the picture.

    Attributes
    ----------
    base : (float, float)
        Start as (row, column), in pixels.
    heading : float
        Direction at the start: angle from the column axis towards the row axis.
    length : float
        Length, in pixels.
    bend : float
        Angle through which the arc turns, below pi in size.
    """

    base: tuple[float, float]
    heading: float
    length: float
    bend: float

    @classmethod
    def between(cls, start: tuple[float, float], stop: Float, bend: float) -> Arc:
        """Join two points, (row, column), by an arc that turns through `bend`."""
        down, right = stop[0] - start[0], stop[1] - start[1]
        length = np.hypot(down, right) / np.sinc(bend / (2 * np.pi))
        heading = np.arctan2(down, right) - bend / 2
        return cls((float(start[0]), float(start[1])), float(heading), float(length), bend)

    def along_across(self, rows: Float, columns: Float) -> tuple[Float, Float]:
        """Return positions along the arc (0 to 1) and distances across it (pixels)."""
        down, right = rows - self.base[0], columns - self.base[1]
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        ahead = right * cosine + down * sine
        side = down * cosine - right * sine
        bend = self.bend if abs(self.bend) > 1e-3 else 1e-3
        turn = 1.0 if bend > 0 else -1.0
        radius = self.length / abs(bend)
        angle = np.arctan2(ahead, radius - turn * side)
        across = turn * (radius - np.hypot(ahead, radius - turn * side))
        return np.asarray(angle / abs(bend)), np.asarray(across)

    def points(self, count: int) -> Float:
        """Return `count` points from start to end, (count, 2) as (row, column)."""
        bend = self.bend if abs(self.bend) > 1e-3 else 1e-3
        angle = self.heading + bend * np.linspace(0, 1, count)
        radius = self.length / bend
        rows = self.base[0] - radius * (np.cos(angle) - np.cos(self.heading))
        columns = self.base[1] + radius * (np.sin(angle) - np.sin(self.heading))
        return np.stack([rows, columns], axis=1)


@dataclass(frozen=True)
class Leaf:
    """A toothed leaf.

    Attributes
    ----------
    arc : Arc
        The midrib.
    width : float
        Largest half width, in pixels.
    colour : (float, float, float)
        Linear RGB in [0, 1].
    teeth : int
        Teeth along each side.
    fold : float
        How much lighter one half is than the other.
    gloss : float
        Strength of the sheen.
    seed : int
        Of the texture.
    """

    arc: Arc
    width: float
    color: tuple[float, float, float]
    teeth: int = 9
    fold: float = 0.15
    gloss: float = 0.3
    seed: int = 0

    def half_width(self, along: Float, side: Float) -> Float:
        """Half width in pixels at `along`, on the side of the sign of `side`."""
        u = np.clip(along, 0, 1)
        body = 2.15 * u**0.62 * (1 - u) ** 0.95
        phase = (self.teeth * u**0.9 + 0.3 * (side > 0)) % 1.0
        saw = np.where(phase < 0.75, phase / 0.75, (1 - phase) / 0.25)
        wave = 1 + 0.05 * np.sin(2 * np.pi * (1.3 * u + 0.37 * self.seed + 0.4 * (side > 0)))
        return np.asarray(self.width * body * wave * (0.93 + 0.12 * saw))

    def covers(self, rows: Float, columns: Float) -> NDArray[np.bool_]:
        """Return a mask of the points on the leaf."""
        along, across = self.arc.along_across(rows, columns)
        inside = (along > 0) & (along < 1) & (np.abs(across) < 1.3 * self.width)
        half = self.half_width(along[inside], across[inside])
        inside[inside] = np.abs(across[inside]) < half
        return np.asarray(inside)

    def window(self, shape: tuple[int, int], margin: float = 2.0) -> Window:
        """Rows and columns of an image of this shape that the leaf may touch."""
        return window_around(self.arc.points(12), shape, 1.15 * self.width + margin)

    def render(self, rows: Float, columns: Float, texture: NoiseTexture) -> tuple[Float, Float]:
        """Colour the leaf, lit from the upper left.

        Parameters
        ----------
        rows, columns : ndarray of float
            A window's coordinates, in pixels; they broadcast.
        texture : NoiseTexture
            Where to cut noise from.

        Returns
        -------
        colour : (h, w, 3) ndarray of float
            Linear RGB.
        cover : (h, w) ndarray of float
            How much of each pixel the leaf covers, 0 to 1.
        """
        along, across = self.arc.along_across(rows, columns)
        full = np.zeros(along.shape, np.float32)
        near = (along > -0.1) & (along < 1.1) & (np.abs(across) < 1.25 * self.width + 1)
        # Noise is cut before and colours are worked out only where the leaf can be.
        grain = texture.cut("coarse", full.shape, self.seed)[near]
        fine = texture.cut("fine", full.shape, self.seed)[near]
        along, across = along[near], across[near]
        half = self.half_width(along, across)
        length = self.arc.length
        ends = np.minimum(along, 1 - along) * length
        full[near] = np.clip(0.5 + 0.85 * (half - np.abs(across)), 0, 1) * np.clip(0.5 + ends, 0, 1)

        side = np.tanh(across / (0.012 * length))
        v = np.minimum(np.abs(across) / np.maximum(half, 1.0), 1)

        # Side veins leave the midrib forwards and curve towards the tip.
        vein = (self.teeth * (along - 0.16 * v**1.4 - 0.03 * (side > 0))) % 1.0
        ridge = np.exp(-(((vein - 0.5) / 0.06) ** 2)) * np.sqrt(1 - v)
        bulge = np.sin(2 * np.pi * vein) * np.sqrt(v) * (1 - v)
        midrib = np.exp(-((across / (0.013 * length * (1.3 - along))) ** 2))

        shade = 0.82 + self.fold * side * (1 - 0.4 * v) + 0.20 * bulge - 0.20 * (1 - v) ** 3
        shade = shade * (1 + 0.14 * grain + 0.06 * fine + 0.25 * (along - 0.5))
        color = np.array(self.color, np.float32)
        lit = color * shade[..., None]
        dry = np.clip(0.3 * v**5 + 0.8 * (along - 0.8), 0, 1) * np.clip(0.5 + 0.5 * grain, 0, 1)
        lit = alpha_blend(lit, (0.30, 0.22, 0.05), 0.6 * dry)
        lit = alpha_blend(lit, color * np.array([2.1, 1.55, 1.6]), 0.30 * ridge + 0.8 * midrib)
        facing = (
            0.5 + 0.5 * side * np.sign(self.fold) + 0.5 * bulge + 0.3 * grain - 1.2 * (v - 0.5) ** 2
        )
        sheen = self.gloss * np.clip(facing - 0.45, 0, 1) ** 1.5 * (1 - 0.5 * ridge)
        colors = np.zeros((*full.shape, 3), np.float32)
        colors[near] = lit + sheen[..., None] * np.array([0.13, 0.17, 0.12], np.float32)
        return colors, full


@dataclass(frozen=True)
class Stem:
    """A round stem that tapers.

    Attributes
    ----------
    arc : Arc
        Its middle line.
    width : float
        Half width at the start, in pixels.
    taper : float
        Half width at the end, as a share of that at the start.
    colour : (float, float, float)
        Linear RGB in [0, 1].
    seed : int
        Of the texture.
    """

    arc: Arc
    width: float
    taper: float
    color: tuple[float, float, float]
    seed: int = 0

    def half_width(self, along: Float) -> Float:
        """Half width in pixels at `along`."""
        return np.asarray(self.width * (1 + (self.taper - 1) * np.clip(along, 0, 1)))

    def covers(self, rows: Float, columns: Float) -> NDArray[np.bool_]:
        """Return a mask of the points on the stem."""
        along, across = self.arc.along_across(rows, columns)
        inside = (along > 0) & (along < 1)
        return np.asarray(inside & (np.abs(across) < self.half_width(along)))

    def window(self, shape: tuple[int, int], margin: float = 2.0) -> Window:
        """Rows and columns of an image of this shape that the stem may touch."""
        return window_around(self.arc.points(12), shape, 1.1 * self.width + margin)

    def render(self, rows: Float, columns: Float, texture: NoiseTexture) -> tuple[Float, Float]:
        """Colour the stem; see `Leaf.render`."""
        along, across = self.arc.along_across(rows, columns)
        half = self.half_width(along)
        ends = np.minimum(along, 1 - along) * self.arc.length
        cover = np.clip(0.5 + half - np.abs(across), 0, 1) * np.clip(0.5 + ends, 0, 1)
        v = np.clip(across / np.maximum(half, 0.5), -1, 1)
        heading = self.arc.heading + self.arc.bend * np.clip(along, 0, 1)
        # Light comes from the upper left; `across` grows to the right of the way along.
        towards = v * (0.62 * np.sin(heading) - 0.78 * np.cos(heading))
        grain = texture.cut("coarse", cover.shape, self.seed)
        shade = 0.42 + 0.55 * towards + 0.35 * np.sqrt(1 - v**2) + 0.10 * grain
        lit = np.array(self.color, np.float32) * np.clip(shade, 0.10, None)[..., None]
        gleam = np.exp(-(((towards - 0.45) / 0.2) ** 2))
        return lit + 0.06 * gleam[..., None], cover
