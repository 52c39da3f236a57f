"""Baselines: the published star, mirror and periodic settings, from their description alone.

Written from the formulas in [1]_; no line is copied. All three are fitted in the same way: Adam,
10,000 iterations on 500 foreground and 500 background points drawn anew each time, squared error
of the sigmoid, coordinates scaled to [-1, 1] axis by axis. What the description leaves open is the
plainest choice (ReLU, PyTorch's default start). A run may be shortened: the time of the whole is
then an extrapolation, and the mask is that of a shortened run and is to be called so. There is no
published rotational shape, and there are no published sums; see ``paper_comparison`` for convex and
``paper_comparison_connected`` for connected.

References
----------
.. [1] J. P. Schneider, M. Fatima, J. Lukasik, A. Kolb, M. Keuper, M. Moeller, "Implicit
   Representations for Constrained Image Segmentation", ICML 2024, PMLR 235:43765-43790.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["SETTINGS", "PublishedFit", "Settings", "Task", "evaluator", "fit"]

CHUNK = 16_384
HALF = 500  # points of each class in one iteration


@dataclass(frozen=True)
class Task:
    """Unaries as a task for a network that is low inside.

    Parameters
    ----------
    points : (n, d) float32 tensor
        Pixel centres, scaled to [-1, 1] axis by axis.
    labels : (n,) float32 tensor
        0 inside, 1 outside.
    classes : pair of (m,) int64 tensors
        Indices of the pixels inside and outside.
    top : (d,) float32 tensor
        Largest index along each axis.
    """

    points: Tensor
    labels: Tensor
    classes: tuple[Tensor, Tensor]
    top: Tensor

    @classmethod
    def of(cls, unaries: NDArray[np.floating]) -> Task:
        """Threshold unaries (n1, ..., nd) at 0.5, as the published code does."""
        inside = np.asarray(unaries) >= 0.5
        if inside.all() or not inside.any():
            raise ValueError("the unaries need pixels on both sides of 0.5")
        top = torch.tensor([max(n - 1, 1) for n in inside.shape], dtype=torch.float32)
        pixels = np.indices(inside.shape).reshape(inside.ndim, -1).T.astype(np.float32)
        found = [torch.from_numpy(np.flatnonzero(m)) for m in (inside, ~inside)]
        labels = torch.from_numpy((~inside).ravel().astype(np.float32))
        return cls(torch.from_numpy(pixels) * 2 / top - 1, labels, (found[0], found[1]), top)

    def draw(self, half: int, generator: torch.Generator) -> Tensor:
        """Indices of ``half`` points of each class, foreground first."""
        chosen = [c[torch.randint(len(c), (half,), generator=generator)] for c in self.classes]
        return torch.cat(chosen)


@dataclass(frozen=True)
class PublishedFit:
    """A fitted baseline, perhaps of a shortened run.

    Parameters
    ----------
    logit : callable
        (n, d) pixel coordinates -> (n,) logit, positive inside.
    iterations, of : int
        Iterations that were run, and that the published settings ask for.
    seconds : float
        CPU seconds of the iterations that were run.
    full_seconds : float
        CPU seconds of the whole published fit: measured, or an extrapolation.
    """

    logit: Callable[[NDArray[np.floating]], NDArray[np.float32]]
    iterations: int
    of: int
    seconds: float
    full_seconds: float


class _Star(nn.Module):
    """``r (W2 h(u) + W2r q(u, r)) - 1``, width 150, ``u = x / (0.01 + r)``.

    Of the weights that carry the radius only W2r is kept non-negative and ``u`` is not a unit
    vector: this is not star-shaped for every value of its parameters, as published.
    """

    def __init__(self, width: int = 150) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.direction = nn.Linear(2, width)
        self.both = nn.Linear(3, width)
        self.out = nn.Linear(width, 1)
        self.out_radial = nn.Linear(width, 1, bias=False)

    def forward(self, points: Tensor) -> Tensor:
        x = points - self.centre
        r = x.norm(dim=1, keepdim=True)
        u = x / (0.01 + r)
        rate = self.out(self.direction(u).relu())
        rate = rate + self.out_radial(self.both(torch.cat([u, r], dim=1)).relu())
        return (r * rate - 1).squeeze(1)

    @torch.no_grad()
    def after_step(self, iteration: int) -> None:
        """Clamp the radial weights; free the centre after 1,000 iterations."""
        self.out_radial.weight.clamp_(min=0)
        if iteration == 1000:
            self.centre.requires_grad_(True)


class _Mirror(nn.Module):
    """An MLP 3-150-150-1 of ``(u1, |u2|, r)`` in a trainable frame of stretched coordinates."""

    def __init__(self, width: int = 150) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(2))
        self.symmetric = False
        self.layers = nn.ModuleList([nn.Linear(3, width), nn.Linear(width, width)])
        self.out = nn.Linear(width, 1)

    def forward(self, points: Tensor) -> Tensor:
        x = points - self.offset
        c, s = self.psi.cos(), self.psi.sin()
        along, across = c * x[:, 0] + s * x[:, 1], c * x[:, 1] - s * x[:, 0]
        if self.symmetric:
            across = across.abs()
        z = torch.stack([along, across, x.norm(dim=1)], dim=1)
        for layer in self.layers:
            z = layer(z).relu()
        return self.out(z).squeeze(1)

    def after_step(self, iteration: int) -> None:
        """Switch the symmetry on after 501 iterations."""
        self.symmetric = iteration >= 501


class _Periodic(nn.Module):
    """``W2 sin(10 pi (W1 x + b))`` with 200 free frequencies: nothing repeats, as published."""

    def __init__(self, width: int = 200) -> None:
        super().__init__()
        self.inner = nn.Linear(2, width)
        self.out = nn.Linear(width, 1)

    def forward(self, points: Tensor) -> Tensor:
        return self.out((10 * math.pi * self.inner(points)).sin()).squeeze(1)

    def after_step(self, iteration: int) -> None:
        """Nothing to keep."""


@dataclass(frozen=True)
class Settings:
    """Published settings of one shape: network, Adam's rate, iterations, class weights."""

    network: type[nn.Module]
    rate: float
    iterations: int = 10_000
    weights: Sequence[float] = (0.5, 0.5)  # foreground, background


