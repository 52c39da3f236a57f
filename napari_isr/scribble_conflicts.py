"""Conflicts of scribbles that no object of a shape can satisfy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generate_binary_structure
from scipy.ndimage import label as label_components

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.certificates.convex_hull import points_in_convex_hull
from napari_isr.certificates.symmetry import reflection_map, rotation_map
from napari_isr.geometry.coordinates import CoordinateGeometry
from napari_isr.geometry.image import ImageGeometry
from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = ["ScribbleConflict", "find_conflict", "has_conflict_test", "register_conflict_test"]

Pixels = npt.NDArray[np.int64]
# Pixels, or points in extra coordinates.
Points = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
ConflictTest = Callable[[Points, Points, Mapping[str, Any]], Mask]

# Key of a center that the user fixed, among the parameters of a test.
FIXED_CENTER_KEY = "fixed_center"
# Number of candidate centers of a star, and of pixels of each kind that judge a center.
CENTER_CANDIDATES = 150
JUDGING_PIXELS = 150
# Fraction of the extent of the scribbles. Coordinate maps have single precision.
HULL_TOLERANCE = 1e-6
# Pixels. A point hits a pixel if it is this near to the pixel center, and a segment occludes one.
HIT_DISTANCE = 0.5


@dataclass(frozen=True)
class ScribbleConflict:
    """Scribbles that contradict each other under a shape.

    Parameters
    ----------
    label : int
        Label of the object.
    pixels : (n, d) array of int
        Background scribble pixels that every such object contains.
    sentence : str
        Cause and remedy for the user.
    """

    label: int
    pixels: Pixels
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``report.json``."""
        return {"sentence": self.sentence, "pixels": self.pixels.tolist()}


_tests: dict[str, tuple[ConflictTest, str]] = {}


def register_conflict_test(name: str, test: ConflictTest, reason: str) -> None:
    """Register a test for scribbles that no set with a property can separate.

    Parameters
    ----------
    name : str
        Name of the property, which shapes list as ``conflict_tests``. A second registration
        replaces the first.
    test : callable
        ``test(inside, outside, parameters) -> (m,) bool array`` selects the conflicting pixels of
        ``outside`` (m, d), the background scribbles. ``inside`` (n, d) are those of the object.
        ``parameters`` are those that the fitted shape reports, and ``shape``, the image size.
    reason : str
        Position of the pixels, such as "between the object strokes", for the sentence.
    """
    _tests[name] = (test, reason)


def has_conflict_test(name: str) -> bool:
    """Whether a conflict test is registered."""
    return name in _tests


def find_conflict(
    strokes: Scribbles,
    label: int,
    shape: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    center: Sequence[float] | None = None,
    frame: ImageGeometry | None = None,
    tests: Sequence[str] | None = None,
) -> ScribbleConflict | None:
    """Find background scribbles that every object of a shape contains.

    Convex: the pixels in the hull of the object's scribbles. Star: the pixels that hide a part of
    the object's scribbles from the center. Mirror, rotational, periodic: the pixels hit by an image
    of the object's scribbles under the symmetry in ``parameters``. Connected: all, if a closed
    background scribble separates the object's scribbles.

    Parameters
    ----------
    strokes : Scribbles
        All scribbles.
    label : int
        Label of the object.
    shape : str
        Name of the shape, such as ``"star+mirror"``.
    parameters : mapping, optional
        Center, axis, order or lattice in pixels, as :meth:`Shape.describe` returns them.
    center : sequence of float, optional
        Fixed center in pixels. Default: the best of several candidates.
    frame : ImageGeometry, optional
        Geometry of the image. In extra coordinates, convex and star are judged there.
    tests : sequence of str, optional
        Names of registered tests. Default: the parts of ``shape`` that have a test.

    Returns
    -------
    ScribbleConflict or None
        None if there is no conflict.
    """
    inside: Points = strokes.pixels_of(label)
    outside: Points = strokes.pixels_of(BACKGROUND)
    if not len(inside) or not len(outside):
        return None
    known = {**(parameters or {}), "shape": strokes.shape}
    if center is not None:
        known[FIXED_CENTER_KEY] = center
    pixels = outside
    if isinstance(frame, CoordinateGeometry):
        inside, outside, known = _lift(inside, outside, known, frame)
    hit = np.zeros(len(outside), dtype=bool)
    reasons = []
    for part in shape.split("+") if tests is None else tests:
        if part not in _tests:
            continue
        test, reason = _tests[part]
        found = test(inside, outside, known)
        if found.any():
            reasons.append(reason)
        hit |= found
    if not hit.any():
        return None
    count = int(np.count_nonzero(hit))
    subject = "background stroke pixel lies" if count == 1 else "background stroke pixels lie"
    return ScribbleConflict(
        label,
        pixels[hit],
        f"{count} {subject} {' and '.join(reasons)} of object {label}: no {shape} shape fits all "
        "strokes, so erase some of them or choose another shape",
    )


