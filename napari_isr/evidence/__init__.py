"""Evidence for and against an object, on a grid of cells."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from napari_isr.evidence.grid import (
    FILLING_WEIGHT,
    FOREGROUND_WEIGHT,
    DenseEvidence,
    axis_anisotropy,
    remaining_anisotropy,
    signed_evidence,
)
from napari_isr.evidence.lazy import LazyEvidence, coarse_axes

__all__ = [
    "FILLING_WEIGHT",
    "FOREGROUND_WEIGHT",
    "DenseEvidence",
    "Evidence",
    "LazyEvidence",
    "axis_anisotropy",
    "coarse_axes",
    "remaining_anisotropy",
    "signed_evidence",
]


class Evidence(Protocol):
    """Interface of evidence for a fit: sums over blocks of pixels, dense or on demand."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of finest cells along each axis."""

    @property
    def cell_size(self) -> float:
        """Longest side of the finest cell, in shape coordinates."""

    def block_size_for(self, cells: int) -> int:
        """Side of blocks, a power of two, such that at most ``cells`` of them cover the image."""

    def block_shape(self, block: int) -> tuple[int, ...]:
        """Return the pixels of a block along each axis, fewer along anisotropic axes."""

    def coarsen(self, block: int) -> DenseEvidence:
        """Evidence of all blocks; see :meth:`block_shape`."""

    def cell_evidence(self, block: int, index: Tensor) -> tuple[Tensor, Tensor]:
        """Centres (n, d) and evidence (n,) of the blocks with the given indices (n, d)."""
