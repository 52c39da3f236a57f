"""Edge refinement: total variation with color histograms (GrabCut)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from napari_isr.cancellation import check_cancelled
from napari_isr.features.cell_grid import CellGrid, GridField
from napari_isr.features.pca import PcaReduction
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = [
    "EDGES",
    "ColorHistograms",
    "DualVariables",
    "EdgeRefiner",
    "SeededEdgeRefiner",
    "TotalVariationCut",
]

EDGES = "edges"
COARSE, FINE = 16_384, 65_536  # cells: of what is believed before, and after
ROUNDS = 2  # of colours and boundaries in turn
PRIOR_WEIGHT, COLOR_WEIGHT = (
    0.25,
    0.25,
)  # what the log-odds that come in count, and those of the colours
SEED_LOG_ODDS = 20.0  # log-odds of a cell with a stroke: more than all boundaries around it cost
BOUNDARY_COST = 3.0  # log-odds that a boundary costs per cell where there is no contrast
CONTRAST_DECAY = 0.5  # how fast that falls with the squared contrast over its mean
STEPS = 30  # in each round
OFFSETS = ((0, 1), (1, 0))  # to half of a cell's neighbours
Array = npt.NDArray[np.float32]
DualVariables = list[npt.NDArray[np.float32]]
Part = tuple[slice, slice]
BINS = {1: 64, 2: 32, 3: 16}  # along each axis of a histogram, by the number of axes
BLUR = {1: 2.0, 2: 1.5, 3: 1.0}  # in bins
NARROWEST = 0.5  # range of an axis in deviations: a narrower one is noise
DOUBT = {1: 8e-4, 2: 3e-4, 3: 1e-4}  # share of a class that any colour may have unseen
SUREST = 4.0  # log-ratio of two classes at most
Values = npt.NDArray[np.float64]


class TotalVariationCut:
    r"""Moves the boundaries of soft classes to the edges of a plane.

    Log-odds :math:`u` of objects against the background become those of the probabilities
    :math:`x` that minimise

    .. math:: \sum_i \Big( \sum_k x_{ik} (\log x_{ik} - u_{ik}) \Big)
        + \sum_{ij} w_{ij} \sum_{k \ge 1} |x_{ik} - x_{jk}|

    over neighbouring cells: the least total variation, weighted so that it costs little across a
    contrast, with the entropy that keeps them probabilities. The dual is smooth, and its bounds
    are boxes: accelerated projected gradient steps, from nothing, so that the answer depends on
    nothing but the input. ``u`` is what comes in plus the log-ratio of the classes' colours, which
    are those of all cells as far as they are believed to belong to them: learned anew after each
    round, as in GrabCut.

    Parameters
    ----------
    colours : (h, w, c) array
        Colours of the cells, of about unit variance.
    length : float, optional
        What a boundary costs per cell where there is no contrast.
    palette : ColorHistograms, optional
        Of more than these colours. Default: of them alone.

    References
    ----------
    .. [1] Rother, Kolmogorov & Blake, "GrabCut", ACM Transactions on Graphics 2004.
    .. [2] Chambolle & Pock, "A first-order primal-dual algorithm for convex problems with
       applications to imaging", J. Math. Imaging and Vision 2011.
    """

    def __init__(
        self,
        colors: npt.NDArray[np.floating],
        length: float = BOUNDARY_COST,
        palette: ColorHistograms | None = None,
    ) -> None:
        self.palette = ColorHistograms(colors) if palette is None else palette
        codes = self.palette.codes if palette is None else palette.bin_indices(colors)
        check_cancelled()
        self.codes = codes.reshape(colors.shape[:-1])
        self.pairs = _pairs(colors.astype(np.float32), length)

    def __call__(self, odds: npt.NDArray[np.floating], seeds: npt.NDArray[np.integer]) -> Array:
        """Log-odds (k, h, w) of the objects against the background, settled.

        Parameters
        ----------
        odds : (k, h, w) array
            What is believed before.
        seeds : (h, w) array of int
            Class of a cell with a stroke, from 0 for the background; -1 elsewhere.
        """
        odds = np.asarray(odds, np.float32)
        return self.refine(odds, seeds, self.zero_duals(len(odds)), odds, ROUNDS, STEPS)

    def zero_duals(self, count: int) -> DualVariables:
        """Return the initial dual variables of ``count`` objects."""
        return [np.zeros((count, *weight.shape), np.float32) for *_, weight in self.pairs]

    def refine(
        self,
        odds: Array,
        seeds: npt.NDArray[np.integer],
        flows: DualVariables,
        settled: Array,
        rounds: int,
        steps: int,
    ) -> Array:
        """Go on from dual variables, which are changed, and from what was settled before.

        Parameters
        ----------
        odds, seeds
            As for a call.
        flows : list of arrays
            From :meth:`zero_duals`, or as an earlier settling left them.
        settled : (k, h, w) array
            What the colours of the first round are learned from.
        rounds, steps : int
            Rounds of colours and boundaries, and steps in each.
        """
        drawn = np.arange(len(odds) + 1)[:, None, None] == seeds
        told = SEED_LOG_ODDS * (drawn[1:].astype(np.float32) - drawn[0])
        for _ in range(rounds):
            check_cancelled()
            believed = softmax_with_background(settled)
            shares = np.concatenate([1 - believed.sum(0, keepdims=True), believed])
            color = self.palette.log_ratios(np.where(seeds >= 0, drawn, shares))
            told_now = PRIOR_WEIGHT * odds + COLOR_WEIGHT * color + told
            check_cancelled()
            settled = self.dual_step(told_now, flows, steps)
        return settled

    def dual_step(self, told: Array, flows: DualVariables, steps: int) -> Array:
        """Log-odds (k, h, w) after some steps, for those that are told; ``flows`` are changed."""
        self._flow(told, flows, steps)
        return self._residual_log_odds(told, flows)

    def _flow(self, odds: Array, flows: DualVariables, steps: int = STEPS) -> None:
        """Bring the dual variables ``flows``, one for each direction, nearer to their best."""
        curve = 0.25 if len(odds) == 1 else 0.5  # of the probabilities in the log-odds, at most
        step = 1 / (curve * 4 * max(1, len(self.pairs)))
        ahead, pace = [flow.copy() for flow in flows], 1.0
        for _ in range(steps):
            check_cancelled()
            faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
            momentum, pace = (pace - 1) / faster, faster
            x = step * softmax_with_background(self._residual_log_odds(odds, ahead))
            for k, (here, there, weight) in enumerate(self.pairs):
                flow, beyond = flows[k], ahead[k]
                beyond += x[:, *here] - x[:, *there]
                np.minimum(beyond, weight, out=beyond)
                np.maximum(beyond, -weight, out=beyond)
                np.subtract(beyond, flow, out=flow)  # the change, for a moment
                flow *= momentum
                flow += beyond
                flows[k], ahead[k] = beyond, flow

    def _residual_log_odds(self, odds: Array, flows: DualVariables) -> Array:
        """Log-odds after what flows from each cell to its neighbours."""
        left = odds.copy()
        for (here, there, _), flow in zip(self.pairs, flows, strict=True):
            left[:, *here] -= flow
            left[:, *there] += flow
        return left


class EdgeRefiner:
    """Boundaries of one plane's classes, moved to its edges.

    Parameters
    ----------
    image : SourceImage
        The plane.
    frame : ImageGeometry
        Its frame.
    """

    def __init__(self, image: SourceImage, frame: ImageGeometry) -> None:
        self.frame = frame
        self.coarse, self.fine = CellGrid(image, frame, COARSE), CellGrid(image, frame, FINE)

    @cached_property
    def fine_cut(self) -> TotalVariationCut:
        """Of the fine cells; made once."""
        return TotalVariationCut(self.fine.colors)

    @cached_property
    def coarse_cut(self) -> TotalVariationCut:
        """Of the coarse cells; made once."""
        # A coarse cell stands for several fine ones, its sides for fewer.
        ratio = (np.prod(self.coarse.sizes) / np.prod(self.fine.sizes)) ** 0.5
        return TotalVariationCut(self.coarse.colors, BOUNDARY_COST * float(ratio))

    def with_seeds(
        self, points: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], count: int
    ) -> SeededEdgeRefiner:
        """Add seeds of scribbles. Parameters are those of :meth:`CellGrid.label_cells`."""
        return SeededEdgeRefiner(
            self, self.fine.label_cells(points, classes, count).reshape(self.fine.sizes)
        )


@dataclass(frozen=True)
class SeededEdgeRefiner:
    """The edges of a plane, and the strokes on it.

    Parameters
    ----------
    edges : EdgeRefiner
        The edges.
    seeds : (h, w) array of int
        Class of a fine cell with a stroke, -1 elsewhere.
    """

    edges: EdgeRefiner
    seeds: npt.NDArray[np.int64]

    @property
    def points(self) -> npt.NDArray[np.float64]:
        """Pixel coordinates (n, 2) at which :meth:`refine` needs prior probabilities."""
        return self.edges.coarse.points

    def log_odds(self, logs: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return log-odds (h, w, k) of objects on coarse cells. See :meth:`refine`."""
        return (logs[:, 1:] - logs[:, :1]).reshape(*self.edges.coarse.sizes, -1)

    def refine(self, logs: npt.NDArray[np.floating]) -> GridField:
        """Log-probabilities up to a constant, of those (n, classes) at :attr:`points`."""
        odds = self.log_odds(logs)
        fine = GridField(odds, self.edges.frame).at(self.edges.fine.points)
        settled = self.edges.fine_cut(fine.T.reshape(-1, *self.seeds.shape), self.seeds)
        values = np.concatenate([np.zeros_like(settled[:1]), settled])
        return GridField(np.moveaxis(values, 0, -1), self.edges.frame)


