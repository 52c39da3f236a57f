"""Where a pixel lies in the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_isr.features.image import SourceImage
from napari_isr.frame import Frame

__all__ = ["Spatial"]


class Spatial:
    """Isotropic, centred coordinates, scaled to about unit variance.

    Parameters
    ----------
    image : SourceImage
        Unused by this block; all blocks are made alike.
    frame : Frame
        Gives the coordinates.
    """

    name = "spatial"
    source = "coordinates"

    def __init__(self, image: SourceImage, frame: Frame) -> None:
        self.frame = frame

    @property
    def basis(self) -> dict[str, npt.NDArray[np.float32]]:
        """Nothing: places mean the same in every image."""
        return {}

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.frame.ndim

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        uniform = self.frame.to_shape(np.asarray(points, dtype=np.float64))[:, : self.width]
        scaled: npt.NDArray[np.float32] = (uniform * np.sqrt(3)).astype(np.float32)
        return scaled
