"""Tiles of label images that exceed memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.io.export.export_data import ExportData

__all__ = ["TILE", "iter_plane_tiles", "iter_tiles", "label_dtype"]

TILE = 512  # pixels along the last two axes
SLAB = 2**25  # pixels that are made at once, about

Window = tuple[tuple[int, int], ...]
Labels = npt.NDArray[np.integer[Any]]


def label_dtype(content: ExportData) -> np.dtype[Any]:
    """Type of the numbers of the label image."""
    return np.dtype(np.min_scalar_type(max((one.label for one in content.objects), default=0)))


def iter_tiles(content: ExportData) -> Iterator[tuple[Window, Labels]]:
    """Windows that tile the output, in the order of the axes, and the labels in each.

    Each is as wide as the output along the last axis, and a multiple of :data:`TILE` rows high, or
    ends with the output.

    Parameters
    ----------
    content : ExportData
        Of a result.
    """
    for window in _windows(content.size):
        labels = np.zeros([b - a for a, b in window], label_dtype(content))
        for one in content.objects:
            assert one.part is not None
            labels[one.part(window)] = one.label
        yield window, labels


def iter_plane_tiles(content: ExportData) -> Iterator[Labels]:
    """Tiles (:data:`TILE`, :data:`TILE`) of the planes in turn, row by row, padded with zeros."""
    for _, labels in iter_tiles(content):
        for plane in labels.reshape(-1, *labels.shape[-2:]):
            for row, column in product(*(range(0, n, TILE) for n in plane.shape)):
                tile = plane[row : row + TILE, column : column + TILE]
                whole = np.zeros((TILE, TILE), labels.dtype)
                whole[: tile.shape[0], : tile.shape[1]] = tile
                yield whole


def _windows(size: tuple[int, ...]) -> Iterator[Window]:
    """Several planes at once where they are small, rows of tiles where they are not."""
    plane = math.prod(size[-2:])
    rows = size[-2] if plane <= SLAB else max(1, SLAB // (size[-1] * TILE)) * TILE
    sides = [1] * len(size[:-2]) + [rows, size[-1]]
    if len(size) > 2:
        sides[-3] = max(1, SLAB // plane)
    starts = (range(0, n, side) for n, side in zip(size, sides, strict=True))
    for corner in product(*starts):
        ends = zip(corner, sides, size, strict=True)
        yield tuple((a, min(a + side, n)) for a, side, n in ends)
