"""Blocks of cells or pixels that are about as long along every axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "axis_anisotropy",
    "block_sides",
    "block_size_for",
    "remaining_anisotropy",
    "split_into_blocks",
]


def block_size_for(sizes: Sequence[int], cells: int, stretch: Sequence[int]) -> int:
    """Side of blocks, a power of two, such that at most ``cells`` of them cover all."""
    block = 1

    def count() -> int:
        sides = block_sides(block, stretch)
        return math.prod(-(-n // side) for n, side in zip(sizes, sides, strict=True))

    while count() > max(cells, 1):
        block *= 2
    return block


def axis_anisotropy(spacing: Sequence[float]) -> tuple[int, ...]:
    """How many times as long as the shortest one each side is, to the nearest power of two."""
    logs = (math.floor(math.log2(side / min(spacing)) + 0.5) for side in spacing)
    return tuple(2**log for log in logs)


def block_sides(block: int, stretch: Sequence[int]) -> tuple[int, ...]:
    """Cells of such a block along each axis: fewer where they are long, so that it is not."""
    return tuple(max(1, block // times) for times in stretch)


def remaining_anisotropy(block: int, stretch: Sequence[int]) -> tuple[int, ...]:
    """The stretch of blocks."""
    return tuple(max(1, times // block) for times in stretch)


def split_into_blocks(values: Tensor, dim: int, step: int) -> Tensor:
    """Split one axis into (blocks, step), padded with zeros at the end."""
    size = values.shape[dim]
    blocks = -(-size // step)
    if blocks * step != size:
        padding = list(values.shape)
        padding[dim] = blocks * step - size
        values = torch.cat([values, values.new_zeros(padding)], dim=dim)
    folded: Tensor = values.unflatten(dim, (blocks, step))
    return folded
