"""Checks of mirror, rotational and translational symmetry, of functions and of masks.

Each check uses the parameters that are reported to the user, in pixels. So the checked claim is
the reported one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import CENTER_KEY, TOLERANCE, Check, Logit, Mask, Points
from napari_isr.certificates.sampling import (
    check_agreement,
    dilate,
    erode,
    sample_near_boundary,
    sample_pixels,
)

__all__ = [
    "check_mirror",
    "check_periodic",
    "check_rotational",
    "reflection_map",
    "rotation_map",
]

PointMap = Callable[[Points], Points]

# Pixels near the boundary at which the function is compared with its image.
FUNCTION_SAMPLES = 1024
# Mask pixels that are mapped.
MASK_SAMPLES = 65_536
# Allowed 1 - IoU of a mask and its image, if few pixels lie at the boundary.
MIN_ALLOWED_LOSS = 0.01


def check_mirror(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is its own mirror image.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        ``axis_point`` (2 numbers) and ``axis_degrees`` in pixels, 0 degrees along a row. In more
        dimensions a point of the plane (``plane_point`` or ``centre``) and its ``normal`` in
        units of the ``spacing``. ``spacing`` (d numbers) if it is not isotropic.

    Returns
    -------
    list of Check
    """
    # A reflection is its own inverse.
    return _check_maps(mask, logit, [reflection_map(parameters, mask.ndim)])


