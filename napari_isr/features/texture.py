"""Texture features at several scales."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.features.cache import FeatureCache
from napari_isr.features.color import to_lab_or_scaled
from napari_isr.features.pca import PcaReduction
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.features.source_image import PlaneReader, SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = ["Texture"]

Array = npt.NDArray[np.float32]
VERSION = 1  # of the computation: maps kept by another version are not used
SIDE = 512  # of the square with as many pixels as a plane at working size
LEVELS = 4  # of the pyramid, each at half the size of the one before
COLORS = 3  # channels that are looked at; more are brought to as many
NEAR = 1.0  # scale of what is there, in pixels of a level
AROUND = 1.5  # scale of what is around


class Texture(PlaneFeatureBlock):
    r"""Filters of scikit-image at four scales, brought to 12 components.

    At each level of a pyramid and for each channel (L\*a\*b\* of an RGB image): the smoothed
    value, its standard deviation around the pixel, the square roots of the eigenvalues of the
    structure tensor (how much it varies across and along streaks), and the eigenvalues of the
    Hessian (ridges, blobs). All are the same for a picture that is turned.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    cache : FeatureCache
        Keeps the maps.
    basis : mapping, optional
        See :class:`PlaneFeatureBlock`.
    """

    name = "texture"
    width = 12
    source = "scikit-image filters"
    version = (VERSION,)
    strides = tuple(2**level for level in range(1, LEVELS + 1))

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        cache: FeatureCache,
        basis: Mapping[str, Array] | None = None,
    ) -> None:
        planes = PlaneReader(image, frame, SIDE, enlarge=2, multiple=self.strides[-1])
        super().__init__(planes, cache, basis)
        self._channels: PcaReduction | None = None
        if basis is not None and "channels_mean" in basis:
            self._channels = PcaReduction.from_arrays(
                basis["channels_mean"], basis["channels_matrix"]
            )

    @property
    def normalization(self) -> dict[str, Array]:
        """The components of the filters' answers, and of the channels if they are many."""
        arrays = super().normalization
        if self.planes.image.channels > COLORS:
            if self._channels is None:  # the maps were kept from another time
                self._colors(self.pixels(self.planes.sample_planes(1)[0]))
            assert self._channels is not None
            arrays |= {f"channels_{k}": v for k, v in self._channels.arrays.items()}
        return arrays

    def pixels(self, plane: tuple[int, ...]) -> Array:
        """Return all channels. See :meth:`PlaneFeatureBlock.pixels`."""
        return self.planes.pixels(plane)

    def compute_scales(self, pixels: Array) -> list[Array]:
        """Return filtered levels of a pyramid. See :meth:`PlaneFeatureBlock.compute_scales`."""
        colors = self._colors(pixels)
        found = []
        for _ in self.strides:
            found.append(downsample_2x(texture_filters(colors)))
            colors = downsample_2x(colors)
        return found

    def _colors(self, pixels: Array) -> Array:
        channels = pixels.shape[2]
        if channels <= COLORS:
            return to_lab_or_scaled(pixels)
        if self._channels is None:
            sample = np.concatenate([p.reshape(-1, channels) for p in self._basis or (pixels,)])
            self._channels = PcaReduction(sample, COLORS)
        return self._channels(pixels)


def texture_filters(colors: Array) -> Array:
    """Answers (h, w, 6 c) of the filters to channels (h, w, c)."""
    # They take a moment to load.
    from skimage.feature import (
        hessian_matrix,
        hessian_matrix_eigvals,
        structure_tensor,
        structure_tensor_eigenvalues,
    )
    from skimage.filters import gaussian

    answers: list[Array] = []
    for values in np.moveaxis(colors, 2, 0):
        check_cancelled()
        tensor = structure_tensor(values, AROUND, mode="nearest", order="rc")
        hessian = hessian_matrix(
            values, NEAR, mode="nearest", order="rc", use_gaussian_derivatives=False
        )
        centered = values - values.mean()
        mean = gaussian(centered, AROUND)
        variance = gaussian(centered**2, AROUND) - mean**2
        answers += [
            gaussian(values, NEAR),
            np.sqrt(np.maximum(variance, 0)),
            *np.sqrt(np.maximum(structure_tensor_eigenvalues(tensor), 0)),
            *hessian_matrix_eigvals(hessian),
        ]
    return np.stack(answers, axis=2).astype(np.float32)


def downsample_2x(maps: Array) -> Array:
    """Means (h / 2, w / 2, c) of two by two cells of maps (h, w, c) of even sides."""
    height, width, channels = maps.shape
    means: Array = maps.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))
    return means
