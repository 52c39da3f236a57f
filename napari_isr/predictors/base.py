"""Base classes of predictors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_isr.device import map_with_oom_split
from napari_isr.predictors.feature_view import FeatureView

__all__ = ["PixelClassifier", "Predictor", "feature_noise_std", "log_mean_probability"]

ONE_IMAGE = 600  # samples of a class
JITTER, JITTER_RICH = 0.15, 0.7  # of colours and places, and of all other features


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
        self.trained = False

    def mark_trained(self) -> None:
        """Take the present weights for trained ones: the next training starts from them."""
        self.trained = True

    @abstractmethod
    def fit(
        self, scene: FeatureView, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Train, from the current parameters after the first time.

        The classes count equally, however many points they have.

        Parameters
        ----------
        scene : PaintedScene
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
    def log_probabilities(self, scene: FeatureView, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities (n, classes) at pixel coordinates (n, d)."""


class PixelClassifier(Predictor):
    """A predictor that looks at the features of one pixel at a time."""

    _memory: tuple[Tensor, Tensor, float] | None = None

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """Log-probabilities (n, classes) of features (n, inputs)."""

    @abstractmethod
    def fit_features(
        self, features: Tensor, targets: Tensor, weight: Tensor, jitter: Tensor
    ) -> Iterator[float]:
        """Train on features (n, inputs) jittered by (inputs,); see :meth:`Predictor.fit`."""

    def set_replay_samples(self, features: Tensor, targets: Tensor, share: float) -> None:
        """Train from now on with samples of other images, too.

        Parameters
        ----------
        features : (n, inputs) tensor
            Of the samples.
        targets : (n, classes) tensor
            Their classes; one 1 in each row.
        share : float
            What a sample weighs, if a point that is trained on weighs 1; but those of a class
            together no more than those of one image. A class that has no others is learned from
            them alone.
        """
        self._memory = features, targets, share

    def fit(
        self, scene: FeatureView, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Train on the features at the points; see :meth:`Predictor.fit`."""
        features = scene.at(points)
        if self._memory is not None:
            old, classes, _ = self._memory
            weight = self._joined(targets, weight)
            features, targets = torch.cat([features, old]), torch.cat([targets, classes])
        yield from self.fit_features(features, targets, weight, feature_noise_std(scene))

    def _joined(self, targets: Tensor, weight: Tensor) -> Tensor:
        """Weights (n + m,) of the points and of the samples that are remembered."""
        assert self._memory is not None
        _, classes, share = self._memory
        drawn = (targets * weight[:, None]).sum(0)
        many = classes.sum(0).clamp_max(ONE_IMAGE) / targets.sum(0).clamp_min(1.0)
        wanted = torch.where(drawn > 0, share * many * drawn, drawn.max().clamp_min(1e-6))
        return torch.cat([weight, classes @ (wanted / classes.sum(0).clamp_min(1.0))])

    @torch.no_grad()
    def log_probabilities(self, scene: FeatureView, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities (n, classes); see :meth:`Predictor.log_probabilities`."""
        return map_with_oom_split(self.logits, scene.at(points))


def feature_noise_std(scene: FeatureView) -> Tensor:
    """Return standard deviations (inputs,) of the feature noise in training.

    Features have about unit variance. Colours and places are few. The others are so many that they
    would tell every stroke's pixels from all others, were they believed as closely.
    """
    return torch.where(scene.smooth_feature_mask, JITTER, JITTER_RICH)


def log_mean_probability(logits: Tensor, dim: int) -> Tensor:
    """Logarithm of the mean probability of several members: the first axis of the logits.

    Where strokes say nothing the members disagree, and the vote stays near even. ``dim`` is the
    axis of the classes in what is returned.
    """
    votes = torch.softmax(logits, dim=dim + 1).mean(dim=0)
    return votes.clamp_min(torch.finfo(votes.dtype).tiny).log()
