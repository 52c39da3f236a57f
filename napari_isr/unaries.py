"""Unaries: the predictor's probabilities, where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence import SampledEvidence, base_axes
from napari_isr.features.nearness import NearnessField
from napari_isr.frame import grid_points
from napari_isr.predictors import Predictor, Scene

__all__ = ["Unaries"]

CHUNK = 16_384  # pixels between two yields: a few milliseconds
TRUST = 2.0  # how much the predictor's log-odds count beside the nearness to the strokes


class Unaries:
    r"""Probabilities of all classes, evaluated at points.

    The predictor says what a pixel looks like, the nearness which strokes it belongs to; their
    log-odds add up: :math:`p \propto n \, q^{a}` with the predictor's probability ``q`` and the
    trust ``a``.

    Parameters
    ----------
    scene : Scene
        Features of the image.
    predictor : Predictor
        Trained; it must not be trained further while this object is in use.
    nearness : NearnessField, optional
        Nearness to the strokes. Default: the predictor alone.
    """

    def __init__(
        self, scene: Scene, predictor: Predictor, nearness: NearnessField | None = None
    ) -> None:
        self.scene, self.predictor, self.nearness = scene, predictor, nearness
        self.frame = scene.frame

    def at(self, points: npt.NDArray[np.floating]) -> Tensor:
        """Probabilities (n, classes) at pixel coordinates (n, d)."""
        learned = self.predictor.log_probabilities(self.scene, points)
        if self.nearness is None:
            return learned.exp()
        near = torch.from_numpy(self.nearness.at(points)).to(learned)
        return torch.softmax(TRUST * learned + near, dim=1)

    @cached_property
    def base(self) -> Tensor:
        """Probabilities (classes, n1, ..., nd) at few points all over the image."""
        axes = base_axes(self.frame)
        values: Tensor = self.at(grid_points(axes)).T.unflatten(1, [len(axis) for axis in axes])
        return values

    def evidence(self, index: int) -> SampledEvidence:
        """Evidence for and against one class."""

        def probability(points: Tensor) -> Tensor:
            return self.at(points.cpu().numpy())[:, index]

        return SampledEvidence(probability, self.frame, self.base[index])

    def everywhere(self) -> Iterator[npt.NDArray[np.float32] | None]:
        """Probabilities (classes, n1, ..., nd) of every pixel; yields None after each chunk."""
        axes = self.frame.axis_positions()
        classes, sizes = self.predictor.classes, self.frame.shape
        values = np.empty((classes, *sizes), dtype=np.float32)
        rows = max(1, CHUNK // max(1, values[0, 0].size))
        for start in range(0, sizes[0], rows):
            part = self.at(grid_points([axes[0][start : start + rows], *axes[1:]]))
            values[:, start : start + rows] = part.cpu().numpy().T.reshape(classes, -1, *sizes[1:])
            yield None
        yield values
