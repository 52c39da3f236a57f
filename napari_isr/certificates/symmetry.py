"""Independent checks of stars and symmetries, of functions and of masks; numpy alone.

Each check takes the mask, the logit it was made from (if there is one) and the parameters that
the property is about, in pixels, as they are reported to the user: the claim that is checked is
the one that is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, binary_erosion

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.certificates.certificate import CENTER_KEY, TOLERANCE, Check, Logit, Mask

__all__ = [
    "check_mirror",
    "check_periodic",
    "check_rotational",
    "check_star",
    "reflection_map",
    "rotation_map",
]

Points = npt.NDArray[np.float64]
Map = Callable[[Points], Points]

SAMPLES = 2048  # pixels at which functions are compared
EDGE = 16_384  # pixels next to the boundary at which mask and function are compared
PIXELS = 65_536  # mask pixels that are mapped
RAYS, STEPS = 128, 128
EVEN_SELF_IOU = 0.99


def check_star(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is star-shaped about ``parameters["centre"]``.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable or None
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        ``centre``: d numbers, in pixels.

    Returns
    -------
    list of Check
        Without a logit only gaps between pixels can be told: a segment from the center to a pixel
        has one where none of the pixels around it is in the mask.
    """
    center = np.asarray(parameters[CENTER_KEY], dtype=np.float64)
    pixels = _sampled(mask, SAMPLES // 2)
    along = np.linspace(0, 1, STEPS // 2)[:-1]
    if logit is None:
        hidden = sum(
            int(_in_a_gap(mask, center + t * (pixels - center)).any())
            for t in along[1:]  # the center may lie outside the image
        )
        return [Check(name="segments with a gap", value=float(hidden))]
    checks = [_mismatch(mask, logit)]
    seen = np.ones(len(pixels), dtype=bool)
    for t in along:
        check_cancelled()
        seen &= logit(center + t * (pixels - center)) > 0
    check_cancelled()
    checks.append(Check(name="mask pixels hidden from the centre", value=float((~seen).sum())))
    returns = int((np.diff((_along_rays(mask, logit, center) > 0).astype(int)) > 0).sum())
    checks.append(Check(name="rays from the centre that re-enter", value=float(returns)))
    return checks


def _along_rays(mask: Mask, logit: Logit, center: Points) -> Points:
    """Logit (rays, steps) on rays from the center across the whole image."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(RAYS, mask.ndim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    corners = np.abs(center - (np.array(mask.shape) - 1) / 2) + np.array(mask.shape) / 2
    steps = np.linspace(0, float(np.linalg.norm(corners)), STEPS)
    points = center + directions[:, None] * steps[:, None]
    return logit(points.reshape(-1, mask.ndim)).reshape(RAYS, STEPS)


def _in_a_gap(mask: Mask, points: Points) -> Mask:
    """Whether none of the pixels around points in the image is in the mask."""
    low = np.floor(points).astype(int)
    around = np.zeros(len(points), dtype=bool)
    within = np.ones(len(points), dtype=bool)
    for corner in np.ndindex(*(2,) * mask.ndim):
        index = low + corner
        ok = ((index >= 0) & (index < mask.shape)).all(axis=1)
        within &= ok
        around |= ok & mask[tuple(np.clip(index, 0, np.array(mask.shape) - 1).T)]
    return within & ~around


def check_mirror(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is its own mirror image.

    Parameters
    ----------
    mask, logit
        As for :func:`check_star`.
    parameters : mapping
        ``axis_point`` (2 numbers) and ``axis_degrees`` in pixels, 0 along a row; in more
        dimensions a point of the plane (``plane_point`` or ``centre``) and its ``normal`` in
        units of the ``spacing``. ``spacing`` (d numbers) if it is not the same for all axes.

    Returns
    -------
    list of Check
    """
    return _check_maps(mask, logit, [reflection_map(parameters, mask.ndim)])  # its own inverse


def reflection_map(parameters: Mapping[str, Any], ndim: int) -> Map:
    """Mirror map of pixel coordinates, from the parameters of :func:`check_mirror`."""
    spacing = _spacing(parameters, ndim)
    if "axis_degrees" in parameters:
        turn = np.radians(parameters["axis_degrees"])
        row, column = np.array([np.sin(turn), np.cos(turn)]) * spacing
        normal = np.array([column, -row])
        point = np.asarray(parameters["axis_point"], dtype=np.float64)
    else:
        normal = np.asarray(parameters["normal"], dtype=np.float64)
        point = np.asarray(parameters.get("plane_point", parameters.get(CENTER_KEY)), dtype=float)
    normal = normal / np.linalg.norm(normal)
    return _linear(np.eye(ndim) - 2 * np.outer(normal, normal), point, spacing)


def check_rotational(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is the same after each turn by a part of ``order``.

    Parameters
    ----------
    mask, logit
        As for :func:`check_star`.
    parameters : mapping
        ``centre`` (d numbers, in pixels) and ``order``; ``spacing`` if it is not the same for all
        axes. Turns are in the plane of the last two axes.

    Returns
    -------
    list of Check
    """
    # All turns are repetitions of the smallest one.
    return _check_maps(mask, logit, [rotation_map(parameters, mask.ndim, k) for k in (1, -1)])


def rotation_map(parameters: Mapping[str, Any], ndim: int, times: int) -> Map:
    """So many turns, of pixel coordinates, from the parameters of :func:`check_rotational`."""
    center = np.asarray(parameters[CENTER_KEY], dtype=np.float64)
    turn = 2 * np.pi * times / int(parameters["order"])
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return _linear(matrix, center, _spacing(parameters, ndim))


def check_periodic(mask: Mask, logit: Logit | None, parameters: Mapping[str, Any]) -> list[Check]:
    """Check that a set is the same after a step along each lattice vector.

    Parameters
    ----------
    mask, logit
        As for :func:`check_star`.
    parameters : mapping
        ``lattice``: two vectors (2, d), in pixels. For a plane seen in perspective ``horizon``
        (d numbers) and ``origin`` (d numbers): a pixel ``x`` shows the place
        ``y = (x - origin) / (1 + horizon . (x - origin))``, and the lattice is that of ``y``.

    Returns
    -------
    list of Check
    """
    lattice = np.asarray(parameters["lattice"], dtype=np.float64)
    horizon = np.asarray(parameters.get("horizon", np.zeros(mask.ndim)), dtype=np.float64)
    origin = np.asarray(parameters.get("origin", np.zeros(mask.ndim)), dtype=np.float64)

    def step(vector: Points) -> Map:
        def moved(points: Points) -> Points:
            offset = points - origin
            place = offset / (1 + offset @ horizon)[:, None] + vector
            with np.errstate(divide="ignore", invalid="ignore"):
                return origin + place / (1 - place @ horizon)[:, None]

        return moved

    maps = [step(sign * vector) for vector in lattice for sign in (1, -1)]
    return _check_maps(mask, logit, maps)


def _spacing(parameters: Mapping[str, Any], ndim: int) -> Points:
    return np.asarray(parameters.get("spacing", np.ones(ndim)), dtype=np.float64)


def _linear(matrix: Points, point: Points, spacing: Points) -> Map:
    """Orthogonal map about a point, in physical units, of pixel coordinates."""
    return lambda points: point + ((points - point) * spacing) @ matrix.T / spacing


def _check_maps(mask: Mask, logit: Logit | None, maps: Sequence[Map]) -> list[Check]:
    """Check maps; the inverse of each is among them, so it is enough to map mask pixels."""
    checks = []
    if logit is not None:
        checks.append(_mismatch(mask, logit))
        gap = max(_function_gap(mask, logit, move) for move in maps)
        checks.append(Check(name="change of the logit", value=gap, limit=TOLERANCE))
    found = list(_pixel_gaps(mask, logit, maps))
    wrong = sum(wrong for wrong, *_ in found)
    _, loss, limit = max(found, key=lambda item: item[1] - item[2])
    checks.append(
        Check(
            name="mask pixels whose image is over a pixel off the mask",
            value=float(wrong),
        )
    )
    checks.append(Check(name="1 - self-IoU in pixels", value=loss, limit=limit))
    return checks


def _function_gap(mask: Mask, logit: Logit, move: Map) -> float:
    """Largest relative change of the logit under a map, at pixels whose image is in the image."""
    points = _telling_pixels(mask, SAMPLES // 2)
    check_cancelled()
    images = move(points)
    within = _within(images, mask)
    if not within.any():
        return 0.0
    here, there = _exact(logit)(points[within]), _exact(logit)(images[within])
    size = np.maximum(1.0, np.abs(here) + np.abs(there))
    return float(np.max(np.abs(here - there) / size))


def _exact(logit: Logit) -> Logit:
    """The logit in double precision, if it can be had: rounding is not what is checked."""
    exact: Logit = getattr(logit, "in_double_precision", logit)
    return exact


def _pixel_gaps(
    mask: Mask, logit: Logit | None, maps: Sequence[Map]
) -> Iterator[tuple[int, float, float]]:
    """For each map: mask pixels that miss the mask by over a pixel, 1 - self-IoU, and its limit.

    What is thinner than a pixel may show here and be missed there: if the function holds the
    image of a pixel, the pixel is not counted.
    Rounding to pixels may flip those at the boundary: the self-IoU may miss 1 by their share, or
    by 0.01 if that is more.
    """
    wide, narrow = _grown(mask), _shrunk(mask)
    pixels = _sampled(mask, PIXELS)
    for move in maps:
        check_cancelled()
        images = move(pixels)
        within = _within(images, mask)
        index = tuple(np.rint(images[within]).astype(int).T)
        count = max(int(within.sum()), 1)
        kept = int(mask[index].sum())
        loss = 1 - kept / (2 * count - kept) if within.any() else 0.0
        edge = int((~narrow[tuple(pixels[within].astype(int).T)]).sum())
        limit = max(1 - EVEN_SELF_IOU, min(2 * edge / count, 1.0))
        off = ~wide[index]
        if logit is not None and off.any():
            off[off] = logit(images[within][off]) <= 0
        yield int(off.sum()), float(loss), float(limit)


def _within(points: Points, mask: Mask) -> Mask:
    with np.errstate(invalid="ignore"):
        inside = (points >= 0) & (points <= np.array(mask.shape) - 1)
    return np.asarray(inside.all(axis=1))


def _mismatch(mask: Mask, logit: Logit) -> Check:
    """Pixels at which the mask is not what the function says."""
    points = _telling_pixels(mask, EDGE)
    check_cancelled()
    inside = mask[tuple(points.astype(int).T)]
    wrong = int((inside != (logit(points) > 0)).sum())
    return Check(name="pixels at which mask and function differ", value=float(wrong))


def _telling_pixels(mask: Mask, count: int) -> Points:
    """Pixels on both sides of the mask's boundary, and others from all over the image."""
    edge = _grown(mask) & ~_shrunk(mask)
    return np.concatenate([_sampled(edge, count), _sampled(~edge, SAMPLES // 2)])


def _grown(mask: Mask) -> Mask:
    """The mask and the pixels that touch it."""
    cube = np.ones((3,) * mask.ndim, dtype=bool)
    return np.asarray(run_cancellable(lambda: binary_dilation(mask, cube)))


def _shrunk(mask: Mask) -> Mask:
    """The mask without the pixels that touch others."""
    cube = np.ones((3,) * mask.ndim, dtype=bool)
    return np.asarray(run_cancellable(lambda: binary_erosion(mask, cube, border_value=1)))


def _sampled(mask: Mask, count: int) -> Points:
    """At most ``count`` pixels of a mask, the same at every call."""
    inside = np.flatnonzero(mask)
    check_cancelled()
    if len(inside) > count:
        inside = inside[np.random.default_rng(0).choice(len(inside), count, replace=False)]
    return np.stack(np.unravel_index(inside, mask.shape), axis=-1).astype(np.float64)
