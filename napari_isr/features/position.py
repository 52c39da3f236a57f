"""Position features: coordinates of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = ["CoordinateFeatures", "PositionFeatures"]


class PositionFeatures:
    """Isotropic, centred coordinates, scaled to about unit variance.

    Parameters
    ----------
    image : SourceImage
        Unused by this block; all blocks are made alike.
    frame : ImageGeometry
        Gives the coordinates.
    """

    name = "spatial"
    source = "coordinates"

    def __init__(self, image: SourceImage, frame: ImageGeometry) -> None:
        self.frame = frame

    @property
    def normalization(self) -> dict[str, npt.NDArray[np.float32]]:
        """Nothing: places mean the same in every image."""
        return {}

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.frame.ndim

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        uniform = self.frame.to_normalized(np.asarray(points, dtype=np.float64))[:, : self.width]
        scaled: npt.NDArray[np.float32] = (uniform * np.sqrt(3)).astype(np.float32)
        return scaled


class CoordinateFeatures:
    """Values of the maps that give a frame further coordinates, of about unit variance.

    Parameters
    ----------
    frame : ImageGeometry
        With more shape coordinates than axes.
    """

    name = "further"
    source = "further coordinates"

    def __init__(self, frame: ImageGeometry) -> None:
        self.frame = frame

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.frame.n_coordinates - self.frame.ndim

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        every = self.frame.to_normalized(np.asarray(points, dtype=np.float64))
        scaled: npt.NDArray[np.float32] = (every[:, self.frame.ndim :] * np.sqrt(3)).astype(
            np.float32
        )
        return scaled
