"""Adam optimizer that does not import ``torch._dynamo``, which costs seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

__all__ = ["Adam"]


class Adam:
    """Adam with decoupled weight decay and a learning rate that falls along a half cosine.

    Parameters
    ----------
    parameters : iterable of Parameter
        Changed in place by :meth:`step`.
    rate : float
        Learning rate at the start; it ends at a twentieth of it.
    steps : int
        Steps of the whole schedule.
    decay : float, optional
        Weight decay per step, relative to the learning rate.

    References
    ----------
    .. [1] Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    .. [2] Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], rate: float, steps: int, decay: float = 0.0
    ) -> None:
        self.parameters: list[torch.Tensor] = list(parameters)
        self.rate, self.steps, self.decay, self.count = rate, steps, decay, 0
        self._mean = [torch.zeros_like(p) for p in self.parameters]
        self._square = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, loss: torch.Tensor) -> None:
        """Move the parameters against the gradient of the loss."""
        with torch.enable_grad():
            gradients = list(torch.autograd.grad(loss, self.parameters))
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self.count / self.steps)))
        rate = self.rate * (0.05 + 0.95 * fall)
        self.count += 1
        torch._foreach_lerp_(self._mean, gradients, 0.1)
        torch._foreach_mul_(self._square, 0.99)
        torch._foreach_addcmul_(self._square, gradients, gradients, 0.01)
        scale = torch._foreach_sqrt(self._square)
        torch._foreach_mul_(scale, 1 / math.sqrt(1 - 0.99**self.count))
        torch._foreach_add_(scale, 1e-8)
        if self.decay:
            torch._foreach_mul_(self.parameters, 1 - rate * self.decay)
        torch._foreach_addcdiv_(self.parameters, self._mean, scale, -rate / (1 - 0.9**self.count))