def _lift(
    inside: Pixels, outside: Pixels, known: dict[str, Any], frame: CoordinateGeometry
) -> tuple[Points, Points, dict[str, Any]]:
    """Return scribbles and centers in all coordinates of a geometry, in units of a pixel."""
    lifted = [frame.to_normalized(p.astype(np.float64)) / frame.pixel for p in (inside, outside)]
    known = dict(known)
    if CENTER_KEY in known:
        center = frame.to_normalized_point(known[CENTER_KEY], known["further"])
        known[CENTER_KEY] = center / frame.pixel
    if FIXED_CENTER_KEY in known:
        fixed = np.asarray([known[FIXED_CENTER_KEY]], dtype=np.float64)
        known[FIXED_CENTER_KEY] = frame.to_normalized(fixed)[0] / frame.pixel
    return lifted[0], lifted[1], known


def _test_convex(inside: Points, outside: Points, _parameters: Mapping[str, Any]) -> Mask:
    return points_in_convex_hull(inside, outside, HULL_TOLERANCE)


def _test_star(inside: Points, outside: Points, parameters: Mapping[str, Any]) -> Mask:
    """Select pixels that hide an object pixel from the center where they hide the fewest."""
    visible, occluding = (_subsample(points, JUDGING_PIXELS) for points in (inside, outside))
    if FIXED_CENTER_KEY in parameters:
        centers = np.asarray([parameters[FIXED_CENTER_KEY]], dtype=np.float64)
    else:
        low, high = inside.min(axis=0), inside.max(axis=0)
        half = CENTER_CANDIDATES // 2
        spread = np.random.default_rng(0).uniform(low, high + 1e-9, size=(half, inside.shape[1]))
        fitted = np.asarray(parameters.get(CENTER_KEY, inside.mean(axis=0)), dtype=np.float64)
        centers = np.concatenate([fitted[None], _subsample(inside, half), spread])
    hits = [_occluders(center, visible, occluding).sum() for center in centers]
    if min(hits) == 0:
        return np.zeros(len(outside), dtype=bool)
    return _occluders(centers[int(np.argmin(hits))], visible, outside)


def _occluders(center: Points, visible: Points, occluding: Points) -> Mask:
    """Select the occluding pixels that the segment from the center to a visible pixel crosses."""
    to_visible, to_occluding = visible - center, occluding - center
    length = np.linalg.norm(to_visible, axis=1)
    along = to_occluding @ (to_visible / np.maximum(length, 1e-9)[:, None]).T
    squared = (to_occluding**2).sum(axis=1)[:, None] - along**2
    crossed = (along > 0) & (along < length) & (squared < HIT_DISTANCE**2)
    hit: Mask = crossed.any(axis=1)
    return hit


def _test_mirror(inside: Points, outside: Points, parameters: Mapping[str, Any]) -> Mask:
    if not {"axis_degrees", "normal"} & parameters.keys():
        return np.zeros(len(outside), dtype=bool)
    mirrored = reflection_map(parameters, inside.shape[1])(inside.astype(np.float64))
    return _hit_pixels([mirrored], outside)


def _test_rotational(inside: Points, outside: Points, parameters: Mapping[str, Any]) -> Mask:
    if "order" not in parameters:
        return np.zeros(len(outside), dtype=bool)
    points, ndim = inside.astype(np.float64), inside.shape[1]
    steps = range(1, int(parameters["order"]))
    return _hit_pixels([rotation_map(parameters, ndim, k)(points) for k in steps], outside)


def _test_periodic(inside: Points, outside: Points, parameters: Mapping[str, Any]) -> Mask:
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


def _test_connected(inside: Points, outside: Points, parameters: Mapping[str, Any]) -> Mask:
    """Select all background pixels if they separate the object's scribbles."""
    size = tuple(parameters["shape"])
    free = np.ones(size, dtype=bool)
    free[tuple(outside.T)] = False
    components, _ = label_components(free, generate_binary_structure(len(size), 1))
    found = np.unique(components[tuple(inside.T)])
    return np.full(len(outside), len(found) > 1)


def _hit_pixels(images: Sequence[Points], outside: Pixels) -> Mask:
    """Return whether a point of the images falls on each pixel, shape (m,)."""
    index_of = {tuple(pixel): index for index, pixel in enumerate(outside.tolist())}
    hit = np.zeros(len(outside), dtype=bool)
    for image in images:
        nearest = np.rint(image)
        near = (np.abs(image - nearest) <= HIT_DISTANCE).all(axis=1)
        for pixel in nearest[near].astype(int).tolist():
            index = index_of.get(tuple(pixel))
            if index is not None:
                hit[index] = True
    return hit


def _subsample(points: Points, count: int) -> Points:
    """Return every k-th point, at most ``count``."""
    return points[:: max(1, -(-len(points) // count))]


register_conflict_test("convex", _test_convex, "between the object strokes")
register_conflict_test("star", _test_star, "between the centre and an object stroke")
register_conflict_test("mirror", _test_mirror, "on the mirror image of an object stroke")
register_conflict_test("rotational", _test_rotational, "on a turned copy of an object stroke")
register_conflict_test("periodic", _test_periodic, "on a repetition of an object stroke")
register_conflict_test("connected", _test_connected, "around a part of the object strokes")
