"""Certificates of sequences: the checks of every frame, and whether a tube is in one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.certificates.certificate import Check, Logit, Mask

__all__ = ["check_each_frame", "check_tube_connected"]

Points = npt.NDArray[np.float64]
Checks = Callable[[Mask, Logit | None, Mapping[str, Any]], list[Check]]


def check_each_frame(
    mask: Mask, logit: Logit | None, parameters: Mapping[str, Any], checks: Checks
) -> list[Check]:
    """Check every frame that is not empty; of each check the worst frame counts.

    Parameters
    ----------
    mask : (t, n1, ..., nd) bool array
        The exported pixels.
    logit : callable, optional
        Maps pixel coordinates (n, 1 + d), the time first, to the logit (n,).
    parameters : mapping
        ``frames``: what each frame's property is about, by its number.
    checks : callable
        The checks of a single frame.

    Returns
    -------
    list of Check
        Those of a frame, and whether every frame is empty.
    """
    worst: dict[str, Check] = {}
    every = parameters.get("frames", {})
    for number, frame in enumerate(mask):
        check_cancelled()
        if not frame.any():
            continue
        part = None if logit is None else _InFrame(logit, number)
        for check in checks(frame, part, every.get(number, {})):
            known = worst.get(check.name)
            if known is None or not check.value <= known.value:  # NaN is worst of all
                worst[check.name] = check
    nowhere = Check(name="sequences without the object", value=float(not mask.any()))
    return [nowhere, *worst.values()]


def check_tube_connected(mask: Mask) -> list[Check]:
    """Whether the frames of a tube are joined: pieces, through faces, in space and time."""
    pieces = run_cancellable(lambda: int(ndimage.label(mask)[1]))
    return [Check(name="pieces of the tube beyond the first", value=float(max(pieces - 1, 0)))]


class _InFrame:
    """A logit of the sequence at the time of one frame, in double precision too if it has it."""

    def __init__(self, logit: Logit, number: int) -> None:
        self.logit, self.number = logit, number

    def __call__(self, points: Points) -> Points:
        return self.logit(self._in_sequence(points))

    def in_double_precision(self, points: Points) -> Points:
        exact: Logit = getattr(self.logit, "in_double_precision", self.logit)
        return exact(self._in_sequence(points))

    def _in_sequence(self, points: Points) -> Points:
        when = np.full((len(points), 1), float(self.number))
        return np.concatenate([when, np.asarray(points, np.float64)], axis=1)
