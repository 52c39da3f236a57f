"""A garden out of focus."""

from __future__ import annotations

import numpy as np

from synthetic.painting import Float, NoiseTexture, alpha_blend, upsample_bilinear

__all__ = ["backdrop"]

SHRINK = 2
TONES = np.array(
    [
        (0.030, 0.085, 0.020),
        (0.055, 0.140, 0.025),
        (0.100, 0.210, 0.035),
        (0.160, 0.270, 0.060),
        (0.020, 0.050, 0.022),
        (0.120, 0.110, 0.050),
        (0.060, 0.110, 0.080),
    ]
)


def backdrop(rng: np.random.Generator, shape: tuple[int, int], texture: NoiseTexture) -> Float:
    """Paint blurred leaves, earth and spots of light.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : (int, int)
        Rows and columns.
    texture : NoiseTexture
        Where to cut noise from.

    Returns
    -------
    light : (H, W, 3) ndarray of float
        Linear RGB.
    """
    from scipy.ndimage import gaussian_filter

    height, width = (-(-n // SHRINK) + 1 for n in shape)
    unit = min(height, width)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    depth = np.clip(rows / height + 0.12 * texture.cut("broad", (height, width), 0), 0, 1)
    top, bottom = np.array([0.115, 0.21, 0.055]), np.array([0.022, 0.05, 0.016])
    light = top + depth[..., None] * (bottom - top)

    for layer, blur in ((26, 0.030), (20, 0.014)):
        for _ in range(layer):
            row, column = rng.uniform(-0.05, 1.05, 2) * (height, width)
            long, flat = unit * rng.uniform(0.08, 0.2), rng.uniform(0.25, 0.55)
            heading = rng.uniform(0, np.pi)
            bright = rng.uniform(0.7, 1.25) * (1.25 - 0.7 * row / height)
            tone = TONES[rng.integers(len(TONES))] * bright
            r0, r1 = int(max(row - long, 0)), int(min(row + long, height)) + 1
            c0, c1 = int(max(column - long, 0)), int(min(column + long, width)) + 1
            spot = slice(r0, r1), slice(c0, c1)
            down, right = rows[spot] - row, columns[spot] - column
            ahead = right * np.cos(heading) + down * np.sin(heading)
            side = down * np.cos(heading) - right * np.sin(heading)
            leaf = 1 - np.abs(ahead / long) ** 1.6 - np.abs(side / (flat * long)) ** 1.3
            light[spot] = alpha_blend(light[spot], tone, 6 * leaf * 0.85)
        light = gaussian_filter(light, (blur * unit, blur * unit, 0))

    for _ in range(16):
        row, column = rng.uniform(0, 0.75) * height, rng.uniform(0, 1) * width
        radius = unit * rng.uniform(0.015, 0.045)
        distance = np.hypot(rows - row, columns - column)
        disc = np.clip((radius - distance) / 1.5 + 0.5, 0, 1) * (0.75 + 0.25 * distance / radius)
        tone = np.array([0.42, 0.50, 0.20]) * rng.uniform(0.3, 1.0)
        light = light + (rng.uniform(0.15, 0.5) * disc)[..., None] * tone
    light = gaussian_filter(light, (1.2, 1.2, 0))
    return upsample_bilinear(light.astype(np.float32), SHRINK)[: shape[0], : shape[1]]
