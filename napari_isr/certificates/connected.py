"""Checks of connectedness on pixels.

Components are joined through faces (4 neighbors in the plane, 6 in space). The background is also
joined through corners (8, 26) [1]_. With the same neighbors for both, a closed diagonal line would
not separate its inside from its outside.

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

__all__ = [
    "check_connected",
    "check_tube_connected",
    "count_components",
    "count_holes",
    "euler_number",
]

# Pixels at which the mask is compared with the function.
COMPARED_PIXELS = 4096


def check_connected(
    mask: Mask, logit: Logit | None, _parameters: Mapping[str, Any] | None = None
) -> list[Check]:
    """Check that a mask has one component and no holes.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.

    Returns
    -------
    list of Check
        Empty masks, components beyond the first and holes (cavities in space). In space also
        tunnels. With a logit also the sampled pixels of the set that are missing from the mask.
    """
    components = run_cancellable(lambda: count_components(mask))
    holes = run_cancellable(lambda: count_holes(mask))
    checks = [
        Check(name="empty masks", value=float(components == 0)),
        Check(name="pieces beyond the first", value=float(max(components - 1, 0))),
        Check(name="holes", value=float(holes)),
    ]
    if mask.ndim == 3:
        tunnels = components + holes - euler_number(mask)
        checks.append(Check(name="tunnels", value=float(tunnels)))
    check_cancelled()
    if logit is not None and mask.size:
        chosen = np.random.default_rng(0).integers(mask.size, size=COMPARED_PIXELS)
        pixels = np.stack(np.unravel_index(np.unique(chosen), mask.shape), axis=1)
        missing = (logit(pixels.astype(np.float64)) > 0) & ~mask[tuple(pixels.T)]
        checks.append(Check(name="pixels missing", value=float(np.count_nonzero(missing))))
    return checks


def check_tube_connected(mask: Mask) -> list[Check]:
    """Count the components of a sequence in space and time, joined through faces."""
    components = run_cancellable(lambda: count_components(mask))
    return [Check(name="pieces of the tube beyond the first", value=float(max(components - 1, 0)))]


def count_components(mask: Mask) -> int:
    """Count components of pixels that share faces."""
    return int(ndimage.label(mask)[1])


def count_holes(mask: Mask) -> int:
    """Count components of the background that do not touch the border of the image.

    Background pixels that share a face, an edge or a corner are joined. The background at the
    border is one component.
    """
    background = np.pad(~mask, 1, constant_values=True)
    return int(ndimage.label(background, np.ones((3,) * mask.ndim))[1]) - 1


def euler_number(mask: Mask) -> int:
    """Return components minus tunnels plus cavities, for pixels that share faces.

    The Euler number is the alternating sum of the numbers of pixels, of neighboring pairs, of full
    2 x 2 blocks, and so on.

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
