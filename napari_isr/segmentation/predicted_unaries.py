"""Unaries of a predictor, evaluated on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.cancellation import check_cancelled
from napari_isr.evidence import FILLING_WEIGHT, FOREGROUND_WEIGHT, LazyEvidence, coarse_axes
from napari_isr.features.cell_grid import GridField
from napari_isr.features.edge_refinement import SeededEdgeRefiner
from napari_isr.features.edge_refinement_sequence import LazyFrameField, SeededSequenceEdgeRefiner
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.predictors import FeatureView, Predictor
from napari_isr.rendering.rasterize import POINTS_PER_YIELD

__all__ = ["PredictedUnaries", "object_probability"]

MAX_PREDICTOR_WEIGHT = (
    3.0  # how much the predictor's log-odds count at most, beside the nearness to the strokes
)
OCCLUDER_WEIGHT = (
    0.25  # of what background counts: where another object is seen; 1 cuts overlaps away
)
FULL_TRUST_CORRELATION = 0.5  # correlation of the two from which on the predictor is fully trusted


class PredictedUnaries:
    r"""Probabilities of all classes, evaluated at points.

    The predictor says what a pixel looks like, the nearness which strokes it belongs to; their
    log-odds add up: :math:`p \propto n \, q^{a}` with the predictor's probability ``q`` and the
    trust ``a``. Strokes cannot tell how far a predictor is right, for it was trained on them. But
    where it is, it finds by its own means what is near the strokes: ``a`` grows with the
    correlation of ``q`` and ``n`` over the image.

    With edges, what comes of it on cells all over the image is settled there by colours and
    contrasts (:class:`napari_isr.features.edge_refinement.TotalVariationCut`), and read between
    the cells.

    Parameters
    ----------
    scene : PaintedScene
        Features of the image.
    predictor : Predictor
        Trained; it must not be trained further while this object is in use.
    nearness : GridField, optional
        Nearness to the strokes. Default: the predictor alone.
    edges : SeededEdgeRefiner or SeededSequenceEdgeRefiner, optional
        Moves boundaries to the edges of a plane, or of the frames of a sequence.
    """

    def __init__(
        self,
        scene: FeatureView,
        predictor: Predictor,
        nearness: GridField | None = None,
        edges: SeededEdgeRefiner | SeededSequenceEdgeRefiner | None = None,
    ) -> None:
        self.scene, self.predictor = scene, predictor
        self.nearness, self.edges = nearness, edges
        self.frame = scene.frame

    def copy(self) -> PredictedUnaries:
        """Return a copy for a predictor that was trained further."""
        return PredictedUnaries(self.scene, self.predictor, self.nearness, self.edges)

    def at(self, points: npt.NDArray[np.floating]) -> Tensor:
        """Return probabilities (n, classes) at pixel coordinates (n, d)."""
        if self.edge_refined is None:
            return self._added(*self._parts(points)).softmax(1)
        return torch.from_numpy(self.edge_refined.at(points)).to(self.scene.device).softmax(1)

    def _parts(self, points: npt.NDArray[np.floating]) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (n, classes) by the predictor, and by nearness up to a constant."""
        learned = self.predictor.log_probabilities(self.scene, points)
        if self.nearness is None:
            return learned, None
        return learned, torch.from_numpy(self.nearness.at(points)).to(learned)

    def _added(self, learned: Tensor, near: Tensor | None) -> Tensor:
        """Log-probabilities, up to a constant, by predictor and nearness together."""
        return learned if near is None else self.predictor_weight * learned + near

    @cached_property
    def predictor_weight(self) -> float:
        """Weight of the log-odds of the predictor beside those of scribble proximity."""
        learned, near = self._everywhere
        return 1.0 if near is None else predictor_weight_from_agreement(learned, near)

    @cached_property
    def _everywhere(self) -> tuple[Tensor, Tensor | None]:
        """The parts at few points all over the image: the cells of the edges, or the base."""
        if self.edges is None:
            return self._parts(self.scene.base_points)
        return self._parts(self.scene.cached_points(self.edges.points))

    @cached_property
    def edge_refined(self) -> GridField | LazyFrameField | None:
        """Log-probabilities, up to a constant, with boundaries at edges; None without edges."""
        if self.edges is None:
            return None
        parts = self._everywhere
        check_cancelled()
        logs = self._added(*parts).cpu().numpy()
        if isinstance(self.edges, SeededSequenceEdgeRefiner):
            return self.edges.refine(
                logs, lambda points: self._added(*self._parts(points)).cpu().numpy()
            )
        return self.edges.refine(logs)

    def preview_frame(self, number: int) -> tuple[Tensor, list[npt.NDArray[np.float64]]] | None:
        """Return preliminary probabilities of a frame, without edges in other frames.

        Returns
        -------
        (classes, 1, h, w) tensor and list of arrays, or None
            Probabilities on the frame's coarse cells and their places, pixel coordinates; None
            where nothing waits for edges.
        """
        if not isinstance(self.edges, SeededSequenceEdgeRefiner) or "settled" in self.__dict__:
            return None
        axes = self.edges.edges.coarse_axes(number)
        learned, near = self._parts(meshgrid_points(axes))
        logs = (
            learned
            if near is None
            else predictor_weight_from_agreement(learned, near) * learned + near
        )
        values: Tensor = logs.softmax(1).T.unflatten(1, [len(axis) for axis in axes])
        return values, axes

    def frame_only(self, number: int) -> tuple[Tensor, list[npt.NDArray[np.float64]]]:
        """Return probabilities of one frame with edges, without reading the other frames.

        Returns
        -------
        (classes, h, w) tensor and list of arrays
            Probabilities on the frame's fine cells, and their places: rows and columns of pixels.
        """
        assert isinstance(self.edges, SeededSequenceEdgeRefiner)
        learned, near = self._parts(self.edges.edges.coarse_points(number))
        logs = (
            learned
            if near is None
            else predictor_weight_from_agreement(learned, near) * learned + near
        )
        odds = torch.from_numpy(self.edges.refine_frame_independently(number, logs.cpu().numpy()))
        every = torch.cat([torch.zeros_like(odds[:1]), odds]).softmax(0)
        return every.to(self.scene.device), self.edges.edges.fine_axes()

    @property
    def coarse_log_odds(self) -> npt.NDArray[np.float32] | None:
        """Log-odds (objects, h, w) on a plane's coarse cells before they are settled, if any."""
        if not isinstance(self.edges, SeededEdgeRefiner):
            return None
        odds = self.edges.log_odds(self._added(*self._everywhere).cpu().numpy())
        return np.ascontiguousarray(np.moveaxis(odds, -1, 0), np.float32)

    @cached_property
    def coarse(self) -> Tensor:
        """Probabilities (classes, n1, ..., nd) at few points all over the image."""
        axes = coarse_axes(self.frame)
        if self.edges is None:
            flat = self._added(*self._everywhere).softmax(1)
        else:
            flat = self.at(meshgrid_points(axes))
        values: Tensor = flat.T.unflatten(1, [len(axis) for axis in axes])
        return values

    def evidence(self, index: int, fills: bool = False) -> LazyEvidence:
        """Evidence for and against one object, which may reach behind the others.

        Parameters
        ----------
        index : int
            Of the object among the classes.
        fills : bool, optional
            The evidence is for a shape that fills what is hidden (:attr:`Shape.fills_occlusions`).
        """

        def probability(points: Tensor) -> Tensor:
            return object_probability(self.at(points.cpu().numpy()), index)

        base = object_probability(self.coarse.movedim(0, -1), index)
        return LazyEvidence(probability, self.frame, base, self.foreground_weight(fills))

    def foreground_weight(self, fills: bool) -> float:
        """Return the weight of the foreground in the evidence.

        Parameters are those of :meth:`evidence`.
        """
        return FILLING_WEIGHT if fills and self.edges is not None else FOREGROUND_WEIGHT

    def iter_dense(
        self, raster: ImageGeometry | None = None
    ) -> Iterator[npt.NDArray[np.float32] | float]:
        """Yield progress in [0, 1], then the class probabilities (classes, n1, ..., nd).

        Parameters
        ----------
        raster : ImageGeometry, optional
            Of the same area, with other pixels. Default: those of the image.
        """
        sizes = self.frame.shape if raster is None else raster.shape
        axes = [
            (np.arange(n) + 0.5) * (size / n) - 0.5
            for n, size in zip(sizes, self.frame.shape, strict=True)
        ]
        classes = self.predictor.classes
        values = np.empty((classes, *sizes), dtype=np.float32)
        rows = max(1, POINTS_PER_YIELD // max(1, values[0, 0].size))
        for start in range(0, sizes[0], rows):
            part = self.at(meshgrid_points([axes[0][start : start + rows], *axes[1:]]))
            values[:, start : start + rows] = part.cpu().numpy().T.reshape(classes, -1, *sizes[1:])
            yield min(1.0, (start + rows) / sizes[0])
        yield values


def object_probability(classes: Tensor, index: int) -> Tensor:
    """Return the probability (...) of an object from those of all classes (..., classes).

    Where another object is seen, this one may be behind it: that counts little against it.
    """
    object_, background = classes[..., index], classes[..., 0]
    others = (1 - object_ - background).clamp_min(0)
    hidden = (object_ + (1 - OCCLUDER_WEIGHT) / 2 * others).clamp_max(0.5)
    return torch.where(object_ < 0.5, hidden, object_)


def predictor_weight_from_agreement(learned: Tensor, near: Tensor) -> float:
    """Return the weight of a predictor from its agreement with scribble proximity."""
    return MAX_PREDICTOR_WEIGHT * min(
        1.0, max(0.0, correlation(learned.exp(), near.softmax(1)) / FULL_TRUST_CORRELATION)
    )


def correlation(first: Tensor, second: Tensor) -> float:
    """Correlation of two tables of probabilities (n, classes), over all classes together.

    0 where one of them says the same everywhere.
    """
    first, second = first - first.mean(0), second - second.mean(0)
    size = (first.square().sum() * second.square().sum()).sqrt()
    return float((first * second).sum() / size) if float(size) > 0 else 0.0
