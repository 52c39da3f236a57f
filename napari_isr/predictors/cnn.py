"""The convolutional classifier, with a penalty on how fast it changes with place and colour."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from napari_isr.predictors.conv_base import ConvPredictor, GroupedConvStack

__all__ = ["Cnn"]

WIDTH, LAYERS = 16, 4
PENALTY = 0.01  # as in the source
PENALISED = 3  # crops of a step; a second derivative of all would take as long as all the rest


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
