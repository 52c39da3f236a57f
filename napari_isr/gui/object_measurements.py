"""Sizes of objects and their formatting; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult

__all__ = ["SizeMeasurement", "format_area", "format_frame_ranges", "format_number", "measure_size"]

MOST_RUNS = 4  # that are named


@dataclass(frozen=True)
class SizeMeasurement:
    """Size of an object.

    Parameters
    ----------
    name : str
        ``"Area"``, ``"Volume"``, or of which frames it is the mean.
    axes : int
        How many of the last axes it is measured along.
    note : str
        In which frames of a sequence the object is not; empty if it is in all.
    space : str
        The coordinates in which its shape has its property, if not those of the image.
    """

    name: str = "Area"
    axes: int = 2
    note: str = ""
    space: str = ""


def measure_size(item: ObjectResult, axes: str) -> tuple[float, SizeMeasurement]:
    """Measure one object.

    Parameters
    ----------
    item : ObjectResult
    axes : str
        ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.

    Returns
    -------
    size : float
        Area or volume in units of the spacing; in a sequence the mean over the frames that the
        object is in.
    measure : SizeMeasurement
    """
    space = len(axes.removeprefix("t"))
    name = "Volume" if space == 3 else "Area"
    if not axes.startswith("t"):
        return item.area, SizeMeasurement(name, space, space=item.certificate.space or "")
    pixels = np.count_nonzero(item.mask, axis=tuple(range(1, item.mask.ndim)))
    there = np.flatnonzero(pixels)
    size = pixels.sum() / max(1, len(there)) * float(np.prod(item.frame.spacing[1:]))
    gone = format_frame_ranges(np.flatnonzero(pixels == 0).tolist())
    note = f"not in {gone}" if gone else ""
    name = f"{name}, mean of {len(there)} frames"
    return float(size), SizeMeasurement(name, space, note, item.certificate.space or "")


def format_frame_ranges(frames: Sequence[int]) -> str:
    """Write down which frames, counted from 0: ``frame 3``, ``frames 0 to 4 and 7``."""
    ranges: list[list[int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1][1] = frame
        else:
            ranges.append([frame, frame])
    words = [f"{a}" if a == b else f"{a} to {b}" for a, b in ranges[:MOST_RUNS]]
    if not words:
        return ""
    if len(ranges) > MOST_RUNS:
        words.append("others")
    names = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"frame {names}" if len(frames) == 1 else f"frames {names}"


def format_number(value: float) -> str:
    """Write a number with about three figures: ``0.0123``, ``48.5``, ``1,963``, ``1.23M``."""
    for limit, factor, suffix in ((1e9, 1e-9, "G"), (1e6, 1e-6, "M"), (1e5, 1e-3, "k")):
        if value >= limit:
            return f"{_three(value * factor)}{suffix}"
    return _three(value)


def _three(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def format_area(area: float, scale: Sequence[float], units: Sequence[Any] = ()) -> str:
    """Write an area.

    Parameters
    ----------
    area : float
        In units of the scale.
    scale : sequence of float
        Size of a pixel along each axis.
    units : sequence of pint.Unit
        Of the scale, as napari's layers have them. Pixels, or none, are no physical units.

    Returns
    -------
    str
        For example ``1,963 µm²``, or ``1,963 px`` where no unit is known.
    """
    if units and all(str(unit) != "pixel" for unit in units):
        total = 1.0 * units[0]
        for unit in units[1:]:
            total = total * (1.0 * unit).to(units[0])
        return f"{format_number(area * total.magnitude)} {units[0]:~P}{'²³'[len(units) - 2]}"
    pixels = area
    for size in scale:
        pixels /= abs(float(size)) or 1.0
    return f"{format_number(round(pixels))} px"
