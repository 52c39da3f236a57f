"""Independent checks of convexity, of functions and of masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import TOLERANCE, Check, Logit, Mask
from napari_isr.certificates.convex_hull import convex_hull_mask

__all__ = ["check_convex", "convexity_defects", "quasiconcavity_gap"]

PAIRS = 1024  # segments on which the function is tested


def check_convex(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a mask, and the function it was made from, are convex.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        Nothing is asked of it.

    Returns
    -------
    list of Check
    """
    checks = [
        Check(name="empty masks", value=float(not mask.any())),
        Check(name="pixels missing from the hull", value=float(convexity_defects(mask).sum())),
    ]
    check_cancelled()
    if logit is not None and mask.any():
        gap = quasiconcavity_gap(logit, mask)
        checks.append(
            Check(name="dip of the logit between mask pixels", value=gap, limit=TOLERANCE)
        )
    return checks


def quasiconcavity_gap(logit: Logit, mask: Mask, seed: int = 0) -> float:
    """Largest relative dip of the logit below its ends on segments between mask pixels.

    The superlevel sets of a quasi-concave function are convex: on a segment it never falls below
    the smaller of its values at the ends.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) to the logit (n,).
    mask : (n1, ..., nd) bool array
        Where the ends are drawn from.
    seed : int, optional
        Of the draw.

    Returns
    -------
    float
        0 where the function is quasi-concave on the segments; relative to the logit's size.
    """
    inside = np.flatnonzero(mask)
    check_cancelled()
    rng = np.random.default_rng(seed)
    chosen = inside[rng.integers(len(inside), size=(2, PAIRS))]
    first, second = np.stack(np.unravel_index(chosen, mask.shape), axis=-1).astype(np.float64)
    between = first + rng.random((PAIRS, 1)) * (second - first)
    check_cancelled()
    at_first, at_second, at_between = logit(first), logit(second), logit(between)
    dip = np.minimum(at_first, at_second) - at_between
    size = np.maximum(1.0, np.abs(at_first) + np.abs(at_second))
    return float(np.max(dip / size).clip(min=0))


def convexity_defects(mask: Mask) -> Mask:
    """Return the pixels whose centers lie in the hull of a mask's pixel centers, but not in it.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Two axes or more.

    Returns
    -------
    (n1, ..., nd) bool array
        Without any pixel if and only if the mask is digitally convex.

    See Also
    --------
    napari_isr.certificates.convex_hull.convex_hull_mask : The hull and its accuracy.
    """
    return convex_hull_mask(mask) & ~mask
