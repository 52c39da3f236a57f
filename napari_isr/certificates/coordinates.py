"""Certificates of shapes in more coordinates than an image has axes: (row, column, depth).

Every pixel center is a point in that space. What is promised there is not promised in the image:
a floor is convex in (row, column, depth), and what stands on it cuts it in pieces in the image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import TOLERANCE, Certificate, Check, Logit, Mask
from napari_isr.certificates.convex import PAIRS
from napari_isr.certificates.convex_hull import hull_candidates, points_in_convex_hull

__all__ = ["certify_coordinates"]

SAMPLES = 1024  # mask pixels whose way to the center is looked at
RAYS, STEPS = 256, 128

Points = npt.NDArray[np.float64]


def certify_coordinates(
    name: str,
    promise: str | None,
    space: str,
    mask: Mask,
    points: Points,
    logit: Logit,
    center: npt.ArrayLike | None = None,
) -> Certificate:
    """Check the lifted pixels of a mask, and the function that they were decided by.

    Parameters
    ----------
    name : str
        ``convex``, ``star`` or ``none``.
    promise : str or None
        What the parametrisation proves.
    space : str
        The coordinates in words.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    points : (n1 * ... * nd, D) array
        All coordinates of the pixel centers, in the order of the mask.
    logit : callable
        Maps points (n, D) of the space to the logit (n,), positive inside.
    center : (D,) array, optional
        Of a star.

    Returns
    -------
    Certificate
    """
    inside = mask.ravel()
    checks = [Check(name="empty masks", value=float(not inside.any()))] if name != "none" else []
    if name != "none" and inside.any():
        missing = int(np.count_nonzero(inside != (logit(points) > 0)))
        checks.append(Check(name="pixels at which mask and function differ", value=float(missing)))
        check_cancelled()
        checks += _CHECKS[name](inside, points, logit, center)
    return Certificate(
        property=name,
        by_construction=promise,
        checked=tuple(checks),
        space=space if name != "none" else None,
    )


def _convex(
    inside: Mask, points: Points, logit: Logit, _center: npt.ArrayLike | None
) -> list[Check]:
    """No other pixel lies in the hull, and the function never dips between mask pixels."""
    outside = points[~inside]
    hit = int(np.count_nonzero(points_in_convex_hull(hull_candidates(points[inside]), outside)))
    check_cancelled()
    rng = np.random.default_rng(0)
    own = points[inside]
    first, second = own[rng.integers(len(own), size=(2, PAIRS))]
    between = first + rng.random((PAIRS, 1)) * (second - first)
    ends = np.stack([logit(first), logit(second)])
    dip = (ends.min(axis=0) - logit(between)) / np.maximum(1.0, np.abs(ends).sum(axis=0))
    return [
        Check(name="other pixels in the hull of the lifted mask pixels", value=float(hit)),
        Check(
            name="dip of the logit between lifted mask pixels",
            value=float(dip.max().clip(min=0)),
            limit=TOLERANCE,
        ),
    ]


def _star(inside: Mask, points: Points, logit: Logit, center: npt.ArrayLike | None) -> list[Check]:
    """Every mask pixel sees the center, and no ray from it re-enters."""
    middle = np.asarray(center, dtype=np.float64)
    own = points[inside]
    rng = np.random.default_rng(0)
    if len(own) > SAMPLES:
        own = own[rng.choice(len(own), SAMPLES, replace=False)]
    seen = np.ones(len(own), dtype=bool)
    for t in np.linspace(0, 1, STEPS // 2)[:-1]:
        check_cancelled()
        seen &= logit(middle + t * (own - middle)) > 0
    directions = rng.normal(size=(RAYS, len(middle)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    reach = float(np.linalg.norm(points - middle, axis=1).max())
    along = middle + directions[:, None] * np.linspace(0, reach, STEPS)[:, None]
    signs = (logit(along.reshape(-1, len(middle))) > 0).reshape(RAYS, STEPS).astype(int)
    return [
        Check(name="mask pixels hidden from the centre", value=float((~seen).sum())),
        Check(name="rays from the centre that re-enter", value=float((np.diff(signs) > 0).sum())),
    ]


_CHECKS: dict[str, Callable[[Mask, Points, Logit, npt.ArrayLike | None], list[Check]]] = {
    "convex": _convex,
    "star": _star,
}
