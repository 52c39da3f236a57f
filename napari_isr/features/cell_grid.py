"""Grid of cells over an image, and the graph of its cells."""

from __future__ import annotations

from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import dijkstra

from napari_isr.cancellation import check_cancelled
from napari_isr.features.color_features import ColorFeatures
from napari_isr.features.random_walker import IncrementalRandomWalker
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.geometry.time_series import PICKED, TimeSeriesGeometry

__all__ = ["CellGraph", "CellGrid", "GridField", "grid_shape", "mean_cell_colors"]

MORE_IN_TIME = 2  # times as many cells, so that a frame is not too coarse
PROBES = 3  # pixels read along each axis of a cell
AT_ONCE = 2**16  # pixels between two checks for cancellation
Field = npt.NDArray[np.floating]
CONTRAST = 3.0  # how much an edge of mean contrast holds a walker up
LEAK = 1e-6  # conductance of the strongest edge
STRIDE = 0.1  # length of a step across no contrast, in steps of mean contrast
FAR = 1e9  # distance where there is no way
DISSECTED = 16  # cells of a grid that is not split further
Ways = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class GridField:
    """Values of the classes on a grid of cells, read between them.

    Parameters
    ----------
    values : (n1, ..., nd, classes) array
        Of the cells.
    frame : ImageGeometry
        The image that the cells cover.
    """

    def __init__(self, values: Field, frame: ImageGeometry) -> None:
        self.values, self.frame = values, frame

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Interpolate values (n, classes) linearly at pixel coordinates (n, d)."""
        sizes = self.values.shape[:-1]
        scale = np.array(sizes) / np.array(self.frame.shape)
        where = ((np.asarray(points, np.float64) + 0.5) * scale - 0.5).T
        columns = []
        for k in range(self.values.shape[-1]):
            check_cancelled()
            columns.append(map_coordinates(self.values[..., k], where, order=1, mode="nearest"))
        return np.stack(columns, axis=1).astype(np.float32)


class CellGrid:
    """Cells of about the same length along every axis, and not smaller than a pixel.

    Over time each frame has cells of its own, or each of a dozen spans of frames.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    count : int
        Of cells at most, about.
    """

    def __init__(self, image: SourceImage, frame: ImageGeometry, count: int) -> None:
        self.image, self.frame = image, frame
        if isinstance(frame, TimeSeriesGeometry):
            frames = min(frame.shape[0], PICKED)
            self.sizes = (frames, *grid_shape(frame.frame_geometry, count * MORE_IN_TIME // frames))
        else:
            self.sizes = grid_shape(frame, count)

    @cached_property
    def points(self) -> npt.NDArray[np.float64]:
        """Centres (cells, d), in pixel coordinates."""
        axes = [
            (np.arange(cells) + 0.5) * size / cells - 0.5
            for cells, size in zip(self.sizes, self.frame.shape, strict=True)
        ]
        return meshgrid_points(axes)

    @cached_property
    def colors(self) -> npt.NDArray[np.float32]:
        """Mean colours (n1, ..., nd, c), of about unit variance; made once."""
        return mean_cell_colors(ColorFeatures(self.image, self.frame), self.frame, self.sizes)

    def label_cells(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> npt.NDArray[np.int64]:
        """Class (cells,) of each cell: that of most stroke pixels in it, -1 where there are none.

        Parameters
        ----------
        points : (n, d) array of int
            Pixel coordinates of the strokes.
        classes : (n,) array of int
            Class of each, from 0; every class occurs.
        count : int
            Number of classes.
        """
        cells = zip(points.T, self.sizes, self.frame.shape, strict=True)
        flat = np.ravel_multi_index(tuple((x * n) // size for x, n, size in cells), self.sizes)
        total = int(np.prod(self.sizes))
        votes = np.bincount(flat * count + classes, minlength=total * count).reshape(total, count)
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


def mean_cell_colors(
    rgb: ColorFeatures,
    frame: ImageGeometry,
    sizes: tuple[int, ...],
    first: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float32]:
    """Mean colours (n1, ..., nd, c) of cells that cover an image, or some planes of it.

    Parameters
    ----------
    rgb : ColorFeatures
        Colours of the image.
    frame : ImageGeometry
        The image.
    sizes : tuple of int
        Number of cells along each axis.
    first : (n1,) array, optional
        Pixel coordinates along the first axis of the planes. Default: cells cover that, too.
    """
    axes = []
    for size, cells in zip(frame.shape, sizes, strict=True):
        probes = min(PROBES, -(-size // cells))
        step = size / (cells * probes)
        axes.append((np.arange(cells * probes) + 0.5) * step - 0.5)
    if first is not None:
        axes[0] = first
    colors = _read(rgb, meshgrid_points(axes)).reshape(*(len(axis) for axis in axes), -1)
    for dim, cells in enumerate(sizes):
        shape = colors.shape
        colors = colors.reshape(*shape[:dim], cells, -1, *shape[dim + 1 :]).mean(dim + 1)
        check_cancelled()
    return colors


def _read(rgb: ColorFeatures, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Colours (n, c) at points, in parts."""
    found = np.empty((len(points), rgb.width), np.float32)
    for start in range(0, len(points), AT_ONCE):
        found[start : start + AT_ONCE] = rgb.at(points[start : start + AT_ONCE])
        check_cancelled()
    return found


