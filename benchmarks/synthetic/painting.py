"""Painting in linear light: windows, noise, blending and the finish of a photograph."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Float",
    "NoiseTexture",
    "Window",
    "alpha_blend",
    "develop",
    "smoothstep",
    "upsample_bilinear",
    "window_around",
    "window_coordinates",
]

Float: TypeAlias = NDArray[np.floating[Any]]
Window: TypeAlias = tuple[slice, slice]


def window_around(points: Float, shape: tuple[int, int], margin: float) -> Window:
    """Return the part of an image within `margin` pixels of the points' bounding box."""
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, shape).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin) + 1, low, shape).astype(int)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def window_coordinates(window: Window) -> tuple[Float, Float]:
    """Return a window's rows, (h, 1), and columns, (1, w)."""
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :]
    return rows, columns


def smoothstep(values: Float, low: float, high: float) -> Float:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def alpha_blend(below: Float, above: ArrayLike, cover: Float) -> Float:
    """Lay a colour over another; `cover` (h, w) is 1 where only the upper one is seen."""
    upper = np.asarray(above, np.float32)
    return np.asarray(below + np.clip(cover, 0, 1)[..., None] * (upper - below))


class NoiseTexture:
    """Noise of mean 0 and deviation about 1, made once and cut where it is wanted.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : (int, int)
        The largest piece that will be cut, in pixels.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        unit = min(shape)
        self._room = unit // 4
        size = shape[0] + self._room, shape[1] + self._room
        self._pieces = {
            name: _noise(rng, size, scale)
            for name, scale in (("fine", 2.5), ("coarse", unit / 20), ("broad", unit / 5))
        }

    def cut(self, name: str, shape: tuple[int, ...], seed: int) -> Float:
        """Cut a piece: "fine", "coarse" or "broad"; the seed says where."""
        row, column = seed % self._room, (seed // self._room) % self._room
        return self._pieces[name][row : row + shape[0], column : column + shape[1]]


def _noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Float:
    from scipy.ndimage import gaussian_filter

    # Only noise finer than the step needs the full size; the rest is smooth at a quarter of it.
    step = 4 if scale > 8 else 1
    size = shape[0] // step + 2, shape[1] // step + 2
    white = rng.standard_normal(size, dtype=np.float32)
    full = gaussian_filter(white, 0.45 * scale / step, mode="wrap", truncate=3)
    full /= full.std()
    return upsample_bilinear(full, step)[: shape[0], : shape[1]]


def upsample_bilinear(image: Float, step: int) -> Float:
    """Enlarge an image, (h, w, …), by a whole number along rows and columns, bilinearly."""
    if step == 1:
        return image
    share = (np.arange(step, dtype=np.float32) / step).reshape(step, *[1] * image.ndim)
    for axis in (0, 1):
        lines = np.moveaxis(image, axis, 0)
        between = lines[:-1] + share * (lines[1:] - lines[:-1])
        stacked = np.swapaxes(between, 0, 1).reshape(-1, *lines.shape[1:])
        image = np.moveaxis(np.concatenate([stacked, lines[-1:]]), 0, axis)
    return image


def develop(light: Float, rng: np.random.Generator, noise: float = 0.010) -> NDArray[np.uint8]:
    """Develop linear light, (H, W, 3), to uint8: falloff, a film's curve, sRGB and grain."""
    height, width = light.shape[:2]
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falloff = (1 - 0.22 * (rows**2 + columns**2) ** 1.2).astype(np.float32)
    x = 0.95 * np.maximum(light * falloff[..., None], 0)
    # Narkowicz's fit of the ACES film curve.
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 1e-6, 1)
    srgb = np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    grain = 0.5 * grain + 0.8 * rng.standard_normal(light.shape[:2], dtype=np.float32)[..., None]
    return np.asarray(np.clip(np.rint(255 * (srgb + noise * grain)), 0, 255), np.uint8)
