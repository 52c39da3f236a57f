"""Certificates: independent checks of functions and masks, which know nothing of the shapes.

A certificate says what was proved (the parametrisation) and what was checked on the exported
pixels. The checks use integer arithmetic where the question is about pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from napari_isr.certificates.certificate import TOLERANCE, Certificate, Check, Logit, Mask
from napari_isr.certificates.connected import check_connected
from napari_isr.certificates.convex import check_convex, convexity_defects, quasiconcavity_gap
from napari_isr.certificates.coordinates import certify_coordinates
from napari_isr.certificates.symmetry import (
    check_mirror,
    check_periodic,
    check_rotational,
    check_star,
)
from napari_isr.certificates.time_series import check_each_frame, check_tube_connected

__all__ = [
    "TOLERANCE",
    "Certificate",
    "Check",
    "Logit",
    "Mask",
    "certify",
    "certify_coordinates",
    "convexity_defects",
    "quasiconcavity_gap",
]

OverTime = Literal["smooth", "frames"]
_CHECKS: dict[str, Callable[[Mask, Logit | None, Mapping[str, Any]], list[Check]]] = {
    "convex": check_convex,
    "star": check_star,
    "mirror": check_mirror,
    "rotational": check_rotational,
    "periodic": check_periodic,
    "connected": check_connected,
}


def certify(
    name: str,
    promise: str | None,
    mask: Mask,
    logit: Logit | None = None,
    parameters: Mapping[str, Any] | None = None,
    over_time: OverTime | None = None,
) -> Certificate:
    """Check a mask, and the function it was made from, for the property called ``name``.

    Parameters
    ----------
    name : str
        Name of the shape, or ``none``; sums like ``star+mirror`` are checked for each part.
    promise : str or None
        What the parametrisation proves.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping, optional
        Center, axis, order or lattice that the property is about, in pixels.
    over_time : {"smooth", "frames"}, optional
        Of a sequence, whose first axis is time: every frame is checked, and whether one that moves
        smoothly is joined from frame to frame, if it has to be connected.

    Returns
    -------
    Certificate

    Raises
    ------
    KeyError
        If there is no check for the property.
    """
    checks: list[Check] = []
    for part in name.split("+") if name != "none" else ():
        known = _CHECKS[part]
        if over_time is None:
            found = known(mask, logit, parameters or {})
        else:
            found = check_each_frame(mask, logit, parameters or {}, known)
            found += (
                check_tube_connected(mask) if (part, over_time) == ("connected", "smooth") else []
            )
        checks += [c for c in found if c not in checks]
    return Certificate(property=name, by_construction=promise, checked=tuple(checks))
