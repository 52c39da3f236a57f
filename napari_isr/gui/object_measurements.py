"""How large an object of a stack is, and where it is not: made in the worker; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult

__all__ = ["SizeMeasurement", "format_frame_ranges", "measure_size"]

MOST_RUNS = 4  # that are named


@dataclass(frozen=True)
class SizeMeasurement:
    """How large an object is.

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
