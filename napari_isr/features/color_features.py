"""Color features: the channels of each pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_isr.features.color import rgb_to_lab, to_rgb
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points

__all__ = ["ColorFeatures"]

# Least deviations that values are divided by, so that a flat channel's noise stays small: a just
# noticeable difference is about 2.3 in L*a*b*.
LAB_FLOOR = 3.0
CHANNEL_FLOOR = 0.01
Array = npt.NDArray[np.float32]


class ColorFeatures:
    """Channels, standardised over the image: zero mean, unit variance.

    Three channels are taken for red, green and blue and brought to CIE L*a*b*, where equal
    distances look about equally different; any other number of channels stays as it is.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    basis : mapping, optional
        Mean and deviation of another image instead; see :attr:`normalization`.
    """

    name = "rgb"

    def __init__(
        self, image: SourceImage, frame: ImageGeometry, basis: Mapping[str, Array] | None = None
    ) -> None:
        self.image = image
        self._colored = image.channels == 3
        if basis is not None:
            self._mean, self._deviation = basis["mean"], basis["deviation"]
            return
        sample = self._values(
            meshgrid_points([np.linspace(0, n - 1, min(n, 64)) for n in frame.shape])
        )
        self._mean = sample.mean(axis=0)
        floor = LAB_FLOOR if self._colored else CHANNEL_FLOOR
        self._deviation = np.maximum(sample.std(axis=0), floor)

    @property
    def normalization(self) -> dict[str, Array]:
        """Mean and deviation by which the values are standardized."""
        return {"mean": self._mean, "deviation": self._deviation}

    @property
    def source(self) -> str:
        """Source of the values."""
        return "CIE L*a*b*" if self._colored else "channels"

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.image.channels

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        features: npt.NDArray[np.float32] = (self._values(points) - self._mean) / self._deviation
        return features

    def _values(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        values = self.image.at(points)
        return rgb_to_lab(to_rgb(values)) if self._colored else values
