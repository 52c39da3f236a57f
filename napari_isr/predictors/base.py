"""What all predictors have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_isr.predictors.scene import Scene

__all__ = ["PointPredictor", "Predictor"]


class Predictor(nn.Module, ABC):
    """A pixel classifier that is trained on strokes, and goes on from there when some are added.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Of whatever is drawn at random.
    """

    name: ClassVar[str]

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__()
        self.inputs, self.classes, self.seed = inputs, classes, seed

    @abstractmethod
    def fit(
        self, scene: Scene, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Train, from the current parameters after the first time.

        The classes count equally, however many points they have.

        Parameters
        ----------
        scene : Scene
            Features of the image.
        points : (n, d) array
            Pixel coordinates.
        targets : (n, classes) tensor
            Probabilities of the classes; strokes have one 1.
        weight : (n,) tensor
            Weights of the points.

        Yields
        ------
        float
            Progress from 0 to 1; the predictor can be used after every yield.
        """

    @abstractmethod
    def log_probabilities(self, scene: Scene, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities (n, classes) at pixel coordinates (n, d)."""


class PointPredictor(Predictor):
    """A predictor that looks at the features of one pixel at a time."""

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """Log-probabilities (n, classes) of features (n, inputs)."""

    @abstractmethod
    def train_on(self, features: Tensor, targets: Tensor, weight: Tensor) -> Iterator[float]:
        """Train on features (n, inputs); see :meth:`Predictor.fit`."""

    def fit(
        self, scene: Scene, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Train on the features at the points; see :meth:`Predictor.fit`."""
        yield from self.train_on(scene.at(points), targets, weight)

    @torch.no_grad()
    def log_probabilities(self, scene: Scene, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities (n, classes); see :meth:`Predictor.log_probabilities`."""
        return self.logits(scene.at(points))
