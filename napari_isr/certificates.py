"""Certificates: independent checks of functions and masks, which know nothing of the shapes.

A certificate says what was proved (the parametrisation) and what was checked on the exported
pixels. The checks use integer arithmetic where the question is about pixels.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.spatial import ConvexHull, QhullError

__all__ = ["Certificate", "Check", "certify", "convex_defect", "function_convexity_gap"]

Mask = npt.NDArray[np.bool_]
Logit = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

PAIRS = 1024  # segments on which the function is tested
TOLERANCE = 1e-5


class Check(BaseModel):
    """One thing that was measured.

    Parameters
    ----------
    name : str
        What was measured, with its unit.
    value : float
        The result.
    limit : float
        The largest value that is accepted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    limit: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the value is within the limit; NaN is not."""
        return bool(self.value <= self.limit)


class Certificate(BaseModel):
    """What is true of one result, and how that is known.

    Parameters
    ----------
    property : str
        Name of the shape, or ``"none"``.
    by_construction : str or None
        What the parametrisation proves for the function; None if nothing was promised.
    checked : tuple of Check
        What was measured afterwards.
    """

    model_config = ConfigDict(frozen=True)

    property: str
    by_construction: str | None = None
    checked: tuple[Check, ...] = ()

    @builtins.property
    def holds(self) -> bool:
        """Whether every check came out within its limit."""
        return all(check.holds for check in self.checked)

    @builtins.property
    def sentence(self) -> str:
        """The certificate in one sentence."""
        if self.by_construction is None:
            return "no shape was asked for, so nothing is promised"
        failed = [check for check in self.checked if not check.holds]
        if failed:
            worst = failed[0]
            found = f"{worst.value:.2g} {worst.name}"
            return f"not {self.property}: {found}, at most {worst.limit:g} allowed"
        checks = ", ".join(f"{c.value:.2g} {c.name}" for c in self.checked)
        return f"{self.property}, by construction and as checked ({checks})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``property, holds, sentence, by_construction, checked``."""
        return {
            "property": self.property,
            "holds": self.holds,
            "sentence": self.sentence,
            "by_construction": self.by_construction,
            "checked": [{**c.model_dump(), "holds": c.holds} for c in self.checked],
        }


