"""Base class of features that are computed for whole planes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError
from napari_isr.features.cache import Arrays, FeatureCache, content_hash_key
from napari_isr.features.pca import PcaReduction
from napari_isr.features.source_image import PlaneReader, rescale_coordinates, sample_bilinear
from napari_isr.geometry.image import meshgrid_points

__all__ = ["PlaneFeatureBlock"]

Array = npt.NDArray[np.float32]
BASIS_PLANES = 4  # from which the components of a stack are found


class PlaneFeatureBlock(ABC):
    """Channels at one or several strides of a plane's working size, brought to a few components.

    In a stack each plane of the last two axes is looked at for itself, when a point in it is asked
    for; the components come from four planes, and are the same for all.

    Parameters
    ----------
    planes : PlaneReader
        The image at working size; both sides are multiples of the largest stride.
    cache : FeatureCache
        Keeps the maps.
    basis : mapping, optional
        Components of another image instead of its own; see :attr:`normalization`.
    """

    name: ClassVar[str]
    width: ClassVar[int]
    """Number of features of one pixel."""
    strides: tuple[int, ...]
    """Pixels of the working size per cell of each stage, the finest first."""

    def __init__(
        self, planes: PlaneReader, cache: FeatureCache, basis: Mapping[str, Array] | None = None
    ) -> None:
        self.planes, self.cache, self.given = planes, cache, basis
        self._keys: dict[tuple[int, ...], str] = {}
        self._reduction: PcaReduction | None = None
        if basis is not None:
            self._reduction = PcaReduction.from_arrays(basis["mean"], basis["matrix"])

    @property
    @abstractmethod
    def source(self) -> str:
        """Source of the features in words."""

    @property
    @abstractmethod
    def version(self) -> tuple[object, ...]:
        """Values beside the pixels that a map depends on. They are part of the cache key."""

    @abstractmethod
    def compute_scales(self, pixels: Array) -> list[Array]:
        """Return maps (h / stride, w / stride, c) of a plane (h, w, channels), by scale."""

    def pixels(self, plane: tuple[int, ...]) -> Array:
        """Return the input (h, w, channels) of the features at working size."""
        return self.planes.rgb(plane)

    def at(self, points: npt.NDArray[np.floating]) -> Array:
        """Features (n, width) at pixel coordinates (n, d), between the map's cells linearly."""
        features = np.empty((len(points), self.width), np.float32)
        for plane, chosen, where in self.planes.group_by_plane(points):
            features[chosen] = sample_bilinear(
                self.map(plane), rescale_coordinates(where, 1 / self.strides[0])
            )
        return features

    @property
    def normalization(self) -> dict[str, Array]:
        """The components, by which another image's channels become the same features."""
        kept = self._kept(self.planes.sample_planes(1)[0])
        return {name: np.asarray(kept[name], np.float32) for name in ("mean", "matrix")}

    def map(self, plane: tuple[int, ...] = ()) -> Array:
        """Features (h, w, width) of a plane at the finest stride of the working size."""
        return np.asarray(self._kept(plane)["map"], np.float32)

    def _kept(self, plane: tuple[int, ...]) -> Arrays:
        """Return the map of a plane and its components, from the cache if possible."""
        shape = (*(n // self.strides[0] for n in self.planes.size), self.width)

        def fits(arrays: Arrays) -> bool:
            if set(arrays) != {"map", "mean", "matrix"}:
                return False
            channels = arrays["mean"].shape
            return arrays["map"].shape == shape and arrays["matrix"].shape == (
                *channels,
                self.width,
            )

        return self.cache.get_or_compute(self._key(plane), lambda: self._reduced(plane), fits)

    def _key(self, plane: tuple[int, ...]) -> str:
        """Return the cache key of the map of a plane."""
        # The key is kept, for to read the plane and to hash it takes longer than to read points.
        if plane not in self._keys:
            basis = self._basis if self.given is None else tuple(self.given.values())
            parts = (*self.version, self.width, *basis, self.pixels(plane))
            self._keys[plane] = content_hash_key(self.name, *parts)
        return self._keys[plane]

    @cached_property
    def _basis(self) -> tuple[Array, ...]:
        """The planes that the components of a stack come from."""
        if not self.planes.leading:
            return ()
        return tuple(self.pixels(plane) for plane in self.planes.sample_planes(BASIS_PLANES))

    def _reduced(self, plane: tuple[int, ...]) -> dict[str, Array]:
        """Compute the map of a plane and its components."""
        channels, widths = self._joined(self.pixels(plane))
        check_cancelled()
        if self._reduction is None:
            self._reduction = self._begun(plane, channels, widths)
        if channels.shape[2] != len(self._reduction.mean):
            raise InputError(
                f"the features '{self.name}' were carried from an image of other channels: this "
                "one needs a predictor of its own"
            )
        return {"map": self._reduction(channels), **self._reduction.arrays}

    def _begun(self, plane: tuple[int, ...], channels: Array, widths: list[int]) -> PcaReduction:
        """Return components fitted to a few planes, whose maps are cached."""
        looked = {plane: channels}
        spread = self.planes.sample_planes(BASIS_PLANES) if self._basis else [plane]
        for other, pixels in zip(spread, self._basis, strict=False):
            if other != plane:
                looked[other] = self._joined(pixels)[0]
        sample = np.concatenate([looked[p].reshape(-1, channels.shape[2]) for p in spread])
        reduction = PcaReduction(sample, self.width, widths)
        for other in spread:  # to look at them again would take as long once more
            if other != plane:
                made = {"map": reduction(looked[other]), **reduction.arrays}
                self.cache.get_or_compute(self._key(other), partial(dict, made))
                check_cancelled()
        return reduction

    def _joined(self, pixels: Array) -> tuple[Array, list[int]]:
        """Join all channels (h, w, c) on the finest grid, and count those of each scale."""
        stages = self.compute_scales(pixels)
        height, width = stages[0].shape[:2]
        cells = meshgrid_points([np.arange(float(height)), np.arange(float(width))])
        fine = []
        for stage, stride in zip(stages[1:], self.strides[1:], strict=True):
            check_cancelled()
            fine.append(
                sample_bilinear(stage, rescale_coordinates(cells, self.strides[0] / stride))
            )
        joined = np.concatenate([stages[0].reshape(height * width, -1), *fine], axis=1)
        return joined.reshape(height, width, -1), [stage.shape[2] for stage in stages]
