"""Contours in a slice of a volume or a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import grid_contours, trace_contours

__all__ = ["Plane", "slice_contours", "slice_grid_contours", "slice_values", "validate_slice"]

Plane = tuple[float | None, ...]
Points = npt.NDArray[np.float64]
Logit = Callable[[Points], Points]


def validate_slice(plane: Sequence[float | None] | None, frame: ImageGeometry) -> Plane:
    """Return the plane, or that of a plain image if there is none.

    Parameters
    ----------
    plane : sequence of float or None
        For each axis where the plane lies, in pixels of the stack; None for the two axes that
        the plane extends along.
    frame : ImageGeometry
        The stack.

    Raises
    ------
    InputError
        If it is no plane of this stack.
    """
    if plane is None:
        if frame.ndim != 2:
            raise InputError(
                "contours are drawn in 2 dimensions only: say which plane, for example "
                "(5, None, None), or render a mask instead"
            )
        return (None, None)
    found = tuple(plane)
    if len(found) != frame.ndim or found.count(None) != 2:
        raise InputError(
            f"plane must hold {frame.ndim} values, None for the two axes that it extends along, "
            f"not {found}"
        )
    return found


def slice_contours(
    logit: Logit, frame: ImageGeometry, plane: Plane, cells: int = 128
) -> list[npt.NDArray[np.float64]]:
    """Trace closed sub-pixel zero-level contours of a logit in a slice.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) of the stack to the logit (n,).
    frame : ImageGeometry
        The stack.
    plane : tuple
        See :func:`validate_slice`.
    cells : int, optional
        Cells across the object.

    Returns
    -------
    list of (n, 2) arrays
        Vertices in pixels along the two axes of the plane, in their order.
    """

    def in_plane(points: Points) -> Points:
        whole = np.empty((len(points), len(plane)))
        free = iter(points.T)
        for axis, place in enumerate(plane):
            whole[:, axis] = next(free) if place is None else place
        return logit(whole)

    return trace_contours(in_plane, _flat(frame, plane), cells)


def slice_grid_contours(
    values: npt.NDArray[np.floating], axes: Sequence[Points], frame: ImageGeometry, plane: Plane
) -> list[npt.NDArray[np.float64]]:
    """Trace closed zero-level contours of values at grid nodes in a slice.

    Parameters
    ----------
    values : (n1, ..., nd) array
        Values at the nodes, positive inside.
    axes : sequence of (ni,) arrays
        Pixel coordinates of the nodes, rising.
    frame : ImageGeometry
        The stack.
    plane : tuple
        See :func:`validate_slice`.

    Returns
    -------
    list of (n, 2) arrays
        Vertices in pixels along the two axes of the plane.
    """
    flat = slice_values(values, axes, plane)
    free = [axis for axis, place in zip(axes, plane, strict=True) if place is None]
    return grid_contours(flat, free, _flat(frame, plane))


def slice_values(
    values: npt.NDArray[np.floating], axes: Sequence[Points], plane: Plane
) -> npt.NDArray[np.floating]:
    """Interpolate values (n, m) in a slice between the two nearest layers of nodes."""
    for axis in range(len(plane) - 1, -1, -1):  # from the last on: the others keep their number
        place, nodes = plane[axis], axes[axis]
        if place is None:
            continue
        upper = int(np.clip(np.searchsorted(nodes, place), min(1, len(nodes) - 1), len(nodes) - 1))
        lower = max(0, upper - 1)
        width = nodes[upper] - nodes[lower]
        share = float(np.clip((place - nodes[lower]) / width, 0, 1)) if width else 1.0
        low, high = np.take(values, lower, axis), np.take(values, upper, axis)
        values = high if share == 1 else low + share * (high - low)
    return values


def _flat(frame: ImageGeometry, plane: Plane) -> ImageGeometry:
    """Return the geometry of the slice."""
    if frame.ndim == 2:
        return frame  # with all that it knows
    free = [axis for axis, place in enumerate(plane) if place is None]
    return ImageGeometry(
        tuple(frame.shape[axis] for axis in free), tuple(frame.spacing[axis] for axis in free)
    )
