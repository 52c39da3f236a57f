"""Surfaces of the objects of a stack as one coloured mesh; made in a thread; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ColouredMesh", "mesh_of"]

ColouredMesh = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]


def mesh_of(
    result: Any, colours: Mapping[int, tuple[int, int, int]], hidden: Collection[int] = ()
) -> ColouredMesh | None:
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
        Or None instead of all three, if there is no surface.
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
        rgba = np.array([*colours[label], 255], np.float32) / 255
        shades.append(np.broadcast_to(rgba, (len(points), 4)))
        count += len(points)
    if not vertices:
        return None
    return (
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces),
        np.concatenate(shades),
    )
