"""Evidence that is evaluated where it is asked for, whatever the size of the image."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence.blocks import block_for, sides_of, stretch_left, stretch_of
from napari_isr.evidence.grid import EvidenceGrid
from napari_isr.evidence.weights import FOREGROUND_WEIGHT, evidence_from_probability
from napari_isr.frame import Frame
from napari_isr.timeline import Timeline

__all__ = ["SampledEvidence", "base_axes"]

BASE_CELLS = 128**2  # points at which sampled unaries are evaluated to see the whole image


class SampledEvidence:
    """Evidence of unaries that are evaluated at few points, whatever the size of the image.

    Parameters
    ----------
    probability : callable
        Maps pixel coordinates (n, d) to the probability of the foreground (n,).
    frame : Frame
        The image.
    base : tensor, optional
        Probabilities at :func:`base_axes`, if they are known already.
    weight : float, optional
        Of the foreground, see :func:`evidence_from_probability`.
    """

    def __init__(
        self,
        probability: Callable[[Tensor], Tensor],
        frame: Frame,
        base: Tensor | None = None,
        weight: float = FOREGROUND_WEIGHT,
    ) -> None:
        self.probability, self.frame, self.weight = probability, frame, weight
        self.base_block = block_for(frame.shape, BASE_CELLS, stretch_of(frame.spacing))
        self._known = base

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.frame.ndim

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of pixels along each axis."""
        return self.frame.shape

    @property
    def cell(self) -> float:
        """Longest side of a pixel, in shape coordinates."""
        return self.frame.pixel

    def block_for(self, cells: int) -> int:
        """Side of blocks, a power of two, such that at most ``cells`` of them cover the image."""
        return block_for(self.frame.shape, cells, stretch_of(self.frame.spacing))

    def sides(self, block: int) -> tuple[int, ...]:
        """Pixels of such a block along each axis: fewer where they are long, so that it is not."""
        return sides_of(block, stretch_of(self.frame.spacing))

    @cached_property
    def base(self) -> EvidenceGrid:
        """Evidence of the smallest blocks that are evaluated all over the image."""
        axes = base_axes(self.frame)
        sizes = [len(axis) for axis in axes]
        index = torch.cartesian_prod(*(torch.arange(n) for n in sizes))
        points, values = self.cells(self.base_block, index, self._known)
        places = points.unflatten(0, sizes)
        centres = [places.movedim(dim, 0).flatten(1, -2)[:, 0, dim] for dim in range(self.ndim)]
        lift = self.frame.lift if self.frame.lifted else None
        stretch = stretch_left(self.base_block, stretch_of(self.frame.spacing))
        return EvidenceGrid(values.unflatten(0, sizes), tuple(centres), lift, stretch)

    def coarsen(self, block: int) -> EvidenceGrid:
        """Evidence of all blocks, not finer than :attr:`base`."""
        return self.base.coarsen(max(1, block // self.base_block))

    def cells(
        self, block: int, index: Tensor, known: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Centres (n, d) and evidence (n,) of the blocks with the given indices (n, d).

        A block is judged by its centre, in space by the voxel next to it: a place between two
        voxels would get the evidence of one of them, and always shift the surface to one side.
        """
        last = torch.tensor(self.frame.shape, device=index.device) - 1
        sides = torch.tensor(self.sides(block), device=index.device)
        low = index * sides
        high = torch.minimum(low + sides - 1, last)
        share = (high - low + 1).prod(1).double() / math.prod(self.frame.shape)
        centre = (low + high).double() / 2
        if self.ndim > 2:
            centre = centre.floor()
        probability = self.probability(centre) if known is None else known.flatten()
        values = evidence_from_probability(probability, self.weight) * share.to(probability)
        return self.frame.to_shape(centre).to(probability), values


def base_axes(frame: Frame) -> list[npt.NDArray[np.float64]]:
    """Pixels along each axis that stand for the whole image, whatever its size.

    Parameters
    ----------
    frame : Frame
        The image.

    Returns
    -------
    list of (ni,) arrays
        Pixel coordinates; together at most ``BASE_CELLS`` points.
    """
    axes, sizes, cells, stretch = [], frame.shape, BASE_CELLS, stretch_of(frame.spacing)
    if isinstance(frame, Timeline):  # whose frames are picked, not summed
        axes, sizes = [frame.picked.astype(np.float64)], frame.shape[1:]
        cells, stretch = BASE_CELLS // len(frame.picked), stretch_of(frame.spacing[1:])
    for size, side in zip(sizes, sides_of(block_for(sizes, cells, stretch), stretch), strict=True):
        low = np.arange(0, size, side)
        centre = (low + np.minimum(low + side, size) - 1) / 2
        # As blocks are judged, see SampledEvidence.cells.
        in_space = frame.ndim > 2 and not isinstance(frame, Timeline)
        axes.append(np.floor(centre) if in_space else centre)
    return axes
