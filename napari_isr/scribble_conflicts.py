"""Strokes that no object of a shape can honour: which pixels, and why, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generate_binary_structure
from scipy.ndimage import label as label_pieces

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.certificates.convex_hull import points_in_convex_hull
from napari_isr.certificates.symmetry import reflection_map, rotation_map
from napari_isr.geometry.coordinates import CoordinateGeometry
from napari_isr.geometry.image import ImageGeometry
from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = ["ScribbleConflict", "find_conflict"]

Pixels = npt.NDArray[np.int64]
Points = npt.NDArray[np.float64]
Places = npt.NDArray[Any]  # pixels, or points between them
Mask = npt.NDArray[np.bool_]

CENTERS = 150  # places that are tried for the center of a star
RAYS_TO = 150  # object and background pixels that a star is judged by
ROUNDING = 1e-6  # of the strokes' extent: maps have single precision
NEAR = 0.5  # pixels: an image this near to the center of a background pixel lies on it


@dataclass(frozen=True)
class ScribbleConflict:
    """Strokes that contradict each other under a shape.

    Parameters
    ----------
    label : int
        The object.
    pixels : (n, d) array of int
        Background stroke pixels that would have to lie in the object.
    sentence : str
        For the user: what is wrong and how to mend it.
    """

    label: int
    pixels: Pixels
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``report.json``."""
        return {"sentence": self.sentence, "pixels": self.pixels.tolist()}


def find_conflict(
    strokes: Scribbles,
    label: int,
    shape: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    center: Sequence[float] | None = None,
    frame: ImageGeometry | None = None,
) -> ScribbleConflict | None:
    """Find background strokes that no object of a shape can avoid.

    Convex: exactly those in the hull of the object's strokes. Star: those that hide a part of the
    object's strokes from the center (the given one, or the best of many). Mirror, rotational,
    periodic: those on which a copy of the object's strokes falls under the symmetry in
    ``parameters``. Connected: none, unless a closed background stroke parts the object's strokes.
    Sums of shapes have the conflicts of all their parts.

    Parameters
    ----------
    strokes : Scribbles
        All strokes.
    label : int
        The object.
    shape : str
        Name of the shape, ``"convex"`` or ``"star+mirror"``.
    parameters : mapping, optional
        Center, axis, order or lattice in pixels, as :meth:`Shape.describe` gives them.
    center : sequence of float, optional
        Center of a star in pixels, if the user holds it fixed; default: the best of many.
    frame : ImageGeometry, optional
        If it has further coordinates, convex and star are judged in them.

    Returns
    -------
    Conflict or None
    """
    inside: Places = strokes.pixels_of(label)
    outside: Places = strokes.pixels_of(BACKGROUND)
    if not len(inside) or not len(outside):
        return None
    known = {**(parameters or {}), "shape": strokes.shape}
    if center is not None:
        known["fixed_center"] = center
    pixels = outside
    if isinstance(frame, CoordinateGeometry):
        inside, outside, known = _in_space(inside, outside, known, frame)
    hit = np.zeros(len(outside), dtype=bool)
    reasons = []
    for part in shape.split("+"):
        test, reason = _TESTS.get(part, (None, ""))
        if test is None:
            continue
        found = test(inside, outside, known)
        if found.any():
            reasons.append(reason)
        hit |= found
    if not hit.any():
        return None
    count = int(np.count_nonzero(hit))
    what = "background stroke pixel lies" if count == 1 else "background stroke pixels lie"
    return ScribbleConflict(
        label,
        pixels[hit],
        f"{count} {what} {' and '.join(reasons)} of object {label}: no {shape} shape fits all "
        "strokes, so erase some of them or choose another shape",
    )


def _in_space(
    inside: Pixels, outside: Pixels, known: dict[str, Any], frame: CoordinateGeometry
) -> tuple[Places, Places, dict[str, Any]]:
    """Strokes and centers in all coordinates of a frame, in units of a pixel."""
    lifted = [frame.to_normalized(p.astype(np.float64)) / frame.pixel for p in (inside, outside)]
    known = dict(known)
    if CENTER_KEY in known:
        center = frame.to_normalized_point(known[CENTER_KEY], known["further"])
        known[CENTER_KEY] = center / frame.pixel
    if "fixed_center" in known:
        fixed = np.asarray([known["fixed_center"]], dtype=np.float64)
        known["fixed_center"] = frame.to_normalized(fixed)[0] / frame.pixel
    return lifted[0], lifted[1], known


def _convex(inside: Places, outside: Places, _parameters: Mapping[str, Any]) -> Mask:
    return points_in_convex_hull(inside, outside, ROUNDING)


