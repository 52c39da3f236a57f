"""Nearness to the strokes along the image."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from napari_isr.features.graph import CellGraph
from napari_isr.features.image import SourceImage
from napari_isr.features.rgb import Rgb
from napari_isr.frame import Frame, grid_points
from napari_isr.stopping import breathe

__all__ = ["NEARNESS", "Nearness", "NearnessField"]

NEARNESS = "nearness"
CELLS = 16_384  # of the graph, whatever the size of the image
PROBES = 3  # pixels read along each axis of a cell
WALK_FLOOR = 1e-6  # least probability of the random walk
GEODESIC = 5.0  # log-odds of a cell that lies on a stroke
BEYOND, LEFT = 4.0, 3.0  # odds of the background, per size of the drawing beyond it; at most
FARTHEST = 3.0  # times as far as the two nearest classes together: more is not told apart

Field = npt.NDArray[np.float64]


class NearnessField:
    """Log-probabilities of the classes on a grid of cells, read between them.

    Parameters
    ----------
    values : (n1, ..., nd, classes) array
        Of the cells.
    frame : Frame
        The image that the cells cover.
    """

    def __init__(self, values: Field, frame: Frame) -> None:
        self.values, self.frame = values, frame

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Log-probabilities (n, classes) at pixel coordinates (n, d); linear between cells."""
        sizes = self.values.shape[:-1]
        scale = np.array(sizes) / np.array(self.frame.shape)
        where = ((np.asarray(points, np.float64) + 0.5) * scale - 0.5).T
        columns = [
            map_coordinates(self.values[..., k], where, order=1, mode="nearest")
            for k in range(self.values.shape[-1])
        ]
        return np.stack(columns, axis=1).astype(np.float32)


class Nearness:
    """What the strokes say of the pixels around them, before anything is learned.

    The log-odds of two measures add up: the probability that a random walker from a pixel meets
    the object's strokes first, and the ratio of the geodesic distances to the strokes of the
    classes. Both run along even parts of the image and are held up by edges. They need no
    training, so that the strokes' own pixels leak into nothing. Where both leave a gap between
    the strokes, it must not let the object out: beyond the box around all strokes the odds of the
    background grow, for people draw it around their object.

    In three dimensions and more only the distances are used: the walker's linear system is too
    large to follow a stroke.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : Frame
        Its frame.
    """

    def __init__(self, image: SourceImage, frame: Frame) -> None:
        self.image, self.frame = image, frame
        # Cells are about as long along every axis, and not smaller than a pixel.
        sides = np.array(frame.shape) * np.array(frame.spacing)
        cell = (np.prod(sides) / CELLS) ** (1 / frame.ndim)
        count = np.array(frame.shape)
        for _ in frame.shape:  # an axis of few pixels leaves more cells for the others
            count = np.minimum(np.maximum(np.rint(sides / cell), 1), frame.shape)
            cell *= (np.prod(count) / CELLS) ** (1 / frame.ndim)
            if np.prod(count) >= CELLS or (count == frame.shape).all():
                break
        self.sizes = tuple(int(n) for n in count)
        self._last: tuple[npt.NDArray[np.int64], int] | None = None

    @cached_property
    def graph(self) -> CellGraph:
        """The cells and their contrasts; made once."""
        rgb = Rgb(self.image, self.frame)
        axes = []
        for size, cells in zip(self.frame.shape, self.sizes, strict=True):
            probes = min(PROBES, -(-size // cells))
            step = size / (cells * probes)
            axes.append((np.arange(cells * probes) + 0.5) * step - 0.5)
        colours = rgb.at(grid_points(axes)).reshape(*(len(axis) for axis in axes), -1)
        for dim, cells in enumerate(self.sizes):
            shape = colours.shape
            colours = colours.reshape(*shape[:dim], cells, -1, *shape[dim + 1 :]).mean(dim + 1)
        breathe()
        return CellGraph(colours, diagonal=self.frame.ndim == 2)

    def field(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> NearnessField:
        """Log-probabilities of the classes everywhere.

        Parameters
        ----------
        points : (n, d) array of int
            Pixel coordinates of the strokes.
        classes : (n,) array of int
            Class of each, from 0; every class occurs.
        count : int
            Number of classes.

        Returns
        -------
        NearnessField
        """
        seeds = self._seeds(points, classes, count)
        self._last = seeds, count
        breathe()
        values = _by_distance(self.graph.geodesic(seeds, count))
        if self.frame.ndim == 2:
            breathe()
            walk = np.maximum(self.graph.random_walk(seeds, count), WALK_FLOOR)
            values = values + np.log(walk)
        values[:, 0] += self._beyond(points)
        return NearnessField(values.reshape(*self.sizes, count), self.frame)

    def prepare(self) -> None:
        """Make ready for the next stroke, while nobody waits: then :meth:`field` is quicker."""
        if self._last is not None and self.frame.ndim == 2:
            self.graph.prepare(*self._last)

    def _beyond(self, points: npt.NDArray[np.integer]) -> Field:
        """Log-odds (cells,) of the background for being outside the box around the strokes."""
        spacing = np.array(self.frame.spacing)
        low, high = points.min(0), points.max(0)
        away = np.zeros(self.sizes)
        for dim, (size, cells) in enumerate(zip(self.frame.shape, self.sizes, strict=True)):
            x = (np.arange(cells) + 0.5) * size / cells - 0.5
            outside = np.maximum(np.maximum(low[dim] - x, x - high[dim]), 0) * spacing[dim]
            away += outside.reshape([-1 if d == dim else 1 for d in range(len(self.sizes))]) ** 2
        side = np.linalg.norm((high - low + 1) * spacing) / np.sqrt(len(spacing))
        odds: Field = np.minimum(BEYOND * np.sqrt(away.ravel()) / side, LEFT)
        return odds

    def _seeds(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> npt.NDArray[np.int64]:
        """Class of each cell: that of most stroke pixels in it, -1 where there are none."""
        shape = np.array(self.frame.shape)
        cells = np.minimum((points * np.array(self.sizes)) // shape, np.array(self.sizes) - 1)
        flat = np.ravel_multi_index(tuple(cells.T), self.sizes)
        votes = np.zeros((self.graph.count, count), np.int64)
        np.add.at(votes, (flat, classes), 1)
        seeds = np.where(votes.any(1), votes.argmax(1), -1)
        for k in np.flatnonzero(~np.isin(np.arange(count), seeds)):
            # A class that is outvoted everywhere keeps the cell where it is strongest; if that is
            # all another class has, the nearest cell that has no stroke.
            cell = (votes[:, k] / np.maximum(votes.sum(1), 1)).argmax()
            if np.count_nonzero(seeds == seeds[cell]) == 1 and (seeds < 0).any():
                free = np.flatnonzero(seeds < 0)
                places = np.stack(np.unravel_index(free, self.sizes), axis=1)
                here = np.array(np.unravel_index(cell, self.sizes))
                cell = free[((places - here) ** 2).sum(1).argmin()]
            seeds[cell] = k
        return seeds


def _by_distance(distances: Field) -> Field:
    r"""Log-probabilities :math:`-\kappa d_k / (d_1 + d_2)` from distances (n, classes).

    :math:`d_1` and :math:`d_2` are the two shortest.
    """
    if distances.shape[1] == 1:
        return np.zeros_like(distances)
    shortest = np.partition(distances, 1, axis=1)[:, :2].sum(1, keepdims=True)
    values: Field = -GEODESIC * np.minimum(distances / np.maximum(shortest, 1e-12), FARTHEST)
    return values
