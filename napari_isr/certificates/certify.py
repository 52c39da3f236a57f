"""Registry of checks, and certificates of images, sequences and coordinate geometries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.certificates.certificate import Certificate, Check, Logit, Mask, Points
from napari_isr.certificates.connected import check_connected, check_tube_connected
from napari_isr.certificates.convex import check_convex, check_lifted_convex
from napari_isr.certificates.star import check_lifted_star, check_star
from napari_isr.certificates.symmetry import check_mirror, check_periodic, check_rotational

__all__ = [
    "certify",
    "certify_coordinates",
    "has_certificate_check",
    "register_certificate_check",
]

MaskCheck = Callable[[Mask, Logit | None, Mapping[str, Any]], list[Check]]
LiftedCheck = Callable[[Mask, Points, Logit, npt.ArrayLike | None], list[Check]]
SequenceCheck = Callable[[Mask], list[Check]]
OverTime = Literal["smooth", "frames"]


@dataclass(frozen=True)
class _RegisteredCheck:
    check: MaskCheck
    lifted: LiftedCheck | None = None
    sequence: SequenceCheck | None = None


_checks: dict[str, _RegisteredCheck] = {}


def register_certificate_check(
    name: str,
    check: MaskCheck,
    *,
    lifted: LiftedCheck | None = None,
    sequence: SequenceCheck | None = None,
) -> None:
    """Register the independent check of a property, which shapes name in their descriptions.

    Parameters
    ----------
    name : str
        Name of the property. A second registration replaces the first.
    check : callable
        ``check(mask, logit, parameters) -> list of Check``. ``mask`` (n1, ..., nd) has the
        exported pixels. ``logit`` maps pixel coordinates (n, d) to the logit (n,), positive
        inside, or is None. ``parameters`` are those that the shape reports, in pixels.
    lifted : callable, optional
        ``lifted(inside, points, logit, center) -> list of Check`` for shapes in extra coordinates.
        ``inside`` (n,) selects the pixels of the mask among ``points`` (n, D).
    sequence : callable, optional
        ``sequence(mask) -> list of Check`` for the whole mask of a sequence that follows the time
        smoothly, in addition to ``check`` for each frame.
    """
    _checks[name] = _RegisteredCheck(check, lifted, sequence)


def has_certificate_check(name: str, *, extra_coordinates: bool = False) -> bool:
    """Whether a check is registered, and its form for extra coordinates if that is asked for."""
    known = _checks.get(name)
    return known is not None and (known.lifted is not None or not extra_coordinates)


register_certificate_check("convex", check_convex, lifted=check_lifted_convex)
register_certificate_check("star", check_star, lifted=check_lifted_star)
register_certificate_check("mirror", check_mirror)
register_certificate_check("rotational", check_rotational)
register_certificate_check("periodic", check_periodic)
register_certificate_check("connected", check_connected, sequence=check_tube_connected)


def certify(
    name: str,
    promise: str | None,
    mask: Mask,
    logit: Logit | None = None,
    parameters: Mapping[str, Any] | None = None,
    over_time: OverTime | None = None,
    checks: Sequence[str] | None = None,
) -> Certificate:
    """Check a mask, and the function from which it was made.

    Parameters
    ----------
    name : str
        Name of the shape, or ``none``.
    promise : str or None
        Property that the parametrization proves.
    mask : (n1, ..., nd) bool array
        Exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, d) to the logit (n,), positive inside.
    parameters : mapping
        Center, axis, order or lattice of the property, in pixels.
    over_time : {"smooth", "frames"}, optional
        For sequences, whose first axis is time. Every frame is checked. A sequence that follows
        the time smoothly is also checked as a whole if the check has a form for that.
    checks : sequence of str, optional
        Names of registered checks. Default: the parts of ``name`` between plus signs.

    Returns
    -------
    Certificate

    Raises
    ------
    KeyError
        If a check is not registered.
    """
    if checks is None:
        checks = () if name == "none" else name.split("+")
    found: list[Check] = []
    for one in (_checks[check] for check in checks):
        if over_time is None:
            results = one.check(mask, logit, parameters or {})
        else:
            results = _check_each_frame(mask, logit, parameters or {}, one.check)
            if one.sequence is not None and over_time == "smooth":
                results += one.sequence(mask)
        found += [check for check in results if check not in found]
    return Certificate(property=name, by_construction=promise, checked=tuple(found))


def certify_coordinates(
    name: str,
    promise: str | None,
    space: str,
    mask: Mask,
    points: Points,
    logit: Logit,
    center: npt.ArrayLike | None = None,
    checks: Sequence[str] | None = None,
) -> Certificate:
    """Check the lifted pixels of a mask, and the function that selected them.

    In extra coordinates, every pixel center is a point such as (row, column, depth). A property of
    the set there is no property in the image. For example, a floor is convex in (row, column,
    depth), and objects on the floor cut it in pieces in the image.

    Parameters
    ----------
    name : str
        Name of the shape, or ``none``.
    promise : str or None
        Property that the parametrization proves.
    space : str
        Names of the coordinates.
    mask : (n1, ..., nd) bool array
        Exported pixels.
    points : (n1 * ... * nd, D) array
        All coordinates of the pixel centers, in the order of the mask.
    logit : callable
        Maps points (n, D) to the logit (n,), positive inside.
    center : (D,) array, optional
        Center of a star.
    checks : sequence of str, optional
        Names of registered checks. Default: the parts of ``name`` between plus signs.

    Returns
    -------
    Certificate
    """
    if name == "none":
        return Certificate(property=name, by_construction=promise)
    inside = mask.ravel()
    found = [Check(name="empty masks", value=float(not inside.any()))]
    if inside.any():
        wrong = int(np.count_nonzero(inside != (logit(points) > 0)))
        found.append(Check(name="pixels at which mask and function differ", value=float(wrong)))
        for check in name.split("+") if checks is None else checks:
            check_cancelled()
            lifted = _checks[check].lifted
            if lifted is None:
                raise KeyError(f"the check '{check}' has no form for extra coordinates")
            found += lifted(inside, points, logit, center)
    return Certificate(property=name, by_construction=promise, checked=tuple(found), space=space)


def _check_each_frame(
    mask: Mask, logit: Logit | None, parameters: Mapping[str, Any], check: MaskCheck
) -> list[Check]:
    """Check every frame that is not empty, and keep the worst result of each measurement.

    Parameters
    ----------
    mask : (t, n1, ..., nd) bool array
        Exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, 1 + d), time first, to the logit (n,).
    parameters : mapping
        ``frames``: parameters of each frame, keyed by its number.
    check : callable
        Check of a single frame.

    Returns
    -------
    list of Check
        Whether all frames are empty, then the worst results.
    """
    worst: dict[str, Check] = {}
    by_frame = parameters.get("frames", {})
    for number, frame in enumerate(mask):
        check_cancelled()
        if not frame.any():
            continue
        frame_logit = None if logit is None else _FrameLogit(logit, number)
        for result in check(frame, frame_logit, by_frame.get(number, {})):
            known = worst.get(result.name)
            # NaN compares false, so it counts as worst.
            if known is None or not result.value <= known.value:
                worst[result.name] = result
    absent = Check(name="sequences without the object", value=float(not mask.any()))
    return [absent, *worst.values()]


class _FrameLogit:
    """Logit of a sequence at the time of one frame, with the same precisions."""

    def __init__(self, logit: Logit, number: int) -> None:
        self.logit, self.number = logit, number

    def __call__(self, points: Points) -> Points:
        return self.logit(self._with_time(points))

    def in_double_precision(self, points: Points) -> Points:
        exact: Logit = getattr(self.logit, "in_double_precision", self.logit)
        return exact(self._with_time(points))

    def _with_time(self, points: Points) -> Points:
        time = np.full((len(points), 1), float(self.number))
        return np.concatenate([time, np.asarray(points, np.float64)], axis=1)
