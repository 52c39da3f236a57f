"""Colour (or grey value, or any channels) of each pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_isr.features.image import SourceImage
from napari_isr.frame import Frame

__all__ = ["Rgb"]


class Rgb:
    """Channels, standardised over the image: zero mean, unit variance.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : Frame
        Unused by this block; all blocks are made alike.
    """

    name = "rgb"

    def __init__(self, image: SourceImage, frame: Frame) -> None:
        self.image = image
        corners = [np.linspace(0, n - 1, min(n, 64)) for n in frame.shape]
        grid = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, frame.ndim)
        sample = image.at(grid)
        self._mean = sample.mean(axis=0)
        self._deviation = np.maximum(sample.std(axis=0), 1e-3)

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.image.channels

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        features: npt.NDArray[np.float32] = (self.image.at(points) - self._mean) / self._deviation
        return features
