"""Handles as one mesh, in pixels of the screen; numpy only."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_isr.gui.handle_models import Handle
from napari_isr.gui.layers.polyline_mesh import Mesh, polyline_mesh

__all__ = ["COLORS", "build_handle_mesh"]

Floats = npt.NDArray[np.floating]
# Values of the mesh where it is opaque; one less is transparent.
CASING, PALE, FIXED, HOLLOW = 1.0, 3.0, 5.0, 7.0
COLORS = {
    CASING: (0.05, 0.06, 0.08, 0.75),
    PALE: (1.0, 1.0, 1.0, 1.0),
    FIXED: (1.0, 0.569, 0.0, 1.0),
    HOLLOW: (0.05, 0.06, 0.08, 0.45),
}
DOT, LARGER, TIP = 5.5, 1.5, 7.0  # pixels on the screen: radius, more under the mouse, arrow
LINE, RIM, MARGIN, SOFT = 0.9, 1.0, 1.1, 0.7  # half widths
CORNERS = 28


def build_handle_mesh(handle: Handle, places: dict[str, Floats], fixed: bool, hot: str) -> Mesh:
    """Draw a handle.

    Parameters
    ----------
    handle : Handle
    places : dict
        Where its grips are on the screen; ``"line 0 start"``, ``"line 0 end"`` … for its lines.
    fixed : bool
        Whether it is held fixed, which fills its grips.
    hot : str
        The grip under the mouse.

    Returns
    -------
    vertices, faces, values
        Vertices in pixels of the screen.
    """
    parts = []
    lines = [_sliver(places[f"line {k} start"], places[f"line {k} end"])
             for k in range(len(handle.lines))]  # fmt: skip
    tone = FIXED if fixed else PALE
    parts.append(_rims(lines, LINE, tone))
    fill = FIXED if fixed else HOLLOW
    for name in handle.control_points:
        size = LARGER if name == hot else 0.0
        if name in handle.arrows:
            start = places[f"line {handle.arrows.index(name)} start"]
            outline = _tip(places[name], places[name] - start, TIP + size)
        else:
            outline = _circle(places[name], DOT + size)
        parts += [_fan(outline, fill), _rims([outline], RIM, PALE)]
    return _joined(parts)


def _rims(polygons: list[Floats], half: float, tone: float) -> Mesh:
    """Lines around polygons, with a dark casing."""
    many = len(polygons)
    bands = [(half + MARGIN, [CASING] * many), (half, [tone] * many)]
    return polyline_mesh(polygons, bands, SOFT)


def _sliver(start: Floats, end: Floats) -> Floats:
    """A line as a polygon that is very thin."""
    along = end - start
    across = 0.2 * np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    return np.array([start + across, end + across, end - across, start - across, start + across])


def _circle(middle: Floats, radius: float) -> Floats:
    turn = np.linspace(0, 2 * math.pi, CORNERS + 1)
    return middle + radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)


def _tip(at: Floats, along: Floats, size: float) -> Floats:
    """An arrow's tip, a triangle about its place."""
    ahead = along / max(float(np.hypot(*along)), 1e-9)
    aside = np.array([-ahead[1], ahead[0]])
    corners = [at + size * ahead, *(at - size * (0.6 * ahead + k * 0.8 * aside) for k in (1, -1))]
    return np.array([*corners, corners[0]])


def _fan(polygon: Floats, value: float) -> Mesh:
    """Fill a convex polygon."""
    corners = polygon[:-1].astype(np.float32)
    index = np.arange(1, len(corners) - 1)
    faces = np.stack([np.zeros_like(index), index, index + 1], axis=1)
    return corners, faces, np.full(len(corners), value, np.float32)


def _joined(parts: list[Mesh]) -> Mesh:
    """Several meshes as one, later ones over earlier ones."""
    shifts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    return (
        np.concatenate([vertices for vertices, _, _ in parts]),
        np.concatenate([part[1] + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
        np.concatenate([values for _, _, values in parts]),
    )
