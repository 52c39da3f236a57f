"""Conversion of channels to RGB and to perceptual colors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["rgb_to_lab", "to_lab_or_scaled", "to_rgb"]

Array = npt.NDArray[np.float32]


def to_rgb(values: Array) -> Array:
    """Red, green and blue (..., 3) in [0, 1] of scaled channels (..., c).

    Grey is repeated; of two channels the third is the mean; of more than three the first three
    are taken.
    """
    channels = values.shape[-1]
    if channels == 1:
        values = np.repeat(values, 3, axis=-1)
    elif channels == 2:
        values = np.concatenate([values, values.mean(axis=-1, keepdims=True)], axis=-1)
    return np.ascontiguousarray(np.clip(values[..., :3], 0, 1))


def rgb_to_lab(rgb: Array) -> Array:
    """CIE L*a*b* (..., 3) of sRGB in [0, 1]: L from 0 to 100, a and b about -100 to 100."""
    from skimage.color import rgb2lab  # takes a moment to load

    lab: Array = np.asarray(rgb2lab(rgb), np.float32)
    return lab


def to_lab_or_scaled(values: Array) -> Array:
    """Scaled channels (..., c) in units of L*a*b*: three as colours, others from 0 to 100."""
    return rgb_to_lab(to_rgb(values)) if values.shape[-1] == 3 else values * np.float32(100)
