"""Checks that a set is star-shaped about a center, of functions and of masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import CENTER_KEY, Check, Logit, Mask, Points
from napari_isr.certificates.sampling import check_agreement, sample_pixels

__all__ = ["check_lifted_star", "check_star"]

# Mask pixels whose segment to the center is sampled, and samples on each segment.
SEGMENTS, SEGMENT_SAMPLES = 1024, 63
# Rays from the center, and samples on each ray.
RAYS, RAY_SAMPLES = 256, 128
# Names in reports of version 0.1, whose spelling is kept.
HIDDEN = "mask pixels hidden from the centre"
REENTERING = "rays from the centre that re-enter"


def check_star(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is star-shaped about ``parameters["centre"]``.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        ``centre``: d numbers, in pixels.

    Returns
    -------
    list of Check
        Without a logit, the check finds gaps of whole pixels only. A segment from the center to a
        pixel has a gap at a point if no pixel around the point is in the mask.
    """
    center = np.asarray(parameters[CENTER_KEY], dtype=np.float64)
    pixels = sample_pixels(mask, SEGMENTS)
    if logit is None:
        # The center itself may lie outside the image.
        fractions = _segment_fractions()[1:]
        gaps = sum(int(_in_a_gap(mask, center + t * (pixels - center)).any()) for t in fractions)
        return [Check(name="segments with a gap", value=float(gaps))]
    corners = np.abs(center - (np.array(mask.shape) - 1) / 2) + np.array(mask.shape) / 2
    reach = float(np.linalg.norm(corners))
    return [check_agreement(mask, logit), *_check_visibility(logit, center, pixels, reach)]


def check_lifted_star(
    inside: Mask, points: Points, logit: Logit, center: npt.ArrayLike | None
) -> list[Check]:
    """Check that lifted pixels are star-shaped about a center, as a function selected them.

    Parameters
    ----------
    inside : (n,) bool array
        Pixels of the mask.
    points : (n, D) array
        All coordinates of the pixel centers.
    logit : callable
        Maps points (n, D) to the logit (n,), positive inside.
    center : (D,) array
        Center in the same coordinates.

    Returns
    -------
    list of Check
    """
    origin = np.asarray(center, dtype=np.float64)
    own = points[inside]
    if len(own) > SEGMENTS:
        own = own[np.random.default_rng(0).choice(len(own), SEGMENTS, replace=False)]
    reach = float(np.linalg.norm(points - origin, axis=1).max())
    return _check_visibility(logit, origin, own, reach)


def _segment_fractions() -> Points:
    return np.linspace(0, 1, SEGMENT_SAMPLES + 1)[:-1]


def _check_visibility(logit: Logit, center: Points, pixels: Points, reach: float) -> list[Check]:
    """Count mask pixels that are hidden from the center, and rays that enter the set again."""
    visible = np.ones(len(pixels), dtype=bool)
    for t in _segment_fractions():
        check_cancelled()
        visible &= logit(center + t * (pixels - center)) > 0
    check_cancelled()
    directions = np.random.default_rng(0).normal(size=(RAYS, len(center)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    on_rays = center + directions[:, None] * np.linspace(0, reach, RAY_SAMPLES)[:, None]
    inside = (logit(on_rays.reshape(-1, len(center))) > 0).reshape(RAYS, RAY_SAMPLES)
    entries = np.count_nonzero(inside[:, 1:] & ~inside[:, :-1])
    return [
        Check(name=HIDDEN, value=float((~visible).sum())),
        Check(name=REENTERING, value=float(entries)),
    ]


def _in_a_gap(mask: Mask, points: Points) -> Mask:
    """Return whether no pixel around a point of the image is in the mask, shape (n,)."""
    low = np.floor(points).astype(int)
    around = np.zeros(len(points), dtype=bool)
    within = np.ones(len(points), dtype=bool)
    for corner in np.ndindex(*(2,) * mask.ndim):
        index = low + corner
        valid = ((index >= 0) & (index < mask.shape)).all(axis=1)
        within &= valid
        around |= valid & mask[tuple(np.clip(index, 0, np.array(mask.shape) - 1).T)]
    return within & ~around