def certify(
    name: str,
    promise: str | None,
    mask: Mask,
    logit: Logit | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Certificate:
    """Check a mask, and the function it was made from, for the property called ``name``.

    Parameters
    ----------
    name : str
        Name of the shape: ``none`` or ``convex``.
    promise : str or None
        What the parametrisation proves.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping, optional
        Centre, axis, order or lattice that the property is about, in pixels.

    Returns
    -------
    Certificate

    Raises
    ------
    KeyError
        If there is no check for the property.
    """
    checks: list[Check] = []
    for part in name.split("+"):
        checks += [c for c in _checker(part)(mask, logit, parameters or {}) if c not in checks]
    return Certificate(property=name, by_construction=promise, checked=tuple(checks))


def _check_none(_mask: Mask, _logit: Logit | None, _parameters: Mapping[str, Any]) -> list[Check]:
    return []


def _check_convex(mask: Mask, logit: Logit | None, _parameters: Mapping[str, Any]) -> list[Check]:
    checks = [
        Check(name="empty masks", value=float(not mask.any())),
        Check(name="pixels missing from the hull", value=float(convex_defect(mask).sum())),
    ]
    if logit is not None and mask.any():
        gap = function_convexity_gap(logit, mask)
        checks.append(
            Check(name="dip of the logit between mask pixels", value=gap, limit=TOLERANCE)
        )
    return checks


Checker = Callable[[Mask, Logit | None, Mapping[str, Any]], list[Check]]


def _checker(name: str) -> Checker:
    # Imported here because those modules take Check from this one.
    from napari_isr import certificates_connected, certificates_symmetry

    return {
        "none": _check_none,
        "convex": _check_convex,
        "star": certificates_symmetry.check_star,
        "mirror": certificates_symmetry.check_mirror,
        "rotational": certificates_symmetry.check_rotational,
        "periodic": certificates_symmetry.check_periodic,
        "connected": certificates_connected.check_connected,
    }[name]


def function_convexity_gap(logit: Logit, mask: Mask, seed: int = 0) -> float:
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
    pixels = np.argwhere(mask).astype(np.float64)
    rng = np.random.default_rng(seed)
    first, second = pixels[rng.integers(len(pixels), size=(2, PAIRS))]
    between = first + rng.random((PAIRS, 1)) * (second - first)
    at_first, at_second, at_between = logit(first), logit(second), logit(between)
    dip = np.minimum(at_first, at_second) - at_between
    size = np.maximum(1.0, np.abs(at_first) + np.abs(at_second))
    return float(np.max(dip / size).clip(min=0))


def convex_defect(mask: Mask) -> Mask:
    """Pixels whose centre lies in the hull of the mask's pixel centres, but not in the mask.

    Exact in two dimensions (integer arithmetic); in more, up to a billionth of a pixel.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        The mask, 2 or more axes.

    Returns
    -------
    (n1, ..., nd) bool array
        Empty if and only if the mask is digitally convex.
    """
    if not mask.any():
        return np.zeros_like(mask)
    hull = _hull_2d(mask) if mask.ndim == 2 else _hull_nd(mask)
    return hull & ~mask


def _hull_2d(mask: Mask) -> Mask:
    """All pixel centres in the hull, row by row between the hull's left and right chain."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask[rows].argmax(axis=1)
    right = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    every = np.arange(rows[0], rows[-1] + 1)
    start = -_chain_floor(rows, -left, every)
    stop = _chain_floor(rows, right, every)
    columns = np.arange(mask.shape[1])
    hull = np.zeros_like(mask)
    hull[every] = (columns >= start[:, None]) & (columns <= stop[:, None])
    return hull


def _chain_floor(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], at: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Floor of the upper concave chain over the points (row, column), at whole rows."""
    chain: list[tuple[int, int]] = []
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(chain) > 1:
            (r1, c1), (r2, c2) = chain[-2:]
            if (c2 - c1) * (r - r1) > (c - c1) * (r2 - r1):
                break
            chain.pop()
        chain.append((r, c))
    corner_rows, corner_columns = np.array(chain, dtype=np.int64).T
    index = np.clip(np.searchsorted(corner_rows, at, side="right"), 1, len(chain)) - 1
    index = np.minimum(index, max(len(chain) - 2, 0))
    after = np.minimum(index + 1, len(chain) - 1)
    run = np.maximum(corner_rows[after] - corner_rows[index], 1)
    rise = corner_columns[after] - corner_columns[index]
    floor: npt.NDArray[np.int64] = rise * (at - corner_rows[index]) // run
    columns_at: npt.NDArray[np.int64] = corner_columns[index] + floor
    return columns_at


def _hull_nd(mask: Mask) -> Mask:
    """All pixel centres in the hull, from the hull's facets."""
    pixels = np.argwhere(mask)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    # A flat set has no facets in full dimension: test it within its own axes.
    wide = high > low
    box = np.argwhere(np.ones(high - low + 1, dtype=bool)) + low
    if wide.sum() < 2:
        inside = np.ones(len(box), dtype=bool)
    else:
        inside = _in_hull(pixels[:, wide], box[:, wide])
    hull = np.zeros_like(mask)
    hull[tuple(box[inside].T)] = True
    return hull


def _in_hull(points: npt.NDArray[np.int64], queries: npt.NDArray[np.int64]) -> Mask:
    try:
        facets = ConvexHull(points).equations
    except QhullError:  # the points lie in a skew plane: only they themselves can be told
        known = {tuple(p) for p in points.tolist()}
        return np.array([tuple(q) in known for q in queries.tolist()], dtype=bool)
    inside = np.ones(len(queries), dtype=bool)
    for *normal, offset in facets:
        inside &= queries @ np.array(normal) + offset <= 1e-9
    return inside
