"""Checks of convexity, of functions and of masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import TOLERANCE, Check, Logit, Mask, Points
from napari_isr.certificates.convex_hull import (
    convex_hull_mask,
    hull_candidates,
    points_in_convex_hull,
)

__all__ = ["check_convex", "check_lifted_convex", "convexity_defects", "quasiconcavity_gap"]

SEGMENTS = 1024


def check_convex(mask: Mask, logit: Logit | None, _parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a mask, and the function from which it was made, are convex.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.

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


def check_lifted_convex(
    inside: Mask, points: Points, logit: Logit, _center: npt.ArrayLike | None
) -> list[Check]:
    """Check that lifted pixels, and the function that selected them, are convex.

    Parameters
    ----------
    inside : (n,) bool array
        Pixels of the mask.
    points : (n, D) array
        All coordinates of the pixel centers.
    logit : callable
        Maps points (n, D) to the logit (n,), positive inside.

    Returns
    -------
    list of Check
    """
    own, others = points[inside], points[~inside]
    hit = int(np.count_nonzero(points_in_convex_hull(hull_candidates(own), others)))
    check_cancelled()
    first, second, between = _segments(own, np.random.default_rng(0))
    return [
        Check(name="other pixels in the hull of the lifted mask pixels", value=float(hit)),
        Check(
            name="dip of the logit between lifted mask pixels",
            value=_largest_dip(logit, first, second, between),
            limit=TOLERANCE,
        ),
    ]


def quasiconcavity_gap(logit: Logit, mask: Mask, seed: int = 0) -> float:
    """Return the largest relative dip of the logit on segments between mask pixels.

    The superlevel sets of a quasi-concave function are convex. On a segment, such a function is
    never below the smaller of its values at the ends.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) to the logit (n,).
    mask : (n1, ..., nd) bool array
        Pixels from which the ends are drawn.
    seed : int, optional
        Seed of the draw.

    Returns
    -------
    float
        Dip below the smaller end, relative to the size of the logit. 0 if there is none.
    """
    inside = np.flatnonzero(mask)
    check_cancelled()
    pixels = np.stack(np.unravel_index(inside, mask.shape), axis=-1).astype(np.float64)
    first, second, between = _segments(pixels, np.random.default_rng(seed))
    check_cancelled()
    return _largest_dip(logit, first, second, between)


def _segments(points: Points, rng: np.random.Generator) -> tuple[Points, Points, Points]:
    """Return both ends of random segments and a random point on each."""
    first, second = points[rng.integers(len(points), size=(2, SEGMENTS))]
    return first, second, first + rng.random((SEGMENTS, 1)) * (second - first)


def _largest_dip(logit: Logit, first: Points, second: Points, between: Points) -> float:
    at_first, at_second = logit(first), logit(second)
    dip = np.minimum(at_first, at_second) - logit(between)
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
