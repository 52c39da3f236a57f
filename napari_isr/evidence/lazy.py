"""Lazy evidence, evaluated on demand for images of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence.grid import (
    FOREGROUND_WEIGHT,
    DenseEvidence,
    axis_anisotropy,
    block_sides,
    block_size_for,
    remaining_anisotropy,
    signed_evidence,
)
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = ["LazyEvidence", "coarse_axes"]

BASE_CELLS = 128**2  # points at which sampled unaries are evaluated to see the whole image


class LazyEvidence:
    """Evidence of unaries that are evaluated at few points, whatever the size of the image.

    Parameters
    ----------
    probability : callable
        Maps pixel coordinates (n, d) to the probability of the foreground (n,).
    frame : ImageGeometry
        The image.
    base : tensor, optional
        Probabilities at :func:`coarse_axes`, if they are known already.
    weight : float, optional
        Of the foreground, see :func:`signed_evidence`.
    """

    def __init__(
        self,
        probability: Callable[[Tensor], Tensor],
        frame: ImageGeometry,
        base: Tensor | None = None,
        weight: float = FOREGROUND_WEIGHT,
    ) -> None:
        self.probability, self.frame, self.weight = probability, frame, weight
        self.base_block = block_size_for(frame.shape, BASE_CELLS, axis_anisotropy(frame.spacing))
        self._known = base

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.frame.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pixels along each axis."""
        return self.frame.shape

    @property
    def cell_size(self) -> float:
        """Longest side of a pixel, in shape coordinates."""
        return self.frame.pixel

    def block_size_for(self, cells: int) -> int:
        """Side of blocks, a power of two, such that at most ``cells`` of them cover the image."""
        return block_size_for(self.frame.shape, cells, axis_anisotropy(self.frame.spacing))

    def block_shape(self, block: int) -> tuple[int, ...]:
        """Return the pixels of a block along each axis, fewer along anisotropic axes."""
        return block_sides(block, axis_anisotropy(self.frame.spacing))

    @cached_property
    def coarse(self) -> DenseEvidence:
        """Evidence of the smallest blocks that are evaluated all over the image."""
        axes = coarse_axes(self.frame)
        sizes = [len(axis) for axis in axes]
        index = torch.cartesian_prod(*(torch.arange(n) for n in sizes))
        points, values = self.cell_evidence(self.base_block, index, self._known)
        places = points.unflatten(0, sizes)
        centres = [places.movedim(dim, 0).flatten(1, -2)[:, 0, dim] for dim in range(self.ndim)]
        lift = self.frame.append_coordinates if self.frame.has_extra_coordinates else None
        stretch = remaining_anisotropy(self.base_block, axis_anisotropy(self.frame.spacing))
        return DenseEvidence(values.unflatten(0, sizes), tuple(centres), lift, stretch)

    def coarsen(self, block: int) -> DenseEvidence:
        """Evidence of all blocks, not finer than :attr:`coarse`."""
        return self.coarse.coarsen(max(1, block // self.base_block))

    def cell_evidence(
        self, block: int, index: Tensor, known: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Centres (n, d) and evidence (n,) of the blocks with the given indices (n, d).

        A block is judged by its centre, in space by the voxel next to it: a place between two
        voxels would get the evidence of one of them, and always shift the surface to one side.
        """
        last = torch.tensor(self.frame.shape, device=index.device) - 1
        sides = torch.tensor(self.block_shape(block), device=index.device)
        low = index * sides
        high = torch.minimum(low + sides - 1, last)
        share = (high - low + 1).prod(1).double() / math.prod(self.frame.shape)
        centre = (low + high).double() / 2
        if self.ndim > 2:
            centre = centre.floor()
        probability = self.probability(centre) if known is None else known.flatten()
        values = signed_evidence(probability, self.weight) * share.to(probability)
        return self.frame.to_normalized(centre).to(probability), values


def coarse_axes(frame: ImageGeometry) -> list[npt.NDArray[np.float64]]:
    """Return coarse pixel positions along each axis that cover the whole image.

    Parameters
    ----------
    frame : ImageGeometry
        The image.

    Returns
    -------
    list of (ni,) arrays
        Pixel coordinates; together at most ``BASE_CELLS`` points.
    """
    axes, sizes, cells, stretch = [], frame.shape, BASE_CELLS, axis_anisotropy(frame.spacing)
    if isinstance(frame, TimeSeriesGeometry):  # whose frames are picked, not summed
        axes, sizes = [frame.key_frames.astype(np.float64)], frame.shape[1:]
        cells, stretch = BASE_CELLS // len(frame.key_frames), axis_anisotropy(frame.spacing[1:])
    for size, side in zip(
        sizes, block_sides(block_size_for(sizes, cells, stretch), stretch), strict=True
    ):
        low = np.arange(0, size, side)
        centre = (low + np.minimum(low + side, size) - 1) / 2
        # As blocks are judged, see SampledEvidence.cells.
        in_space = frame.ndim > 2 and not isinstance(frame, TimeSeriesGeometry)
        axes.append(np.floor(centre) if in_space else centre)
    return axes