SETTINGS = {
    "star": Settings(_Star, 1e-2),
    "mirror": Settings(_Mirror, 1e-3, weights=(1 / 3, 2 / 3)),
    "periodic": Settings(_Periodic, 1e-2),
}


def evaluator(network: nn.Module, top: Tensor) -> Callable[..., NDArray[np.float32]]:
    """Logit at (n, d) pixel coordinates, positive inside, of a network that is low inside."""

    @torch.no_grad()
    def logit(pixels: NDArray[np.floating]) -> NDArray[np.float32]:
        x = torch.as_tensor(np.asarray(pixels, dtype=np.float32)) * 2 / top - 1
        return -torch.cat([network(part) for part in x.split(CHUNK)]).numpy()

    return logit


def fit(
    name: str, unaries: NDArray[np.floating], *, iterations: int | None = None, seed: int = 0
) -> PublishedFit:
    """Fit ``star``, ``mirror`` or ``periodic`` at the published settings.

    Parameters
    ----------
    name : str
        A key of ``SETTINGS``.
    unaries : (H, W) array
        Probabilities or a mask; thresholded at 0.5.
    iterations : int, optional
        Stop after so many and extrapolate the time; default: all that the settings ask for.
    seed : int, optional
        Of the network's start and the points.

    Returns
    -------
    PublishedFit
    """
    settings, task = SETTINGS[name], Task.of(unaries)
    count = min(iterations or settings.iterations, settings.iterations)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = settings.network()
    adam = torch.optim.Adam(network.parameters(), lr=settings.rate)
    weight = torch.tensor(settings.weights).repeat_interleave(HALF) / HALF
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    try:
        for iteration in range(1, count + 1):
            index = task.draw(HALF, generator)
            adam.zero_grad()
            error = network(task.points[index]).sigmoid() - task.labels[index]
            (weight * error**2).sum().backward()
            adam.step()
            network.after_step(iteration)
    finally:
        torch.set_num_threads(threads)
    seconds = time.process_time() - start
    whole = seconds * settings.iterations / count
    return PublishedFit(evaluator(network, task.top), count, settings.iterations, seconds, whole)