def grid_shape(frame: ImageGeometry, count: int) -> tuple[int, ...]:
    """Return the number of cells along each axis."""
    sides = np.array(frame.shape) * np.array(frame.spacing)
    cell = (np.prod(sides) / count) ** (1 / frame.ndim)
    sizes = np.array(frame.shape)
    for _ in frame.shape:  # an axis of few pixels leaves more cells for the others
        sizes = np.minimum(np.maximum(np.rint(sides / cell), 1), frame.shape)
        cell *= (np.prod(sizes) / count) ** (1 / frame.ndim)
        if np.prod(sizes) >= count or (sizes == frame.shape).all():
            break
    return tuple(int(n) for n in sizes)


class CellGraph:
    r"""Cells of an image, joined to their neighbours by edges that know the contrast.

    The squared contrast :math:`c_{ij}^2` of two cells is their squared distance in colour over
    their squared distance in space, divided by its mean over the image.

    Parameters
    ----------
    colours : (n1, ..., nd, c) array
        Colours of the cells, in units that mean the same for every channel.
    diagonal : bool, optional
        Join cells that touch at a corner only, too (in a plane).
    ways : pair of (m,) arrays of int, optional
        Cells that are joined from frame to frame instead of those that lie at the same place; the
        first axis is time.

    References
    ----------
    .. [1] Grady, "Random walks for image segmentation", IEEE TPAMI 2006, section III.
    .. [2] Bai & Sapiro, "Geodesic matting", IJCV 2009, section 2.
    """

    def __init__(
        self, colors: npt.NDArray[np.floating], diagonal: bool = True, ways: Ways | None = None
    ) -> None:
        self.sizes = colors.shape[:-1]
        self.count = int(np.prod(self.sizes))
        first, second, length = _neighbors(self.sizes, diagonal, ways)
        flat = colors.reshape(self.count, -1).astype(np.float64)
        square = ((flat[first] - flat[second]) ** 2).sum(1) / length**2
        square /= square.mean() + 1e-12 if len(square) else 1.0
        conductance = np.exp(-CONTRAST * square) / length + LEAK
        graph = self._matrix(conductance, first, second)
        graph = graph + graph.T
        laplacian = (diags(np.asarray(graph.sum(1)).ravel() + 1e-9) - graph).tocsr()
        plane = len(self.sizes) == 2
        self._walker = IncrementalRandomWalker(
            laplacian, _dissection(*self.sizes) if plane else None
        )
        steps = np.sqrt(square) * length
        steps /= steps.mean() + 1e-12 if len(steps) else 1.0
        self._distances = self._matrix(STRIDE * length + steps, first, second)
        self._lengths: dict[bytes, npt.NDArray[np.float64]] = {}

    def _matrix(
        self,
        values: npt.NDArray[np.float64],
        first: npt.NDArray[np.int64],
        second: npt.NDArray[np.int64],
    ) -> csr_matrix:
        return coo_matrix((values, (first, second)), shape=(self.count, self.count)).tocsr()

    def random_walk_probabilities(
        self, seeds: npt.NDArray[np.int64], classes: int
    ) -> npt.NDArray[np.float64]:
        """Return the probability that a random walker first meets a seed of each class.

        Parameters
        ----------
        seeds : (n,) array of int
            Class of each cell, -1 where it is not known.
        classes : int
            Number of classes; each has a seed.

        Returns
        -------
        (n, classes) array
            Rows add up to 1.
        """
        return self._walker.solve(seeds, classes)

    def prefactorize(self, seeds: npt.NDArray[np.int64], classes: int) -> None:
        """Make ready for a few more seeds: see :meth:`IncrementalRandomWalker.prefactorize`."""
        self._walker.prefactorize(seeds, classes)

    def geodesic_distances(
        self, seeds: npt.NDArray[np.int64], classes: int
    ) -> npt.NDArray[np.float64]:
        """Length of the shortest way to a seed of each class, along and across contrasts.

        Parameters
        ----------
        seeds, classes
            As for :meth:`random_walk_probabilities`.

        Returns
        -------
        (n, classes) array
        """
        columns, known = [], self._lengths
        self._lengths = {}  # of the last call: a stroke changes the seeds of one class
        for k in range(classes):
            of_class = np.flatnonzero(seeds == k)
            key = of_class.tobytes()
            found = known.get(key)
            if found is None:
                found = dijkstra(self._distances, directed=False, indices=of_class, min_only=True)
            self._lengths[key] = found
            columns.append(np.minimum(found, FAR))
        return np.stack(columns, axis=1)