def softmax_with_background(odds: Array) -> Array:
    """Return probabilities (k, h, w) of objects from log-odds against the background."""
    if len(odds) == 1:  # the same, quicker
        alone: Array = expit(odds)
        return alone
    top = np.maximum(odds.max(axis=0), 0)
    every = np.exp(odds - top)
    found: Array = every / (every.sum(axis=0) + np.exp(-top))
    return found


def _pairs(colors: Array, length: float) -> list[tuple[Part, Part, Array]]:
    """Neighbours, direction by direction: parts of the plane and the weights between them."""
    rows, columns = colors.shape[:2]
    found = []
    for down, right in OFFSETS:
        here = slice(0, rows - down), slice(max(0, -right), columns - max(0, right))
        there = slice(down, rows), slice(max(0, right), columns - max(0, -right))
        square = np.square(colors[here] - colors[there]).sum(axis=-1)
        if square.size:
            found.append((here, there, square, np.hypot(down, right)))
    total = sum(float(square.sum(dtype=np.float64)) for *_, square, _ in found)
    mean = total / max(1, sum(square.size for *_, square, _ in found)) + 1e-12
    return [
        (here, there, (length / far * np.exp(-CONTRAST_DECAY * square / mean)).astype(np.float32))
        for here, there, square, far in found
    ]


