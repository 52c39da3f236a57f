"""Multinomial logistic regression, solved exactly."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from napari_isr.device import to_cpu_double
from napari_isr.predictors.base import PixelClassifier

__all__ = ["LogisticRegression"]

RIDGE = 0.2  # of the weights; the mean cross-entropy of the classes has weight 1
STEPS = 12
CONVERGED = 1e-4  # largest change of a weight


class LogisticRegression(PixelClassifier):
    r"""Probabilities :math:`\mathrm{softmax}(W^T f + b)` of features ``f``.

    Minimises the mean over the classes of their mean cross-entropy, plus a ridge
    :math:`\rho / 2 \, \|W\|^2`, by Newton's method. The minimum is unique: there is no seed and no
    learning rate, and the same strokes always give the same answer. With few strokes and rich
    features this generalises better than a perceptron.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Unused: nothing is drawn at random.
    """

    name = "linear"

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        self.weights = nn.Parameter(torch.zeros(inputs + 1, classes))

    def logits(self, features: Tensor) -> Tensor:
        """Log-probabilities; see :meth:`PixelClassifier.logits`."""
        return torch.log_softmax(features @ self.weights[:-1] + self.weights[-1], dim=1)

    @torch.no_grad()
    def fit_features(
        self, features: Tensor, targets: Tensor, weight: Tensor, jitter: Tensor
    ) -> Iterator[float]:
        """Newton's method from the current weights; see :meth:`PixelClassifier.fit_features`.

        In double precision on the CPU, wherever the features are: they are few.
        """
        extended, mass = to_cpu_double(
            torch.cat([features, torch.ones_like(features[:, :1])], dim=1),
            (weight[:, None] * targets).to(features),
        )
        weights = self.weights.detach().cpu().double()
        mass = mass / mass.sum(0).clamp_min(1e-12) / self.classes
        for step in range(1, STEPS + 1):
            change = self._newton_step(weights, extended, mass)
            # Rounded as the parameters are, so that the last step is seen as it will be used.
            weights = (weights.float() + change.float()).double()
            self.weights.copy_(weights)
            done = float(change.abs().max()) < CONVERGED or step == STEPS
            yield 1.0 if done else step / STEPS
            if done:
                return

    def _newton_step(self, weights: Tensor, extended: Tensor, mass: Tensor) -> Tensor:
        """Change (inputs + 1, classes) of the weights, for masses (n, classes) of the targets."""
        inputs, classes = weights.shape
        found = torch.softmax(extended @ weights, dim=1)
        total = mass.sum(1)
        ridge = torch.full_like(weights, RIDGE)
        ridge[-1] = 1e-3  # the offset is free, but for what softmax leaves undetermined
        gradient = extended.T @ (total[:, None] * found - mass) + ridge * weights
        hessian = weights.new_zeros(inputs, classes, inputs, classes)
        for k in range(classes):
            for m in range(k, classes):
                curve = total * found[:, k] * ((1.0 if k == m else 0.0) - found[:, m])
                block = extended.T @ (curve[:, None] * extended)
                hessian[:, k, :, m] = block
                hessian[:, m, :, k] = block
        square = hessian.reshape(inputs * classes, -1) + torch.diag(ridge.flatten())
        step: Tensor = torch.linalg.solve(square, gradient.flatten())
        return -step.view_as(weights)
