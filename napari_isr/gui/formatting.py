"""Areas in words: short, in physical units where they are known; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["format_area", "format_number"]


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
