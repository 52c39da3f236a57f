"""Certificate of the connected shape: one piece without holes, on the pixels.

Pieces are joined through faces (4 neighbours in the plane, 6 in space), the background through
corners too (8, 26), as digital topology asks for: with the same neighbours for both, a closed
diagonal line would not separate its inside from its outside.

References
----------
.. [1] Kong & Rosenfeld, "Digital topology: introduction and survey", CVGIP 48 (1989).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.certificates.certificate import Check, Logit, Mask

__all__ = ["check_connected", "count_components", "count_holes", "euler_number"]

PIXELS = 4096  # at which mask and function are compared


def check_connected(
    mask: Mask, logit: Logit | None, _parameters: Mapping[str, Any] | None = None
) -> list[Check]:
    """Measure pieces and holes of a mask, and look whether something was taken away.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.

    Returns
    -------
    list of Check
        Empty masks, pieces beyond the first, holes (in space: cavities) and, in space, tunnels;
        with a logit, pixels of the set that are missing from the mask, among some thousand.
    """
    pieces, holes = (
        run_cancellable(lambda: count_components(mask)),
        run_cancellable(lambda: count_holes(mask)),
    )
    checks = [
        Check(name="empty masks", value=float(pieces == 0)),
        Check(name="pieces beyond the first", value=float(max(pieces - 1, 0))),
        Check(name="holes", value=float(holes)),
    ]
    if mask.ndim == 3:
        tunnels = pieces + holes - euler_number(mask)
        checks.append(Check(name="tunnels", value=float(tunnels)))
    check_cancelled()
    if logit is not None and mask.size:
        checks.append(Check(name="pixels missing", value=float(_missing(mask, logit))))
    return checks


def _missing(mask: Mask, logit: Logit) -> int:
    chosen = np.random.default_rng(0).integers(mask.size, size=PIXELS)
    pixels = np.stack(np.unravel_index(np.unique(chosen), mask.shape), axis=1)
    return int(np.count_nonzero((logit(pixels.astype(np.float64)) > 0) & ~mask[tuple(pixels.T)]))


def count_components(mask: Mask) -> int:
    """Number of components; neighbours share a face."""
    return int(ndimage.label(mask)[1])


def count_holes(mask: Mask) -> int:
    """Number of components of the background that do not touch the border of the image.

    Neighbours share a face, an edge or a corner. Background beyond the border is one with that
    at the border.
    """
    background = np.pad(~mask, 1, constant_values=True)
    return int(ndimage.label(background, np.ones((3,) * mask.ndim))[1]) - 1


def euler_number(mask: Mask) -> int:
    """Pieces minus tunnels plus cavities, by counting alone; neighbours share a face.

    Pixels are points, pairs of neighbours edges, full 2 x 2 blocks squares, and so on: the
    alternating sum of their numbers.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array

    Returns
    -------
    int
    """
    total = 0
    for axes in range(2**mask.ndim):
        block = mask
        for axis in range(mask.ndim):
            if axes >> axis & 1:
                size = block.shape[axis]
                block = block.take(range(size - 1), axis) & block.take(range(1, size), axis)
        total += (-1) ** axes.bit_count() * int(np.count_nonzero(block))
    return total
