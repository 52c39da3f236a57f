"""Convolutional predictors: CNN and U-Net on patches of feature maps."""

from __future__ import annotations

import math
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
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

__all__ = ["Cnn", "ConvPredictor", "GroupedConvStack", "PatchSampler", "UNet", "reflect_pad"]

TILE = 16  # cells along each side of what a crop predicts
RATE, DECAY = 0.01, 1.0
SMOOTHING = 0.02  # how far the targets stay from 0 and 1
STEPS_PER_YIELD = 2
TRAINED = 0.97  # of the progress; then the maps are predicted
CROPS = 12  # in a step, over all classes
WIDTH, LAYERS = 16, 4
PENALTY = 0.01  # as in the source
PENALISED = 3  # crops of a step; a second derivative of all would take as long as all the rest
WIDTHS = (16, 16, 16)  # of the levels, each at half the resolution of the one before
STEP = 2 ** (len(WIDTHS) - 1)
LAST = 6  # index of the layer that ends in logits
QUIET = 0.3  # of its weights at the start: then the features themselves speak first


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
        """Return a penalty that is added to the loss of jittered planes.

        ``smooth`` holds the indices of inputs for which the network should vary slowly. See
        :attr:`FeatureView.smooth_feature_mask`.
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


class PatchSampler:
    """Draws crops of planes, equally many around the strokes of each class that has any.

    Parameters
    ----------
    planes : (p, c, h, w) tensor
        What is to be looked at.
    mass : (p, classes, h, w) tensor
        How much each cell says for each class.
    tile : int
        Cells along each side that a crop predicts; planes that are smaller stay whole.
    margin : int
        Further cells that a crop of the planes shows on each side, reflected at their border.
    """

    def __init__(self, planes: Tensor, mass: Tensor, tile: int, margin: int) -> None:
        self.planes, self.mass, self.margin = reflect_pad(planes, margin), mass, margin
        self.tile = [min(tile, n) for n in mass.shape[-2:]]

    def draw(self, steps: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of planes (n, c, ...) and of mass (n, classes, ...)."""
        places = self._places(steps, generator)
        high, wide = (n + 2 * self.margin for n in self.tile)
        for batch in places:
            planes = [self.planes[p, :, i : i + high, j : j + wide] for p, i, j in batch]
            mass = [
                self.mass[p, :, i : i + self.tile[0], j : j + self.tile[1]] for p, i, j in batch
            ]
            yield torch.stack(planes), torch.stack(mass)

    def _places(self, steps: int, generator: torch.Generator) -> list[list[list[int]]]:
        """Plane, first row and first column of every crop of every step.

        Drawn on the CPU, so that all devices see the same.
        """
        classes = self.mass.shape[1]
        each = -(-CROPS // classes)
        columns = []
        for mass in self.mass.movedim(1, 0).cpu():
            where = mass.nonzero()
            if not len(where):
                continue
            weight = mass[tuple(where.T)]
            chosen = torch.multinomial(weight, steps * each, replacement=True, generator=generator)
            columns.append(where[chosen].view(steps, each, 3))
        places = torch.cat(columns, dim=1)
        for axis, (size, side) in enumerate(zip(self.mass.shape[-2:], self.tile, strict=True), 1):
            shift = torch.randint(side, places.shape[:2], generator=generator)
            places[..., axis] = (places[..., axis] - shift).clamp(0, size - side)
        found: list[list[list[int]]] = places.tolist()
        return found


def reflect_pad(planes: Tensor, margin: int) -> Tensor:
    """Planes (..., h, w) with a margin, reflected at the border as often as need be."""
    for axis in (-2, -1):
        size = planes.shape[axis]
        index = torch.arange(-margin, size + margin, device=planes.device)
        if size > 1:
            index = index.remainder(2 * size - 2)
            index = torch.minimum(index, 2 * size - 2 - index)
        else:
            index = torch.zeros_like(index)
        planes = planes.index_select(axis, index)
    return planes


class Cnn(ConvPredictor):
    r"""Four 3x3 convolutions of 16 channels and a linear layer; three networks vote.

    In a source that found it to help [1]_, the loss has the term
    :math:`0.01 \, \|\partial N / \partial (x, c)\|^2`, the squared slope of the logits by place
    and colour. Here it is the mean over the cells of some crops, and the squared norm of each
    cell's Jacobian is found without bias from one backward pass with random signs [2]_.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Of the start, the crops and the jitter.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, and its public code.
    .. [2] Hutchinson, "A stochastic estimator of the trace of the influence matrix", 1990.
    """

    name = "cnn"
    margin = LAYERS
    cold_steps, warm_steps = 60, 8

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        widths = [inputs, *[WIDTH] * LAYERS]
        sizes = [*((m, n, 3) for m, n in pairwise(widths)), (WIDTH, classes, 1)]
        self.layers = GroupedConvStack(sizes, self.members, torch.Generator().manual_seed(seed))

    def forward(self, planes: Tensor) -> Tensor:
        """Logits; see :meth:`ConvPredictor.forward`."""
        for layer in range(LAYERS):
            planes = torch.relu(self.layers(layer, planes))
        logits: Tensor = self.layers(LAYERS, planes)
        return logits

    def regularization(
        self, planes: Tensor, smooth: Tensor, draw: torch.Generator
    ) -> Tensor | float:
        """Mean squared slope by the ``smooth`` inputs, times 0.01."""
        if not len(smooth):
            return 0.0
        chosen = torch.randperm(len(planes), generator=draw)[:PENALISED].to(planes.device)
        planes = planes[chosen].detach().requires_grad_()
        logits = self(planes)
        signs = torch.randint(2, logits.shape, generator=draw).to(logits) * 2 - 1
        (slope,) = torch.autograd.grad((logits * signs).sum(), planes, create_graph=True)
        cells = self.members * logits[:, 0].numel()
        size: Tensor = PENALTY * slope[:, smooth].square().sum() / cells
        return size


class UNet(ConvPredictor):
    """Three levels with skip connections, the first from the features themselves; three vote.

    That first connection is a linear classifier of the pixel, which alone does well with few
    strokes; the levels add what its surroundings say.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Of the start, the crops and the jitter.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox, "U-Net: Convolutional networks for biomedical image
       segmentation", MICCAI 2015.
    """

    name = "unet"
    margin = 4
    cold_steps, warm_steps = 50, 6

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        a, b, c = WIDTHS
        sizes = [(inputs, a, 1), (a, a, 3), (a, b, 3), (b, c, 3), (b + c, b, 3), (a + b, a, 3)]
        draw = torch.Generator().manual_seed(seed)
        self.layers = GroupedConvStack([*sizes, (a, classes, 1)], self.members, draw)
        self.linear = GroupedConvStack([(inputs, classes, 1)], self.members, draw)
        with torch.no_grad():
            self.layers.kernels[LAST].mul_(QUIET)
            self.linear.kernels[0].zero_()

    def forward(self, planes: Tensor) -> Tensor:
        """Logits; see :meth:`ConvPredictor.forward`."""
        high, wide = planes.shape[-2:]
        planes = functional.pad(planes, (0, -wide % STEP, 0, -high % STEP), mode="replicate")
        fine = self._rectified(1, self._rectified(0, planes))
        middle = self._rectified(2, functional.avg_pool2d(fine, 2))
        coarse = self._rectified(3, functional.avg_pool2d(middle, 2))
        middle = self._rectified(4, self._beside(middle, coarse))
        fine = self._rectified(5, self._beside(fine, middle))
        m = self.margin
        seen = (..., slice(m, high - m), slice(m, wide - m))
        logits: Tensor = self.layers(LAST, fine[seen]) + self.linear(0, planes[seen])
        return logits

    def _rectified(self, layer: int, planes: Tensor) -> Tensor:
        return torch.relu(self.layers(layer, planes, padding=int(layer > 0)))

    def _beside(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Channels of two levels side by side in each member."""
        coarse = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        pair = [level.unflatten(1, (self.members, -1)) for level in (fine, coarse)]
        return torch.cat(pair, dim=2).flatten(1, 2)
