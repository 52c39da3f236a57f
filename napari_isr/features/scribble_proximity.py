"""Proximity of pixels to scribbles along the image."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.features.cell_grid import CellGraph, CellGrid, GridField
from napari_isr.features.optical_flow import flow_correspondences, optical_flow
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = ["NEARNESS", "ScribbleProximity"]

NEARNESS = "nearness"
CELLS = 16_384  # of the graph, whatever the size of the image
WALK_FLOOR = 1e-6  # least probability of the random walk
GEODESIC = 5.0  # log-odds of a cell that lies on a stroke
OUTSIDE_BOX_LOG_ODDS, LEFT = (
    4.0,
    3.0,
)  # odds of the background, per size of the drawing beyond it; at most
FARTHEST = 3.0  # times as far as the two nearest classes together: more is not told apart

Field = npt.NDArray[np.float64]


class ScribbleProximity:
    """Estimates classes of pixels from the distance and random walk to scribbles.

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
    frame : ImageGeometry
        Its frame.
    """

    def __init__(self, image: SourceImage, frame: ImageGeometry) -> None:
        self.frame = frame
        self.cells = CellGrid(image, frame, CELLS)
        self._last: tuple[npt.NDArray[np.int64], int] | None = None

    @cached_property
    def graph(self) -> CellGraph:
        """The cells and their contrasts; made once."""
        colors = self.cells.colors
        check_cancelled()
        ways = None
        if isinstance(self.frame, TimeSeriesGeometry) and self.frame.ndim == 3:
            ways = flow_correspondences(optical_flow(colors))
        return CellGraph(colors, diagonal=self.frame.ndim == 2, ways=ways)

    def log_probabilities(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> GridField:
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
        CellField
        """
        seeds = self.cells.label_cells(points, classes, count)
        self._last = seeds, count
        check_cancelled()
        values = _by_distance(self.graph.geodesic_distances(seeds, count))
        if self.frame.ndim == 2:
            check_cancelled()
            walk = np.maximum(self.graph.random_walk_probabilities(seeds, count), WALK_FLOOR)
            values = values + np.log(walk)
        values[:, 0] += self._beyond(points)
        return GridField(values.reshape(*self.cells.sizes, count), self.frame)

    def geodesic_log_probabilities(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> Field:
        """Return the fast part (cells, classes) of :meth:`log_probabilities`.

        Classes) of :meth:`log_probabilities` that is quick, and not made again there.
        """
        return _by_distance(
            self.graph.geodesic_distances(self.cells.label_cells(points, classes, count), count)
        )

    def prefactorize(self) -> None:
        """Make ready for the next stroke.

        While nobody waits: then :meth:`log_probabilities` is quicker.
        """
        if self._last is not None and self.frame.ndim == 2:
            self.graph.prefactorize(*self._last)

    def _beyond(self, points: npt.NDArray[np.integer]) -> Field:
        """Log-odds (cells,) of the background for being outside the box around the strokes."""
        spacing = np.array(self.frame.spacing)
        # One axis after the other: along the points numpy takes ten times as long, and no other
        # thread runs meanwhile.
        low = np.array([axis.min() for axis in points.T])
        high = np.array([axis.max() for axis in points.T])
        away = np.zeros(self.cells.sizes)
        for dim, (size, cells) in enumerate(zip(self.frame.shape, self.cells.sizes, strict=True)):
            x = (np.arange(cells) + 0.5) * size / cells - 0.5
            if dim == 0 and isinstance(self.frame, TimeSeriesGeometry):
                continue  # nobody draws around the object in time
            outside = np.maximum(np.maximum(low[dim] - x, x - high[dim]), 0) * spacing[dim]
            away += (
                outside.reshape([-1 if d == dim else 1 for d in range(len(self.cells.sizes))]) ** 2
            )
        space = slice(isinstance(self.frame, TimeSeriesGeometry), None)
        sides = ((high - low + 1) * spacing)[space]
        side = np.linalg.norm(sides) / np.sqrt(len(sides))
        odds: Field = np.minimum(OUTSIDE_BOX_LOG_ODDS * np.sqrt(away.ravel()) / side, LEFT)
        return odds


def _by_distance(distances: Field) -> Field:
    r"""Log-probabilities :math:`-\kappa d_k / (d_1 + d_2)` from distances (n, classes).

    :math:`d_1` and :math:`d_2` are the two shortest.
    """
    if distances.shape[1] == 1:
        return np.zeros_like(distances)
    shortest = np.partition(distances, 1, axis=1)[:, :2].sum(1, keepdims=True)
    values: Field = -GEODESIC * np.minimum(distances / np.maximum(shortest, 1e-12), FARTHEST)
    return values
