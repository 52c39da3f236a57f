"""Evidence: what the unaries say for and against an object, on a grid of cells."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from napari_isr.evidence.blocks import stretch_left, stretch_of
from napari_isr.evidence.grid import EvidenceGrid
from napari_isr.evidence.sampled import SampledEvidence, base_axes
from napari_isr.evidence.weights import (
    FILLING_WEIGHT,
    FOREGROUND_WEIGHT,
    evidence_from_probability,
)

__all__ = [
    "FILLING_WEIGHT",
    "FOREGROUND_WEIGHT",
    "Evidence",
    "EvidenceGrid",
    "SampledEvidence",
    "base_axes",
    "evidence_from_probability",
    "stretch_left",
    "stretch_of",
]


class Evidence(Protocol):
    """What a fit asks of the unaries: sums over blocks of pixels, everywhere or where needed."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of finest cells along each axis."""

    @property
    def cell(self) -> float:
        """Longest side of the finest cell, in shape coordinates."""

    def block_for(self, cells: int) -> int:
        """Side of blocks, a power of two, such that at most ``cells`` of them cover the image."""

    def sides(self, block: int) -> tuple[int, ...]:
        """Pixels of such a block along each axis: fewer where they are long, so that it is not."""

    def coarsen(self, block: int) -> EvidenceGrid:
        """Evidence of all blocks; see :meth:`sides`."""

    def cells(self, block: int, index: Tensor) -> tuple[Tensor, Tensor]:
        """Centres (n, d) and evidence (n,) of the blocks with the given indices (n, d)."""
