"""Repair of masks of connected sets with parts thinner than a pixel.

Where a set is thinner than the distance of pixel centres, the pixels whose centres lie in it may
fall apart, or touch each other around a gap. Here the pixels are made one piece without holes
again, by adding those that the set is known to enter. No pixel is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from napari_isr.cancellation import check_cancelled, run_cancellable
from napari_isr.geometry.image import ImageGeometry

__all__ = ["PathBetween", "PathConnected", "path_query_for", "repair_mask"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
PathBetween = Callable[[Points, Points, Points], Points]
"""Maps two points (d,) of the set and fractions (m,) of the way to points (m, d) in the set."""

FIRST_POINTS = 65
HALVINGS = 24  # of the pieces of a way, until neighbours on it lie in neighbouring pixels


@runtime_checkable
class PathConnected(Protocol):
    """Interface of a shape whose pixels can be repaired, in normalized coordinates."""

    def path_between(self, start: Tensor, stop: Tensor, fractions: Tensor) -> Tensor:
        """Return points (m, d) of the set on a path between two of its points (d,)."""

    def interior_point(self) -> Tensor:
        """Return a point (d,) of the set, if it has one."""


def repair_mask(
    mask: Mask,
    axes: Sequence[Points],
    path_between: PathBetween,
    inside: Points | None = None,
) -> Mask:
    """Join the pieces of a sampled connected set and fill the holes that it cannot have.

    Parameters
    ----------
    mask : (n1, ..., nd) bool array
        Pixels whose centres lie in the set; it is not changed.
    axes : sequence of (ni,) arrays
        Pixel coordinates of the centres along each axis, evenly spaced, rising. They may be
        those of a window: then only the pixels in the window are added, and pieces that are
        joined outside stay apart.
    path_between : callable
        Maps two points (d,) of the set and fractions (m,) of the way between them to points
        (m, d) on a way in the set.
    inside : (d,) array, optional
        A point of the set: its pixel stands for a set that contains no pixel centre.

    Returns
    -------
    (n1, ..., nd) bool array
        Pieces are joined through faces (4 neighbours in the plane, 6 in space), the background
        through corners too.
    """
    grid = _Grid(axes)
    if not mask.any():
        return mask if inside is None else grid.drawn(mask, grid.pixels(inside[None]))
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    labels, count = ndimage.label(mask[box])
    if count > 1:
        corner = np.array([side.start for side in box])
        for start, stop in run_cancellable(lambda: _ends(labels, count, corner)):
            check_cancelled()
            mask = grid.drawn(mask, _way(grid, start, stop, path_between))
        box = ndimage.find_objects(mask.astype(np.int8))[0]
    result = mask.copy()
    result[box] = _filled(mask[box])
    return result


def path_query_for(shape: PathConnected, frame: ImageGeometry) -> tuple[PathBetween, Points]:
    """Return the queries of :func:`repair_mask` in pixel coordinates.

    Parameters
    ----------
    shape : PathConnected
        In double precision, on the CPU.
    frame : ImageGeometry
        The image.

    Returns
    -------
    path_between : callable
    inside : (d,) array
    """

    def path_between(start: Points, stop: Points, fractions: Points) -> Points:
        ends = torch.from_numpy(frame.to_normalized(np.stack([start, stop])))
        way: Tensor = frame.to_pixels(
            shape.path_between(ends[0], ends[1], torch.from_numpy(fractions))
        )
        return way.numpy()

    inside: Tensor = frame.to_pixels(shape.interior_point()[None])
    return path_between, inside.numpy()[0]


def _ends(labels: Indices, count: int, corner: Indices) -> list[tuple[Indices, Indices]]:
    """Pair a pixel of each smaller component with a near pixel of the largest one."""
    sizes = np.bincount(labels.ravel())[1:]
    main = 1 + int(sizes.argmax())
    near = ndimage.distance_transform_edt(
        labels != main, return_distances=False, return_indices=True
    )
    pieces = [k for k in range(1, count + 1) if k != main]
    first = ndimage.maximum_position(labels, labels, pieces)
    return [(np.array(p) + corner, near[(slice(None), *p)] + corner) for p in first]


def _way(grid: _Grid, start: Indices, stop: Indices, path_between: PathBetween) -> Indices:
    """Return the pixels (m, d) on the line between two pixel centers."""
    ends = grid.centres(np.stack([start, stop]))
    fractions = np.linspace(0, 1, FIRST_POINTS)
    pixels = grid.pixels(path_between(ends[0], ends[1], fractions))
    pixels[0], pixels[-1] = start, stop
    for _ in range(HALVINGS):
        gap = np.flatnonzero(np.abs(np.diff(pixels, axis=0)).sum(axis=1) > 1)
        if not len(gap):
            break
        middle = (fractions[gap] + fractions[gap + 1]) / 2
        found = grid.pixels(path_between(ends[0], ends[1], middle))
        fractions = np.insert(fractions, gap + 1, middle)
        pixels = np.insert(pixels, gap + 1, found, axis=0)
    # What is left are steps through corners: walk around them, axis by axis.
    steps = [pixels]
    for axis in range(pixels.shape[1] - 1):
        steps.append(np.concatenate([pixels[1:, : axis + 1], pixels[:-1, axis + 1 :]], axis=1))
    return np.unique(np.concatenate(steps), axis=0)


def _filled(mask: Mask) -> Mask:
    """Fill the holes of a mask. The background is connected through corners as well."""
    background, _ = ndimage.label(np.pad(~mask, 1, constant_values=True), np.ones((3,) * mask.ndim))
    within = tuple(slice(1, -1) for _ in mask.shape)
    filled: Mask = background[within] != background.flat[0]
    return filled


class _Grid:
    """Evenly spaced pixel centres."""

    def __init__(self, axes: Sequence[Points]) -> None:
        self.first = np.array([axis[0] for axis in axes])
        # An axis of one pixel covers one input pixel, or less: its size does not matter.
        self.step = np.array([axis[1] - axis[0] if len(axis) > 1 else 1.0 for axis in axes])
        self.sizes = np.array([len(axis) for axis in axes])

    def centres(self, index: Indices) -> Points:
        """Return the coordinates (m, d) of pixels (m, d)."""
        points: Points = self.first + index * self.step
        return points

    def pixels(self, points: Points) -> Indices:
        """Return indices (m, d) of the pixels that contain points (m, d)."""
        # The set ends at the image border, which is a pixel's edge: no rounding across it.
        place = (points - self.first) / self.step
        index = np.rint(place).astype(np.int64)
        last = self.sizes - 1
        index[(index == -1) & (place > -0.5 - 1e-6)] = 0
        over = (index == last + 1) & (place < last + 0.5 + 1e-6)
        return np.where(over, last, index)

    def drawn(self, mask: Mask, index: Indices) -> Mask:
        """Add the pixels (m, d) that lie on the grid to a mask."""
        index = index[((index >= 0) & (index < self.sizes)).all(axis=1)]
        result = mask.copy()
        result[tuple(index.T)] = True
        return result
