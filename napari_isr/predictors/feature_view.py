"""View of the features of an image on one device: at points or on a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence import coarse_axes
from napari_isr.geometry.image import ImageGeometry, meshgrid_points

__all__ = ["FeatureView"]

MAP_CELLS = 25_600  # of the maps that convolutions see, whatever the size of the image


SMOOTH = ("rgb", "spatial")


class FeatureBlock(Protocol):
    """Features of one kind."""

    @property
    def name(self) -> str:
        """Name of the features."""

    @property
    def width(self) -> int:
        """Number of features of one pixel."""


class FeatureProvider(Protocol):
    """Features, evaluated at points."""

    @property
    def blocks(self) -> Sequence[FeatureBlock]:
        """The kinds of features, in their order."""

    @property
    def width(self) -> int:
        """Number of features of one pixel."""

    def prepare(self, first: npt.NDArray[np.floating]) -> Iterator[float]:
        """Make what takes long, once; progress from 0 to 1."""

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""


class FeatureView:
    """The features of one image on one device.

    Parameters
    ----------
    features : ImageFeatures
        Of the image.
    frame : ImageGeometry
        The image.
    device : torch.device or str, optional
        Where the tensors are put.
    """

    def __init__(
        self, features: FeatureProvider, frame: ImageGeometry, device: torch.device | str = "cpu"
    ) -> None:
        self.features, self.frame, self.device = features, frame, torch.device(device)
        self._kept: tuple[npt.NDArray[np.float64], Tensor] | None = None

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return self.features.width

    def at(self, points: npt.NDArray[np.floating]) -> Tensor:
        """Features (n, width) at pixel coordinates (n, d)."""
        if points is self.__dict__.get("base_points"):
            return self._at_base
        if self._kept is not None and points is self._kept[0]:
            return self._kept[1]
        return torch.from_numpy(self.features.at(points)).to(self.device)

    def cached_points(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the points after their features were read into the cache."""
        if self._kept is None or self._kept[0] is not points:
            self._kept = points, torch.from_numpy(self.features.at(points)).to(self.device)
        return points

    @cached_property
    def base_points(self) -> npt.NDArray[np.float64]:
        """Pixel coordinates (n, d) all over the image, whose features are read once and kept."""
        return meshgrid_points(coarse_axes(self.frame))

    @cached_property
    def _at_base(self) -> Tensor:
        return torch.from_numpy(self.features.at(self.base_points)).to(self.device)

    @cached_property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of cells of :attr:`feature_grid` along each axis.

        A cell is never below a pixel.
        """
        factor = min(1.0, (MAP_CELLS / float(np.prod(self.frame.shape))) ** (1 / self.frame.ndim))
        return tuple(max(1, round(n * factor)) for n in self.frame.shape)

    @cached_property
    def feature_grid(self) -> Tensor:
        """Features (width, n1, ..., nd) of cells that cover the image; made once."""
        axes = [
            (np.arange(cells) + 0.5) * size / cells - 0.5
            for cells, size in zip(self.grid_shape, self.frame.shape, strict=True)
        ]
        columns = self.at(meshgrid_points(axes)).T
        maps: Tensor = columns.unflatten(1, self.grid_shape).contiguous()
        return maps

    @cached_property
    def smooth_feature_mask(self) -> Tensor:
        """Which features (width,) are colours and places: what a predictor may follow slowly."""
        blocks = self.features.blocks
        kinds = [block.name in SMOOTH for block in blocks for _ in range(block.width)]
        kinds += [True] * (self.width - len(kinds))  # the 0 that stands for no features
        return torch.tensor(kinds, device=self.device)

    def accumulate_to_grid(self, points: npt.NDArray[np.floating], values: Tensor) -> Tensor:
        """Sum values (n, c) of points in each cell: (c, n1, ..., nd)."""
        scale = np.array(self.grid_shape) / np.array(self.frame.shape)
        cells = np.floor((np.asarray(points) + 0.5) * scale).astype(np.int64)
        cells = np.clip(cells, 0, np.array(self.grid_shape) - 1)
        index = torch.from_numpy(np.ravel_multi_index(tuple(cells.T), self.grid_shape))
        sums = values.new_zeros(math.prod(self.grid_shape), values.shape[1])
        sums.index_add_(0, index.to(values.device), values)
        maps: Tensor = sums.T.unflatten(1, self.grid_shape)
        return maps

    def sample_grid(self, maps: Tensor, points: npt.NDArray[np.floating]) -> Tensor:
        """Interpolate maps (c, n1, ..., nd) linearly at pixel coordinates (n, d)."""
        sizes = torch.tensor(maps.shape[1:], device=maps.device)
        strides = torch.tensor(maps[0].contiguous().stride(), device=maps.device)
        scale = torch.tensor(maps.shape[1:]) / torch.tensor(self.frame.shape)
        where = (torch.from_numpy(np.asarray(points, np.float64)) + 0.5) * scale - 0.5
        where = torch.minimum(where.to(maps).clamp_min(0), sizes - 1)
        low = torch.minimum(where.long(), (sizes - 2).clamp_min(0))
        share = (where - low).to(maps.dtype)
        cells, found = maps.flatten(1), maps.new_zeros(len(maps), len(where))
        for corner in range(2 ** maps[0].ndim):
            steps = torch.tensor([corner >> dim & 1 for dim in range(maps[0].ndim)])
            steps = steps.to(maps.device)
            index = (torch.minimum(low + steps, sizes - 1) * strides).sum(1)
            weight = torch.where(steps.bool(), share, 1 - share).prod(1)
            found = found + cells[:, index] * weight
        return found.T
