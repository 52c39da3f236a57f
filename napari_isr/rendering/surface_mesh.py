"""Surface meshes of objects with three axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

from napari_isr.cancellation import check_cancelled
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.rendering.rasterize import POINTS_PER_YIELD

__all__ = ["Surface", "surface_mesh"]

Points = npt.NDArray[np.float64]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

NODES = 400_000  # of the grid at most
COARSER = 1.1
OUTSIDE = -1e3


def surface_mesh(
    logit: Callable[[Points], Points], frame: ImageGeometry, mask: npt.NDArray[np.bool_]
) -> Surface:
    """Find the zero-level surface of a logit in a volume by marching cubes (Lewiner et al. 2003).

    Where the object leaves the image, the surface is closed at the image's border.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, 3) to values (n,).
    frame : ImageGeometry
        The volume; the grid's cells are as long as wide where its voxels are not.
    mask : (n1, n2, n3) bool array
        Says where to look.

    Returns
    -------
    vertices : (v, 3) float32 array
        Pixel coordinates; multiply by the spacing for lengths.
    faces : (f, 3) int array
        Triangles, indices of vertices, whose normals point outwards. Both are empty if the mask is.
    """
    if not mask.any():
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    axes = _nodes(_box(mask), frame)
    points = meshgrid_points(axes)
    values = np.empty(len(points))
    for start in range(0, len(points), POINTS_PER_YIELD):
        values[start : start + POINTS_PER_YIELD] = logit(points[start : start + POINTS_PER_YIELD])
        check_cancelled()
    # Doubled ends: the surface lies on the border, not a cell beyond it.
    framed = np.pad(values.reshape([len(a) for a in axes]), 1, constant_values=OUTSIDE)
    if framed.max() <= 0:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    vertices, faces, _, _ = marching_cubes(
        framed, 0.0, gradient_direction="ascent", allow_degenerate=False
    )
    places = [
        np.interp(index, np.arange(len(a) + 2), np.r_[a[0], a, a[-1]])
        for index, a in zip(vertices.T, axes, strict=True)
    ]
    return np.stack(places, axis=1).astype(np.float32), faces.astype(np.int64)


def _box(mask: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return the bounding box of the mask, with a margin of one pixel within the image."""
    found = []
    for axis, size in enumerate(mask.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        index = np.flatnonzero(mask.any(axis=others))
        found.append((max(-0.5, index[0] - 1.0), min(size - 0.5, index[-1] + 1.0)))
    return found


def _nodes(box: Sequence[tuple[float, float]], frame: ImageGeometry) -> list[Points]:
    """Positions of the grid's nodes along each axis; cells are nearly cubes."""
    lengths = np.array([stop - start for start, stop in box])
    step = float(min(frame.spacing))
    while True:
        cells = np.ceil(lengths * np.array(frame.spacing) / step).clip(1).astype(int)
        if np.prod(cells + 1) <= NODES:
            break
        step *= COARSER
    return [
        np.linspace(start, stop, count + 1) for (start, stop), count in zip(box, cells, strict=True)
    ]