def _star(inside: Places, outside: Places, parameters: Mapping[str, Any]) -> Mask:
    """Background pixels that hide an object pixel, from the center where they hide the fewest."""
    seen, wall = (_thinned(p, RAYS_TO) for p in (inside, outside))
    if "fixed_center" in parameters:
        centers = np.asarray([parameters["fixed_center"]], dtype=np.float64)
    else:
        low, high = inside.min(axis=0), inside.max(axis=0)
        rng = np.random.default_rng(0)
        spread = rng.uniform(low, high + 1e-9, size=(CENTERS // 2, inside.shape[1]))
        fitted = np.asarray(parameters.get(CENTER_KEY, inside.mean(axis=0)), dtype=np.float64)
        centers = np.concatenate([fitted[None], _thinned(inside, CENTERS // 2), spread])
    hits = [_occluders(c, seen, wall).sum() for c in centers]
    best = centers[int(np.argmin(hits))]
    if min(hits) == 0:
        return np.zeros(len(outside), dtype=bool)
    return _occluders(best, seen, outside)


def _occluders(center: Points, seen: Places, wall: Places) -> Mask:
    """Wall pixels that the segment from the center to some seen pixel crosses."""
    to_seen, to_wall = seen - center, wall - center
    length = np.linalg.norm(to_seen, axis=1)
    unit = to_seen / np.maximum(length, 1e-9)[:, None]
    along = to_wall @ unit.T
    squared = (to_wall**2).sum(axis=1)[:, None] - along**2
    hit: Mask = ((along > 0) & (along < length) & (squared < NEAR**2)).any(axis=1)
    return hit


def _mirror(inside: Pixels, outside: Pixels, parameters: Mapping[str, Any]) -> Mask:
    if not {"axis_degrees", "normal"} & parameters.keys():
        return np.zeros(len(outside), dtype=bool)
    mirrored = reflection_map(parameters, inside.shape[1])(inside.astype(np.float64))
    return _hit_pixels([mirrored], outside)


def _rotational(inside: Pixels, outside: Pixels, parameters: Mapping[str, Any]) -> Mask:
    if "order" not in parameters:
        return np.zeros(len(outside), dtype=bool)
    points, ndim = inside.astype(np.float64), inside.shape[1]
    turns = range(1, int(parameters["order"]))
    images = [rotation_map(parameters, ndim, k)(points) for k in turns]
    return _hit_pixels(images, outside)


def _periodic(inside: Pixels, outside: Pixels, parameters: Mapping[str, Any]) -> Mask:
    if "lattice" not in parameters or np.any(parameters.get("horizon", 0)):
        return np.zeros(len(outside), dtype=bool)
    first, second = np.asarray(parameters["lattice"], dtype=np.float64)
    extent = np.linalg.norm(parameters["shape"])
    counts = [int(extent / max(float(np.linalg.norm(v)), 1.0)) + 1 for v in (first, second)]
    images = [
        inside + i * first + j * second
        for i in range(-counts[0], counts[0] + 1)
        for j in range(-counts[1], counts[1] + 1)
        if (i, j) != (0, 0)
    ]
    return _hit_pixels(images, outside)


def _connected(inside: Pixels, outside: Pixels, parameters: Mapping[str, Any]) -> Mask:
    """All background pixels if they part the object's strokes."""
    size = tuple(parameters["shape"])
    free = np.ones(size, dtype=bool)
    free[tuple(outside.T)] = False
    pieces, _ = label_pieces(free, generate_binary_structure(len(size), 1))
    found = np.unique(pieces[tuple(inside.T)])
    return np.full(len(outside), len(found) > 1)


def _hit_pixels(images: list[Points], outside: Pixels) -> Mask:
    """Which pixels some image falls on."""
    known = {tuple(p): i for i, p in enumerate(outside.tolist())}
    hit = np.zeros(len(outside), dtype=bool)
    for image in images:
        near = np.rint(image)
        close = (np.abs(image - near) <= NEAR).all(axis=1)
        for p in near[close].astype(int).tolist():
            index = known.get(tuple(p))
            if index is not None:
                hit[index] = True
    return hit


def _thinned(pixels: Places, count: int) -> Places:
    return pixels[:: max(1, -(-len(pixels) // count))]


Test = Callable[[Pixels, Pixels, Mapping[str, Any]], Mask]
_TESTS: dict[str, tuple[Test, str]] = {
    "convex": (_convex, "between the object strokes"),
    "star": (_star, "between the center and an object stroke"),
    "mirror": (_mirror, "on the mirror image of an object stroke"),
    "rotational": (_rotational, "on a turned copy of an object stroke"),
    "periodic": (_periodic, "on a repetition of an object stroke"),
    "connected": (_connected, "around a part of the object strokes"),
}
