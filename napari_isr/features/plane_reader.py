"""Planes of an image at a bounded working size, and maps that are read at points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from napari_isr.features.color import to_rgb
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = ["PlaneReader", "rescale_coordinates", "sample_bilinear"]

Array = npt.NDArray[np.float32]
OVERSAMPLING = 2  # rows read per working row at least: a huge image is thinned out first


class PlaneReader:
    """The planes of the last two axes of an image, resized to one working size.

    The working size has about ``side**2`` pixels whatever the image's size, so that the cost is
    bounded, and square pixels whatever the voxels' sides.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    side : int
        Side of the square that has as many pixels as a plane at working size.
    enlarge : float, optional
        Largest factor by which an image is enlarged.
    multiple : int, optional
        Both sides become multiples of this number.
    """

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        side: int,
        enlarge: float = 1,
        multiple: int = 1,
    ) -> None:
        self.image, self.frame = image, frame
        sides = [n * s for n, s in zip(frame.shape[-2:], frame.spacing[-2:], strict=True)]
        scale = min(side / math.sqrt(sides[0] * sides[1]), enlarge / min(frame.spacing[-2:]))
        # A line of pixels, or needles of voxels, must not make the other side endless.
        longest = 4 * side
        self.size = tuple(
            multiple * max(1, min(round(s * scale / multiple), longest // multiple)) for s in sides
        )

    @property
    def leading(self) -> tuple[int, ...]:
        """Sizes of the axes before the last two."""
        return self.frame.shape[:-2]

    def pixels(self, index: Sequence[int] = ()) -> Array:
        """Channels (h, w, c) of a plane at working size, smoothed where it is reduced."""
        rows, columns = self.frame.shape[-2:]
        step = max(1, min(rows // self.size[0], columns // self.size[1]) // OVERSAMPLING)
        tensor = torch.from_numpy(self.image.plane(index, step)).permute(2, 0, 1)[None]
        resized = F.interpolate(
            tensor, self.size, mode="bilinear", align_corners=False, antialias=True
        )
        return resized[0].permute(1, 2, 0).numpy()

    def rgb(self, index: Sequence[int] = ()) -> Array:
        """Red, green and blue (h, w, 3) in [0, 1] of a plane at working size; see `to_rgb`."""
        return to_rgb(self.pixels(index))

    def sample_planes(self, count: int) -> list[tuple[int, ...]]:
        """At most ``count`` planes, evenly spread over all."""
        total = math.prod(self.leading)
        chosen = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int))
        return [
            tuple(int(i) for i in np.unravel_index(c, self.leading or (1,)))[: len(self.leading)]
            for c in chosen
        ]

    def group_by_plane(
        self, points: npt.NDArray[np.floating]
    ) -> Iterator[tuple[tuple[int, ...], npt.NDArray[np.bool_] | slice, npt.NDArray[np.float64]]]:
        """Sort pixel coordinates (n, d) by the nearest plane.

        Yields
        ------
        plane : tuple of int
            Position along the axes before the last two.
        chosen : (n,) bool array or slice
            Which points lie there.
        where : (m, 2) array
            Their rows and columns at working size.
        """
        shape = np.array(self.frame.shape[-2:])
        local = rescale_coordinates(points[:, -2:], self.size / shape)
        if not self.leading:
            yield (), slice(None), local
            return
        last = np.array(self.leading) - 1
        nearest = np.clip(np.rint(points[:, :-2]), 0, last).astype(int)
        flat = np.ravel_multi_index(tuple(nearest.T), self.leading)
        for plane in np.unique(flat):
            chosen = flat == plane
            index = np.unravel_index(plane, self.leading)
            yield tuple(int(i) for i in index), chosen, local[chosen]


def sample_bilinear(values: Array, where: npt.NDArray[np.floating]) -> Array:
    """Values (n, c) of a map (h, w, c) between its cells, at rows and columns (n, 2) of cells.

    Outside the map the nearest cell counts.
    """
    rows, columns = values.shape[:2]
    limit = np.array([rows - 1, columns - 1], np.float64)
    inside = np.clip(where, 0, limit)
    first = np.minimum(inside.astype(np.int64), np.maximum(limit.astype(np.int64) - 1, 0))
    share = (inside - first).astype(np.float32)
    flat = values.reshape(rows * columns, -1)
    corner = first[:, 0] * columns + first[:, 1]
    down, right = (columns if rows > 1 else 0), (1 if columns > 1 else 0)
    y, x = share[:, :1], share[:, 1:]
    top = flat[corner] * (1 - x) + flat[corner + right] * x
    bottom = flat[corner + down] * (1 - x) + flat[corner + down + right] * x
    result: Array = top * (1 - y) + bottom * y
    return result


def rescale_coordinates(
    where: npt.NDArray[np.floating | np.integer], scale: float | npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Positions (n, 2) on a grid of ``scale`` times as many cells that covers the same area."""
    return (np.asarray(where, np.float64) + 0.5) * scale - 0.5
