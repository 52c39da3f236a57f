"""Edge refinement of sequences, with color histograms of all frames."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from napari_isr.cancellation import check_cancelled
from napari_isr.features.cell_grid import GridField, grid_shape, mean_cell_colors
from napari_isr.features.color_features import ColorFeatures
from napari_isr.features.edge_refinement import (
    COLOR_WEIGHT,
    PRIOR_WEIGHT,
    ROUNDS,
    SEED_LOG_ODDS,
    STEPS,
    ColorHistograms,
    EdgeRefiner,
    TotalVariationCut,
    softmax_with_background,
)
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = [
    "LazyFrameField",
    "SeededSequenceEdgeRefiner",
    "SequenceEdgeRefiner",
    "make_edge_refiner",
]

COARSE, FINE = 4096, 24_576  # cells of a frame: of what is believed before, and after
KEPT = 24  # frames that stay settled
STEPS_ON = 12  # in each round, from where the boundaries were before a stroke

Array = npt.NDArray[np.float32]
Believed = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.floating]]
"""Maps pixel coordinates (n, 3) to log-probabilities (n, classes), up to a constant."""


class SequenceEdgeRefiner:
    """Boundaries of the classes in a sequence of plane frames, moved to its edges.

    Parameters
    ----------
    image : SourceImage
        The sequence.
    frame : TimeSeriesGeometry
        Its frame, (t, y, x).
    """

    def __init__(self, image: SourceImage, frame: TimeSeriesGeometry) -> None:
        self.frame, self._rgb = frame, ColorFeatures(image, frame)
        self.coarse = grid_shape(frame.frame_geometry, COARSE)
        self.fine = grid_shape(frame.frame_geometry, FINE)
        self.colors = lru_cache(KEPT)(self._colors)
        self.cut = lru_cache(KEPT)(self._cut)
        self.last: list[dict[int, list[Array]]] = []

    def _colors(self, number: int) -> Array:
        """Colours (h, w, c) of the fine cells of a frame."""
        axis = np.array([float(number)])
        colors: Array = mean_cell_colors(self._rgb, self.frame, (1, *self.fine), axis)[0]
        return colors

    def _cut(self, number: int) -> TotalVariationCut:
        return TotalVariationCut(self.colors(number), palette=self.color_histograms)

    @cached_property
    def color_histograms(self) -> ColorHistograms:
        """Of the picked frames; their cells lie one frame after the other."""
        parts = []
        for number in self.frame.key_frames.tolist():
            check_cancelled()
            parts.append(self.colors(number))
        return ColorHistograms(np.concatenate(parts))

    @cached_property
    def points(self) -> npt.NDArray[np.float64]:
        """Coarse cells of the picked frames: pixel coordinates (n, 3)."""
        return np.concatenate([self.coarse_points(n) for n in self.frame.key_frames.tolist()])

    def coarse_points(self, number: int) -> npt.NDArray[np.float64]:
        """Coarse cells of a frame: pixel coordinates (n, 3)."""
        return meshgrid_points(self.coarse_axes(number))

    def coarse_axes(self, number: int) -> list[npt.NDArray[np.float64]]:
        """Return the pixel coordinates of the coarse cells along each axis."""
        return _axes(number, self.coarse, self.frame)

    def fine_axes(self) -> list[npt.NDArray[np.float64]]:
        """Centres of the fine cells of a frame, axis by axis: rows and columns of pixels."""
        return _axes(0, self.fine, self.frame)[1:]

    def with_seeds(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> SeededSequenceEdgeRefiner:
        """Add seeds of scribbles. Parameters are those of :meth:`CellGrid.label_cells`."""
        seeds = {}
        for number in np.unique(points[:, 0]).tolist():
            here = points[:, 0] == number
            cells = [
                x * n // size
                for x, n, size in zip(
                    points[here, 1:].T, self.fine, self.frame.shape[1:], strict=True
                )
            ]
            flat = np.ravel_multi_index(tuple(cells), self.fine)
            votes = np.zeros((int(np.prod(self.fine)), count), np.int64)
            np.add.at(votes, (flat, classes[here]), 1)
            known = np.where(votes.any(1), votes.argmax(1), -1)
            seeds[int(number)] = known.reshape(self.fine)
        return SeededSequenceEdgeRefiner(self, seeds, count)


@dataclass(frozen=True)
class SeededSequenceEdgeRefiner:
    """The edges of a sequence, and the strokes on it.

    Parameters
    ----------
    edges : SequenceEdgeRefiner
        The edges.
    seeds : mapping of int to (h, w) array of int
        By the number of a frame with strokes: class of a fine cell with a stroke, -1 elsewhere.
    count : int
        Number of classes.
    """

    edges: SequenceEdgeRefiner
    seeds: dict[int, npt.NDArray[np.int64]]
    count: int

    @property
    def points(self) -> npt.NDArray[np.float64]:
        """Pixel coordinates (n, 3) at which :meth:`refine` needs prior probabilities."""
        return self.edges.points

    def refine(self, logs: npt.NDArray[np.floating], believed: Believed) -> LazyFrameField:
        """Log-probabilities up to a constant, of those (n, classes) at :attr:`points`.

        The dual variables of each round begin where they ended last time, if that was of as many
        classes: then few steps are as good as many.

        Parameters
        ----------
        logs : (n, classes) array
            What is believed there.
        believed : callable
            Tells the same of other frames.
        """
        numbers = self.edges.frame.key_frames.tolist()
        parts = zip(numbers, np.split(logs, len(numbers)), strict=True)
        odds = {number: self.upsample_log_odds(part) for number, part in parts}
        settled = dict(odds)
        last, steps = self.edges.last, STEPS_ON
        if not last or len(last[0][numbers[0]][0]) != self.count - 1:
            last, steps = [{n: self._no_flows(n) for n in numbers}], STEPS
        ended: list[dict[int, list[Array]]] = []
        ratios = self._ratios(settled)
        for turn in range(ROUNDS):
            check_cancelled()
            ratios = self._ratios(settled) if turn else ratios
            begun = last[turn] if turn < len(last) else ended[-1]
            flows = {n: [flow.copy() for flow in begun[n]] for n in numbers}
            for number in numbers:
                check_cancelled()
                settled[number] = self.refine_frame_warm(
                    number, odds[number], ratios, flows[number], steps
                )
            ended.append(flows)
        self.edges.last = ended
        return LazyFrameField(self, believed, ratios, settled)

    def upsample_log_odds(self, logs: npt.NDArray[np.floating]) -> Array:
        """Log-odds (k, h, w) of the objects on fine cells, of logs (n, classes) on coarse ones."""
        odds = (logs[:, 1:] - logs[:, :1]).reshape(*self.edges.coarse, -1)
        space, fine = self.edges.frame.frame_geometry, self.edges.fine
        points = meshgrid_points(self.edges.fine_axes())
        return np.ascontiguousarray(GridField(odds, space).at(points).T.reshape(-1, *fine))

    def refine_frame_warm(
        self, number: int, odds: Array, ratios: Array, flows: list[Array], steps: int = STEPS
    ) -> Array:
        """Settled log-odds (k, h, w) of a frame, by the colours' log-ratios (k, bins)."""
        cut = self.edges.cut(number)
        told = PRIOR_WEIGHT * odds + COLOR_WEIGHT * ratios[:, cut.codes]
        if number in self.seeds:
            drawn = np.arange(self.count)[:, None, None] == self.seeds[number]
            told += SEED_LOG_ODDS * (drawn[1:].astype(np.float32) - drawn[0])
        return cut.dual_step(told, flows, steps)

    def refine_frame(self, number: int, logs: npt.NDArray[np.floating], ratios: Array) -> Array:
        """Settled log-odds (k, h, w) of a frame that was not picked."""
        flows = self._no_flows(number)
        return self.refine_frame_warm(
            number, self.upsample_log_odds(logs), ratios, flows, ROUNDS * STEPS
        )

    def refine_frame_independently(self, number: int, logs: npt.NDArray[np.floating]) -> Array:
        """Settled log-odds (k, h, w) of a frame by its own colours: the others are not read."""
        seeds = self.seeds.get(number)
        seeds = np.full(self.edges.fine, -1) if seeds is None else seeds
        return TotalVariationCut(self.edges.colors(number))(self.upsample_log_odds(logs), seeds)

    def _no_flows(self, number: int) -> list[Array]:
        return self.edges.cut(number).zero_duals(self.count - 1)

    def _ratios(self, settled: dict[int, Array]) -> Array:
        """Log-ratios (k, bins) of the colours of the classes, as they are in the picked frames."""
        every = []
        for number, odds in settled.items():
            believed = softmax_with_background(odds)
            shares = np.concatenate([1 - believed.sum(0, keepdims=True), believed])
            if number in self.seeds:
                seeds = self.seeds[number]
                drawn = np.arange(self.count)[:, None, None] == seeds
                shares = np.where(seeds >= 0, drawn, shares)
            every.append(shares)
        return self.edges.color_histograms.bin_log_ratios(np.concatenate(every, axis=1))


