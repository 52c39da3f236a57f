"""Ensemble of multilayer perceptrons for single pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_isr._adam import Adam
from napari_isr.cancellation import check_cancelled
from napari_isr.predictors.base import PixelClassifier, log_mean_probability

__all__ = ["MlpEnsemble"]

MEMBERS = 4
WIDTH = 16
COLD_STEPS, WARM_STEPS = 120, 20
STEPS_PER_YIELD = 10
BATCH = 96  # stroke pixels of each class in a step
RATE, DECAY = 0.03, 0.1
SMOOTHING = 0.02  # how far the targets stay from 0 and 1


class MlpEnsemble(PixelClassifier):
    """Per-pixel perceptrons ("fully convolutional" with 1x1 kernels) trained on strokes only.

    Three strokes are thousands of pixels but few independent ones. So the classes are balanced,
    the features jittered, the weights decayed, and several members that start from different
    weights vote: where strokes say nothing they disagree, and the probability stays near even.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Of the start, the batches and the jitter.
    """

    name = "fcn"

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        draw = torch.Generator().manual_seed(seed)
        sizes = [inputs, WIDTH, WIDTH, classes]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(MEMBERS, n, m, generator=draw) * math.sqrt(2 / m))
            for m, n in pairwise(sizes)
        )
        self.biases = nn.ParameterList(
            nn.Parameter(0.3 * torch.randn(MEMBERS, n, 1, generator=draw)) for n in sizes[1:]
        )

    def forward(self, columns: Tensor) -> Tensor:
        """Logits (members, classes, n) from features (inputs, n) or (members, inputs, n)."""
        if columns.ndim == 2:
            columns = columns.expand(MEMBERS, -1, -1)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            columns = torch.baddbmm(bias, weight, columns)
            columns = torch.relu(columns) if layer < last else columns
        return columns

    def logits(self, features: Tensor) -> Tensor:
        """Logarithm of the members' mean probability; see :meth:`PixelClassifier.logits`."""
        return log_mean_probability(self(features.T.contiguous()), dim=0).T

    def fit_features(
        self, features: Tensor, targets: Tensor, weight: Tensor, jitter: Tensor
    ) -> Iterator[float]:
        """Train with Adam on balanced batches; see :meth:`PixelClassifier.fit_features`."""
        steps = WARM_STEPS if self.trained else COLD_STEPS
        optimizer = Adam(self.parameters(), RATE / (2 if self.trained else 1), steps, DECAY)
        draw = torch.Generator(features.device).manual_seed(self.seed)
        columns, members = features.T.contiguous(), _Members(targets * weight[:, None])
        for step in range(1, steps + 1):
            check_cancelled()
            batch = columns[:, members.draw(draw)].movedim(1, 0)
            noise = torch.randn(batch.shape, generator=draw, device=batch.device, dtype=batch.dtype)
            optimizer.step(self._loss(batch + jitter[:, None] * noise))
            if step % STEPS_PER_YIELD == 0 or step == steps:
                self.trained = True
                yield step / steps

    def _loss(self, batch: Tensor) -> Tensor:
        """Cross-entropy with smoothed targets; the classes lie in blocks of equal length."""
        logs: Tensor = torch.log_softmax(self(batch), dim=1)
        logs = logs.unflatten(2, (self.classes, -1)).mean(3)
        right = logs.diagonal(dim1=1, dim2=2).mean()
        return -(1 - SMOOTHING) * right - SMOOTHING * logs.mean()


class _Members:
    """Draws balanced batches: for every member, equally many pixels of each class.

    A pixel is drawn for a class as often as its mass (n, classes) says.
    """

    def __init__(self, mass: Tensor) -> None:
        self.mass = mass

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw indices (members, classes * BATCH), class by class."""
        chosen = [
            torch.multinomial(column, MEMBERS * BATCH, replacement=True, generator=generator).view(
                MEMBERS, BATCH
            )
            for column in self.mass.T
        ]
        return torch.cat(chosen, dim=1)