def _dissection(height: int, width: int) -> npt.NDArray[np.int64]:
    """Order the cells of a grid so that eliminating them one by one keeps the factors sparse.

    Nested dissection: both halves of the grid, then the line of cells between them.
    """
    cells = np.arange(height * width).reshape(height, width)
    parts: list[npt.NDArray[np.int64]] = []

    def split(part: npt.NDArray[np.int64]) -> None:
        longer = part.T if part.shape[0] < part.shape[1] else part
        if part.size <= DISSECTED:
            parts.append(part.ravel())
            return
        middle = len(longer) // 2
        split(longer[:middle])
        split(longer[middle + 1 :])
        parts.append(longer[middle])

    split(cells)
    return np.concatenate(parts)


def _neighbors(
    sizes: tuple[int, ...], diagonal: bool, ways: Ways | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Pairs of neighbouring cells, each once, and their distances."""
    index = np.arange(int(np.prod(sizes))).reshape(sizes)
    first, second, length = [], [], []
    for offset in product((-1, 0, 1), repeat=len(sizes)):
        steps = sum(map(abs, offset))
        if ways is not None and offset[0] != 0:
            continue
        # Of an offset and its opposite, only the one whose first step is forward.
        if offset <= (0,) * len(sizes) or steps > (len(sizes) if diagonal else 1):
            continue
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, sizes, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, sizes, strict=True))
        first.append(index[here].ravel())
        second.append(index[there].ravel())
        length.append(np.full(first[-1].size, np.sqrt(steps)))
    if ways is not None:
        first.append(ways[0])
        second.append(ways[1])
        length.append(np.ones(len(ways[0])))
    return np.concatenate(first), np.concatenate(second), np.concatenate(length)
