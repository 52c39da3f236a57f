"""Surfaces of the objects of a stack as one coloured mesh; made in a thread; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ColoredMesh", "colored_surface_mesh"]

ColoredMesh = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]
LIGHT = np.array([0.5, -0.7, -0.5])  # from the viewer's upper left, as napari first shows a volume
DARKEST = 0.35  # of the colour, on the side that is turned away


def colored_surface_mesh(
    result: Any, colors: Mapping[int, tuple[int, int, int]], hidden: Collection[int] = ()
) -> ColoredMesh | None:
    """Join the surfaces of all objects with three axes.

    Parameters
    ----------
    result : Result
    colours : mapping of int to (int, int, int)
        By label, 0 to 255.
    hidden : collection of int
        Labels that are left out.

    Returns
    -------
    vertices : (v, 3) float32 array
        In pixels of the image.
    faces : (f, 3) int array
    vertex_colors : (v, 4) float32 array
        Shaded as by a lamp that is fixed to the volume. Or None instead of all three, if there is
        no surface.
    """
    vertices, faces, shades, count = [], [], [], 0
    for label, item in result.objects.items():
        if label in hidden:
            continue
        points, triangles = item.surface()[:2]
        if not len(triangles):
            continue
        size = np.array(result.image_shape or item.frame.shape) / np.array(item.frame.shape)
        vertices.append((np.asarray(points, np.float32) + 0.5) * size.astype(np.float32) - 0.5)
        faces.append(np.asarray(triangles, np.int64) + count)
        rgba = np.array([*colors[label], 255], np.float32) / 255
        shaded = np.tile(rgba, (len(points), 1))
        shaded[:, :3] *= _light(np.asarray(points) * item.frame.spacing, np.asarray(triangles))
        shades.append(shaded)
        count += len(points)
    if not vertices:
        return None
    return (
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces),
        np.concatenate(shades),
    )


def _light(
    points: npt.NDArray[np.float64], triangles: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """How bright each vertex is (v, 1), by the way that its triangles face: nowhere black.

    In napari's own light all that is turned away is evenly dark, with jagged borders.
    """
    first, second, third = (points[triangles[:, corner]] for corner in range(3))
    areas = np.cross(second - first, third - first)
    normals = np.zeros(points.shape)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], areas)
    lengths = np.linalg.norm(normals, axis=1).clip(1e-12)
    facing = normals @ (LIGHT / np.linalg.norm(LIGHT)) / lengths
    return (DARKEST + (1 - DARKEST) * (1 + facing[:, None]) / 2).astype(np.float32)
