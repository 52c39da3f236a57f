"""Bounds on the variation of a logit within blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_isr.geometry.coordinates import CoordinateGeometry, CoordinateMap
from napari_isr.geometry.image import ImageGeometry

__all__ = ["BlockVariationBound", "block_variation_bound"]

Values = npt.NDArray[np.float64]
BlockVariationBound = Callable[[Values, Values], Values]
"""Maps the first and the last pixels (n, d) of blocks to the most that the logit changes (n,)
between the middle of a block and any of its pixels."""


def block_variation_bound(frame: ImageGeometry, bound: float) -> BlockVariationBound:
    """Bound the change of a function of shape coordinates in blocks of pixels.

    A further coordinate may jump between pixels: it counts by the range of its map in the block.

    Parameters
    ----------
    frame : ImageGeometry
        The image.
    bound : float
        The function's slope at most, per unit of the shape coordinates.
    """
    spreads = []
    if isinstance(frame, CoordinateGeometry):
        spreads = [_spread(coordinate, frame) for coordinate in frame.coordinates]

    def reach(first: Values, last: Values) -> Values:
        sides = np.asarray(frame.vectors_to_shape((last - first) / 2), np.float64)
        square = np.square(sides).sum(axis=1)
        for spread in spreads:
            square += np.square(spread(first, last))
        farthest: Values = bound * np.sqrt(square)
        return farthest

    return reach


def _spread(coordinate: CoordinateMap, frame: CoordinateGeometry) -> BlockVariationBound:
    """Bound the difference of a coordinate within a block from its center."""
    table, weight = coordinate.normalized_values.numpy(), frame.scale_of(coordinate)
    scale = np.array(table.shape) / np.array(frame.shape)

    @lru_cache(maxsize=8)  # blocks of one size, and those that the border cuts
    def extremes(sizes: tuple[int, ...]) -> tuple[Values, Values]:
        return (
            ndimage.maximum_filter(table, sizes, mode="nearest"),
            ndimage.minimum_filter(table, sizes, mode="nearest"),
        )

    def spread(first: Values, last: Values) -> Values:
        top = np.array(table.shape) - 1
        low, high = (np.clip((x + 0.5) * scale - 0.5, 0, top) for x in (first, last))
        low, high = np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)
        sizes = (high - low).max(axis=0) + 1
        # A filter of this size, there, sees at least from the low to the high entry.
        index = tuple(np.minimum(low + sizes // 2, top).T)
        most, least = extremes(tuple(sizes.tolist()))
        found: Values = (most[index] - least[index]).astype(np.float64) * weight
        return found

    return spread
