"""What of a fit can be dragged, as plain values; made in the worker, as torch is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.gui.handle_models import HandleGeometry, Point

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult, Result

__all__ = ["extract_handle_geometry"]

Mask = npt.NDArray[np.bool_]


def extract_handle_geometry(result: Result) -> dict[int, HandleGeometry]:
    """Places that the fit found, of every object with a shape in the plane."""
    return {
        label: _found(item)
        for label, item in result.objects.items()
        if item.shape is not None and item.frame.ndim == 2
    }


def _found(item: ObjectResult) -> HandleGeometry:
    parameters: dict[str, Any] = item.parameters
    element = None
    if "lattice" in parameters:
        element = _element(item.mask, float(np.abs(parameters["lattice"]).max()))
    return HandleGeometry(item.shape_name, parameters, _box(item.mask), element)


def _box(mask: Mask) -> tuple[Point, Point]:
    """First and last row and column; the whole image of an empty mask."""
    ends = []
    for axis in (1, 0):
        index = np.flatnonzero(mask.any(axis=axis))
        ends.append((index[0], index[-1]) if len(index) else (0, mask.shape[1 - axis] - 1))
    (top, bottom), (left, right) = ends
    return (float(top), float(left)), (float(bottom), float(right))


def _element(mask: Mask, step: float) -> Point | None:
    """Centre of the element of a pattern that is nearest to the middle of the image."""
    from scipy import ndimage  # in the worker: it takes long to load

    middle = [n / 2 for n in mask.shape]
    corner = [max(0, int(m - 1.5 * step)) for m in middle]
    ends = [int(m + 1.5 * step) + 2 for m in middle]
    window = mask[corner[0] : ends[0], corner[1] : ends[1]]
    pieces, count = ndimage.label(window)
    if not count:
        return None
    centres = np.array(ndimage.center_of_mass(window, pieces, range(1, count + 1))) + corner
    best = np.hypot(*(centres - middle).T).argmin()
    return float(centres[best, 0]), float(centres[best, 1])