class ColorHistograms:
    """Histograms of the colours of soft classes on cells.

    Parameters
    ----------
    colours : (h, w, c) array
        Colours of the cells, of about unit variance; of more than three channels the first three
        principal components count.
    """

    def __init__(self, colors: npt.NDArray[np.floating]) -> None:
        flat = colors.reshape(-1, colors.shape[-1]).astype(np.float32)
        self._reduction = PcaReduction(flat, 3) if flat.shape[1] > 3 else None
        flat = flat if self._reduction is None else self._reduction(flat)
        self.axes = flat.shape[1]
        self.sizes = (BINS[self.axes],) * self.axes
        self._low = flat.min(axis=0)
        self._range = np.maximum(flat.max(axis=0) - self._low, NARROWEST)
        self.codes = self._coded(flat)

    def bin_indices(self, colors: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Bin (h, w) of each of other colours (h, w, c), the nearest one of those there are."""
        flat = colors.reshape(-1, colors.shape[-1]).astype(np.float32)
        flat = flat if self._reduction is None else self._reduction(flat)
        return self._coded(flat).reshape(colors.shape[:-1])

    def _coded(self, flat: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        place = (flat - self._low) / self._range * self.sizes[0]
        index = np.clip(place.astype(np.int64), 0, self.sizes[0] - 1)
        codes: npt.NDArray[np.int64] = np.ravel_multi_index(tuple(index.T), self.sizes)
        return codes

    def log_ratios(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Log-ratios (k, h, w) of the densities of classes 1 to k and of class 0.

        Parameters
        ----------
        shares : (1 + k, h, w) array
            How far each cell belongs to each class.
        """
        found: npt.NDArray[np.float32] = self.bin_log_ratios(shares)[:, self.codes]
        return found.reshape(-1, *shares.shape[1:])

    def bin_log_ratios(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the log-ratios (k, bins) of the bins."""
        logs = np.log(np.stack([self._density(share.ravel()) for share in shares]))
        found: npt.NDArray[np.float32] = np.clip(logs[1:] - logs[0], -SUREST, SUREST).astype("f4")
        return found

    def _density(self, share: npt.NDArray[np.floating]) -> Values:
        """Smoothed histogram of a class, never 0."""
        counts = np.bincount(self.codes, share, int(np.prod(self.sizes))).reshape(self.sizes)
        smooth = gaussian_filter(counts, BLUR[self.axes], mode="constant").ravel()
        density: Values = smooth / max(float(smooth.sum()), 1e-9) + DOUBT[self.axes]
        return density