def check_rotational(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is invariant under a turn by ``360 / order`` degrees.

    Parameters
    ----------
    mask, logit
        As for :func:`check_mirror`.
    parameters : mapping
        ``centre`` (d numbers, in pixels) and ``order``. ``spacing`` if it is not isotropic. Turns
        are in the plane of the last two axes.

    Returns
    -------
    list of Check
    """
    # All turns are repetitions of the smallest one.
    return _check_maps(mask, logit, [rotation_map(parameters, mask.ndim, k) for k in (1, -1)])


def check_periodic(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is invariant under a step along each lattice vector.

    Parameters
    ----------
    mask, logit
        As for :func:`check_mirror`.
    parameters : mapping
        ``lattice``: two vectors (2, d), in pixels. For a plane in perspective also ``horizon``
        (d numbers) and ``origin`` (d numbers). Then the pixel ``x`` shows the point
        ``y = (x - origin) / (1 + horizon . (x - origin))``, and the lattice is that of ``y``.

    Returns
    -------
    list of Check
    """
    lattice = np.asarray(parameters["lattice"], dtype=np.float64)
    horizon = np.asarray(parameters.get("horizon", np.zeros(mask.ndim)), dtype=np.float64)
    origin = np.asarray(parameters.get("origin", np.zeros(mask.ndim)), dtype=np.float64)

    def translation(vector: Points) -> PointMap:
        def translate(points: Points) -> Points:
            offset = points - origin
            on_plane = offset / (1 + offset @ horizon)[:, None] + vector
            with np.errstate(divide="ignore", invalid="ignore"):
                return origin + on_plane / (1 - on_plane @ horizon)[:, None]

        return translate

    maps = [translation(sign * vector) for vector in lattice for sign in (1, -1)]
    return _check_maps(mask, logit, maps)


def reflection_map(parameters: Mapping[str, Any], ndim: int) -> PointMap:
    """Return the reflection of pixel coordinates, from the parameters of :func:`check_mirror`."""
    spacing = _spacing(parameters, ndim)
    if "axis_degrees" in parameters:
        angle = np.radians(parameters["axis_degrees"])
        row, column = np.array([np.sin(angle), np.cos(angle)]) * spacing
        normal = np.array([column, -row])
        point = np.asarray(parameters["axis_point"], dtype=np.float64)
    else:
        normal = np.asarray(parameters["normal"], dtype=np.float64)
        point = np.asarray(parameters.get("plane_point", parameters.get(CENTER_KEY)), dtype=float)
    normal = normal / np.linalg.norm(normal)
    return _orthogonal_map(np.eye(ndim) - 2 * np.outer(normal, normal), point, spacing)


def rotation_map(parameters: Mapping[str, Any], ndim: int, steps: int) -> PointMap:
    """Return a turn by ``steps * 360 / order`` degrees of pixel coordinates.

    Parameters are those of :func:`check_rotational`.
    """
    center = np.asarray(parameters[CENTER_KEY], dtype=np.float64)
    angle = 2 * np.pi * steps / int(parameters["order"])
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return _orthogonal_map(matrix, center, _spacing(parameters, ndim))


def _spacing(parameters: Mapping[str, Any], ndim: int) -> Points:
    return np.asarray(parameters.get("spacing", np.ones(ndim)), dtype=np.float64)


def _orthogonal_map(matrix: Points, point: Points, spacing: Points) -> PointMap:
    """Return a map of pixel coordinates that is orthogonal in physical units, about a point."""
    return lambda points: point + ((points - point) * spacing) @ matrix.T / spacing


def _check_maps(mask: Mask, logit: Logit | None, maps: Sequence[PointMap]) -> list[Check]:
    """Check invariance under maps.

    The inverse of each map is among the maps. So it suffices to map pixels of the mask.
    """
    checks = []
    if logit is not None:
        checks.append(check_agreement(mask, logit))
        gap = max(_function_gap(mask, logit, point_map) for point_map in maps)
        checks.append(Check(name="change of the logit", value=gap, limit=TOLERANCE))
    found = list(_mask_gaps(mask, logit, maps))
    missed = sum(missed for missed, *_ in found)
    _, loss, limit = max(found, key=lambda item: item[1] - item[2])
    checks += [
        Check(name="mask pixels whose image is over a pixel off the mask", value=float(missed)),
        Check(name="1 - self-IoU in pixels", value=loss, limit=limit),
    ]
    return checks


def _function_gap(mask: Mask, logit: Logit, point_map: PointMap) -> float:
    """Return the largest relative change of the logit under a map.

    Pixels whose image is outside the image are left out.
    """
    points = sample_near_boundary(mask, FUNCTION_SAMPLES)
    check_cancelled()
    images = point_map(points)
    within = _within(images, mask)
    if not within.any():
        return 0.0
    # Rounding is not the subject of the check: use double precision if the logit offers it.
    exact: Logit = getattr(logit, "in_double_precision", logit)
    here, there = exact(points[within]), exact(images[within])
    size = np.maximum(1.0, np.abs(here) + np.abs(there))
    return float(np.max(np.abs(here - there) / size))


def _mask_gaps(
    mask: Mask, logit: Logit | None, maps: Sequence[PointMap]
) -> Iterator[tuple[int, float, float]]:
    """Yield for each map the missed mask pixels, 1 - self-IoU, and the limit of the latter.

    A mask pixel is missed if its image is more than a pixel away from the mask. Parts that are
    thinner than a pixel may be absent from the mask: a pixel whose image is in the set of the
    function does not count. Rounding to pixels can flip those at the boundary, so the limit is
    their share of the mask, or 0.01 if that is more.
    """
    dilated, eroded = dilate(mask), erode(mask)
    pixels = sample_pixels(mask, MASK_SAMPLES)
    for point_map in maps:
        check_cancelled()
        images = point_map(pixels)
        within = _within(images, mask)
        index = tuple(np.rint(images[within]).astype(int).T)
        count = max(int(within.sum()), 1)
        kept = int(mask[index].sum())
        loss = 1 - kept / (2 * count - kept) if within.any() else 0.0
        at_boundary = int((~eroded[tuple(pixels[within].astype(int).T)]).sum())
        limit = max(MIN_ALLOWED_LOSS, min(2 * at_boundary / count, 1.0))
        missed = ~dilated[index]
        if logit is not None and missed.any():
            missed[missed] = logit(images[within][missed]) <= 0
        yield int(missed.sum()), float(loss), float(limit)


def _within(points: Points, mask: Mask) -> Mask:
    with np.errstate(invalid="ignore"):
        inside = (points >= 0) & (points <= np.array(mask.shape) - 1)
    return np.asarray(inside.all(axis=1))
