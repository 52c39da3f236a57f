"""Memory budgets for pixels."""

from __future__ import annotations

import math

from napari_isr.errors import InputError

__all__ = [
    "MEMORY",
    "cache_pixel_budget",
    "check_memory",
    "read_chunk_bytes",
    "result_pixel_budget",
]

MEMORY = 256.0  # megabytes
LEAST = 16.0
MEGABYTE = 2**20
KEPT, RASTER, READ = 1 / 4, 1 / 4, 1 / 16  # of it
RASTER_BYTES = 32  # of a pixel of the results: masks and probabilities of a few classes
MOST_RASTER = {2: 1024**2}  # of an image: outlines are exact whatever the raster


def check_memory(memory: float) -> float:
    """Return the megabytes, or raise an InputError if they are too few for anything."""
    if not math.isfinite(memory) or memory < LEAST:
        raise InputError(f"memory must be {LEAST:g} megabytes or more, not {memory:g}")
    return float(memory)


def cache_pixel_budget(memory: float, size: int) -> int:
    """Return the number of pixels of a lazy image that may be cached."""
    # While means are made, their sums are there too.
    return max(1, int(KEPT * memory * MEGABYTE / (size + 4)))


def result_pixel_budget(memory: float, ndim: int) -> int:
    """Return the number of pixels that results may have."""
    most = int(RASTER * memory * MEGABYTE / RASTER_BYTES)
    return min(most, MOST_RASTER.get(ndim, most))


def read_chunk_bytes(memory: float) -> int:
    """Bytes that are read at once."""
    return int(READ * memory * MEGABYTE)
