"""Reproducible pixel samples, and the comparison of a mask with its function."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.certificates.certificate import Check, Logit, Mask, Points

__all__ = ["check_agreement", "dilate", "erode", "sample_near_boundary", "sample_pixels"]

# Pixels next to the boundary at which mask and function are compared.
BOUNDARY_SAMPLES = 16_384
# Pixels in the rest of the image that are added to those.
FAR_SAMPLES = 1024


def sample_pixels(mask: Mask, count: int) -> Points:
    """Return at most ``count`` pixels (n, d) of a mask, the same at every call."""
    inside = np.flatnonzero(mask)
    check_cancelled()
    if len(inside) > count:
        inside = inside[np.random.default_rng(0).choice(len(inside), count, replace=False)]
    return np.stack(np.unravel_index(inside, mask.shape), axis=-1).astype(np.float64)


def sample_near_boundary(mask: Mask, count: int) -> Points:
    """Return pixels on both sides of the boundary of a mask, and some from the whole image."""
    boundary = dilate(mask) & ~erode(mask)
    near, far = sample_pixels(boundary, count), sample_pixels(~boundary, FAR_SAMPLES)
    return np.concatenate([near, far])


def check_agreement(mask: Mask, logit: Logit) -> Check:
    """Count the sampled pixels at which a mask differs from the sign of its function."""
    points = sample_near_boundary(mask, BOUNDARY_SAMPLES)
    check_cancelled()
    inside = mask[tuple(points.astype(int).T)]
    wrong = int((inside != (logit(points) > 0)).sum())
    return Check(name="pixels at which mask and function differ", value=float(wrong))


def dilate(mask: Mask) -> Mask:
    """Return the pixels of a mask and their neighbors, those at corners included."""
    cube = np.ones((3,) * mask.ndim, dtype=bool)
    return np.asarray(run_cancellable(lambda: binary_dilation(mask, cube)))


def erode(mask: Mask) -> Mask:
    """Return the pixels of a mask whose neighbors are all in it."""
    cube = np.ones((3,) * mask.ndim, dtype=bool)
    return np.asarray(run_cancellable(lambda: binary_erosion(mask, cube, border_value=1)))
