"""A fruit's skin: shading of a round body with a calyx pole, lit like a leafy morning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthetic.outline import Outline
from synthetic.painting import Float, NoiseTexture, alpha_blend, smoothstep

__all__ = ["SKINS", "Fruit"]

# Linear RGB of the ripe body and of the shoulders around the calyx.
SKINS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "red": ((0.66, 0.030, 0.014), (0.62, 0.10, 0.016)),
    "orange": ((0.80, 0.17, 0.012), (0.70, 0.30, 0.02)),
    "golden": ((0.86, 0.36, 0.018), (0.74, 0.42, 0.03)),
    "plum": ((0.20, 0.018, 0.050), (0.24, 0.05, 0.04)),
}
LAMP = np.array([-0.56, -0.46, 0.69])


@dataclass(frozen=True)
class Fruit:
    """A tomato: outline, colours and where its calyx sits.

    Attributes
    ----------
    outline : FitContour
        The convex silhouette.
    skin : str
        Key of `SKINS`.
    pole : (float, float)
        The calyx, as (row, column) in units of the outline's radius from the centre.
    """

    outline: Outline
    skin: str
    pole: tuple[float, float]

    @property
    def calyx(self) -> tuple[float, float]:
        """Position of the calyx in the picture, (row, column) in pixels."""
        size = float(self.outline.radii.mean())
        row, column = self.outline.centre
        return float(row + size * self.pole[0]), float(column + size * self.pole[1])

    def render(self, rows: Float, columns: Float, texture: NoiseTexture) -> tuple[Float, Float]:
        """Colour the fruit.

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
            How much of each pixel the fruit covers, 0 to 1.
        """
        distance, angle, radius = (
            part.astype(np.float32) for part in self.outline.polar(rows, columns)
        )
        cover = np.clip(0.5 + radius - distance, 0, 1)
        size = float(self.outline.radii.mean())
        blotch = texture.cut("broad", cover.shape, int(size))
        fine = texture.cut("fine", cover.shape, int(size))

        gauge = np.minimum(distance / radius, 1.0)
        bump = 0.010 * fine
        y, x = gauge * np.sin(angle), gauge * np.cos(angle)
        z = np.sqrt(np.maximum(1 - gauge**2, 0))

        # Lobes run from the calyx like meridians and fade towards the equator.
        pole = np.array([*self.pole, np.sqrt(max(0.05, 1 - self.pole[0] ** 2 - self.pole[1] ** 2))])
        east = np.cross(pole, [1.0, 0.0, 0.0])
        east /= np.linalg.norm(east)
        north = np.cross(pole, east)
        height = y * pole[0] + x * pole[1] + z * pole[2]
        u, v = x * east[1] + z * east[2] + y * east[0], y * north[0] + x * north[1] + z * north[2]
        longitude = np.arctan2(v, u)
        near = np.clip((height - 0.15) / 0.85, 0, 1)
        lobe = np.cos(5 * longitude + 0.4 * np.sin(2 * longitude)) * near**1.5
        dimple = np.exp(-((1 - height) / 0.09))

        lambert = y * LAMP[0] + x * LAMP[1] + z * LAMP[2] + 0.05 * lobe + bump
        key = np.clip((lambert + 0.18) / 1.18, 0, 1) ** 1.25
        sky = 0.5 - 0.5 * y
        rim = (1 - z) ** 3
        body, shoulder = (np.array(color) for color in SKINS[self.skin])
        base = alpha_blend(
            np.broadcast_to(body, (*cover.shape, 3)),
            shoulder,
            np.clip(0.9 * near**3 + 0.12 * blotch * near, 0, 1),
        )
        base = base * (1 + 0.05 * blotch + 0.02 * fine + 0.05 * lobe)[..., None]
        lamp = np.array([1.12, 1.03, 0.92])
        ambient = np.array([0.22, 0.25, 0.26]) * sky[..., None]
        bounce = np.array([0.24, 0.26, 0.10]) * (1 - sky)[..., None]
        light = 1.15 * key[..., None] * lamp + ambient + bounce
        color = base * light * (1 - 0.55 * dimple - 0.10 * rim)[..., None]
        # Light that wanders under the skin warms the edge of the shadow.
        glow = np.exp(-(((lambert + 0.05) / 0.22) ** 2)) * 0.10
        color = color + glow[..., None] * body * np.array([1.0, 0.8, 0.5])

        mirror_y, mirror_x, mirror_z = 2 * z * y, 2 * z * x, 2 * z * z - 1
        facing = mirror_y * LAMP[0] + mirror_x * LAMP[1] + mirror_z * LAMP[2]
        facing = facing + 0.03 * lobe + 0.004 * blotch
        window = smoothstep(facing, 0.92, 0.995)
        sheen = np.clip(facing, 0, 1) ** 7
        fresnel = 0.04 + 0.5 * (1 - z) ** 4
        leafy = (0.5 + 0.35 * texture.cut("coarse", cover.shape, int(size))).clip(0, 1.4)
        surround = np.array([0.13, 0.20, 0.07]) * (leafy * (0.5 + 0.8 * sky))[..., None]
        color = color + fresnel[..., None] * surround
        color = color + (0.80 * window + 0.11 * sheen)[..., None] * np.array([0.95, 1.0, 1.0])
        return color, cover
