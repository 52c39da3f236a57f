"""Predictors that look at a neighbourhood: convolutions over maps of the features."""

from __future__ import annotations

import math
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_isr._adam import Adam
from napari_isr.cancellation import check_cancelled
from napari_isr.predictors.base import Predictor, feature_noise_std, log_mean_probability
from napari_isr.predictors.feature_view import FeatureView
from napari_isr.predictors.patch_sampler import PatchSampler, reflect_pad

__all__ = ["ConvPredictor", "GroupedConvStack"]

TILE = 16  # cells along each side of what a crop predicts
RATE, DECAY = 0.01, 1.0
SMOOTHING = 0.02  # how far the targets stay from 0 and 1
STEPS_PER_YIELD = 2
TRAINED = 0.97  # of the progress; then the maps are predicted


class GroupedConvStack(nn.Module):
    """Convolutions of several networks side by side, drawn for rectifiers (He et al., 2015).

    Parameters
    ----------
    sizes : sequence of (int, int, int)
        Channels in, channels out and side of the kernel of each layer, in one network.
    members : int
        Number of networks. All see the same input of the first layer.
    draw : torch.Generator
        Draws the weights.
    """

    def __init__(
        self, sizes: Sequence[tuple[int, int, int]], members: int, draw: torch.Generator
    ) -> None:
        super().__init__()
        self.members = members
        self.kernels = nn.ParameterList(
            torch.randn(members * n, m, side, side, generator=draw) * math.sqrt(2 / (m * side**2))
            for m, n, side in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(len(kernel)) for kernel in self.kernels)

    def forward(self, layer: int, planes: Tensor, padding: int = 0) -> Tensor:
        """Apply one layer; channels (members * in) to (members * out)."""
        groups = self.members if layer else 1
        kernel, bias = self.kernels[layer], self.biases[layer]
        return functional.conv2d(planes, kernel, bias, padding=padding, groups=groups)


class ConvPredictor(Predictor):
    """A predictor that convolves the scene's maps, plane by plane: the vote of a few networks.

    It is trained on crops around the strokes, equally many for each class. What neighbours have
    in common is jittered in common: otherwise a convolution would average the jitter away. With
    more than two axes, the planes of the last two are images of their own that share the kernels:
    what lies before or behind a pixel is not looked at.
    """

    margin: ClassVar[int]
    """Cells on each side that the networks look at beside those that they predict."""
    cold_steps: ClassVar[int]
    """Steps of the first training."""
    warm_steps: ClassVar[int]
    """Steps of any further one."""
    members: ClassVar[int] = 3
    """Number of networks."""

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        self._seen: tuple[weakref.ref[FeatureView], Tensor] | None = None

    @abstractmethod
    def forward(self, planes: Tensor) -> Tensor:
        """Logits of planes with a margin.

        Parameters
        ----------
        planes : (n, inputs, h + 2 margin, w + 2 margin) tensor
            Features.

        Returns
        -------
        (n, members * classes, h, w) tensor
        """

    def regularization(
        self, planes: Tensor, smooth: Tensor, draw: torch.Generator
    ) -> Tensor | float:
        """What is added to the loss of jittered planes.

        ``smooth`` holds the numbers of the inputs that are followed slowly, see
        :class:`PaintedScene`.
        """
        return 0.0

    def fit(
        self, scene: FeatureView, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Train with Adam on crops around the points; see :meth:`Predictor.fit`."""
        steps = self.warm_steps if self.trained else self.cold_steps
        mass = scene.accumulate_to_grid(points, targets * weight[:, None])
        crops = PatchSampler(_planes(scene.feature_grid), _planes(mass), TILE, self.margin)
        optimizer = Adam(self.parameters(), RATE / (2 if self.trained else 1), steps, DECAY)
        draw = torch.Generator().manual_seed(self.seed)
        smooth, size = scene.smooth_feature_mask.nonzero()[:, 0], feature_noise_std(scene)
        for step, (planes, wanted) in enumerate(crops.draw(steps, draw), start=1):
            check_cancelled()
            jittered = _jittered(planes, size, draw)
            loss = self._loss(self(jittered), wanted) + self.regularization(jittered, smooth, draw)
            optimizer.step(loss)
            self._seen = None
            self.trained = True
            if step % STEPS_PER_YIELD == 0:
                yield TRAINED * step / steps
        check_cancelled()
        self._logs(scene)
        yield 1.0

    def _loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """Cross-entropy, the mean of the members' and the classes' means, with soft targets."""
        logs = torch.log_softmax(logits.unflatten(1, (self.members, self.classes)), dim=2).mean(1)
        share = wanted / wanted.sum((0, 2, 3), keepdim=True).clamp_min(1e-12) / self.classes
        right = (share * logs).sum()
        even = (share.sum(1) * logs.mean(1)).sum()
        return -(1 - SMOOTHING) * right - SMOOTHING * even

    @torch.no_grad()
    def log_probabilities(self, scene: FeatureView, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities (n, classes); see :meth:`Predictor.log_probabilities`."""
        return torch.log_softmax(scene.sample_grid(self._logs(scene), points), dim=1)

    @torch.no_grad()
    def _logs(self, scene: FeatureView) -> Tensor:
        """Log-probabilities (classes, n1, ..., nd) of the maps, kept until further training."""
        if self._seen is None or self._seen[0]() is not scene:
            planes = reflect_pad(_planes(scene.feature_grid), self.margin)
            logits = self(planes).unflatten(1, (self.members, self.classes))
            logs = log_mean_probability(logits.movedim(1, 0), dim=1).movedim(0, 1)
            self._seen = weakref.ref(scene), logs.reshape(self.classes, *scene.grid_shape)
        return self._seen[1]


def _planes(maps: Tensor) -> Tensor:
    """Planes (p, c, h, w) of the last two axes of maps (c, n1, ..., nd)."""
    return maps.reshape(len(maps), -1, *maps.shape[-2:]).movedim(1, 0)


def _jittered(planes: Tensor, size: Tensor, draw: torch.Generator) -> Tensor:
    """Planes with Gaussian noise: one offset for each crop, and one for each cell."""
    offset = torch.randn(*planes.shape[:2], 1, 1, generator=draw)
    noise = torch.randn(planes.shape, generator=draw)
    return planes + size[:, None, None] * (offset + noise).to(planes)