@dataclass
class LazyFrameField:
    """Log-probabilities of the classes in every frame, settled when it is asked for.

    Parameters
    ----------
    drawn : SeededSequenceEdgeRefiner
        Edges and strokes.
    believed : callable
        Log-probabilities before, at points.
    ratios : (k, bins) array
        What the colours say.
    known : mapping of int to (k, h, w) array
        Settled log-odds of the picked frames.
    """

    drawn: SeededSequenceEdgeRefiner
    believed: Believed
    ratios: Array
    known: dict[int, Array]
    _further: OrderedDict[int, Array] = field(default_factory=OrderedDict)

    def at(self, points: npt.NDArray[np.floating]) -> Array:
        """Log-probabilities (n, classes) at pixel coordinates (n, 3), of the nearest frame each."""
        frame = self.drawn.edges.frame
        numbers = np.clip(np.rint(points[:, 0]), 0, frame.shape[0] - 1).astype(np.int64)
        found = np.zeros((len(points), self.drawn.count), np.float32)
        for number in np.unique(numbers).tolist():
            here = np.flatnonzero(numbers == number)
            values = GridField(np.moveaxis(self._of(number), 0, -1), frame.frame_geometry)
            found[here, 1:] = values.at(points[here, 1:])
        return found

    def _of(self, number: int) -> Array:
        if number in self.known:
            return self.known[number]
        if number not in self._further:
            check_cancelled()
            logs = self.believed(self.drawn.edges.coarse_points(number))
            self._further[number] = self.drawn.refine_frame(number, logs, self.ratios)
            if len(self._further) > KEPT:
                self._further.popitem(last=False)
        return self._further[number]


def make_edge_refiner(
    image: SourceImage, frame: ImageGeometry
) -> EdgeRefiner | SequenceEdgeRefiner:
    """Make the edge refiner of a plane or of a sequence of planes."""
    return (
        SequenceEdgeRefiner(image, frame)
        if isinstance(frame, TimeSeriesGeometry)
        else EdgeRefiner(image, frame)
    )


def _axes(
    number: int, sizes: tuple[int, ...], frame: TimeSeriesGeometry
) -> list[npt.NDArray[np.float64]]:
    """Centres of the cells of a frame along each axis, pixel coordinates."""
    axes = [
        (np.arange(n) + 0.5) * size / n - 0.5
        for n, size in zip(sizes, frame.shape[1:], strict=True)
    ]
    return [np.array([float(number)]), *axes]
