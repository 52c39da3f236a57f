"""Baseline: the published path-connected settings, from their description alone.

An input-convex network 2-130-130-1 of a RealNVP flow: a per-axis scaling, then 10 affine
couplings with conditioners 2-8-2 (tanh), each followed by an activation normalisation whose start
depends on the data. 1,000 epochs bring the flow back to the identity, then 2,000 epochs over all
pixels fit both: Adamax at 2e-3 (convex) and 1e-3 (flow), weight decay 1e-5, binary cross entropy
with 0.3 of the weight on the foreground. See ``paper_comparison_shapes`` for the source; no line of
its code is copied.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from paper_comparison import _ConvexNetwork
from paper_comparison_shapes import PublishedFit, Task, evaluator
from torch import Tensor, nn

__all__ = ["EPOCHS", "PRETRAINING", "fit_connected"]

EPOCHS, PRETRAINING = 2000, 1000
COUPLINGS = 10
FOREGROUND_WEIGHT = 0.3
DECAY = 1e-5
CONVEX_RATE, FLOW_RATE = 2e-3, 1e-3


class _Coupling(nn.Module):
    """An affine coupling: one coordinate is scaled and moved by functions of the other."""

    def __init__(self, kept: int, hidden: int = 8) -> None:
        super().__init__()
        mask = torch.zeros(2)
        mask[kept] = 1
        self.register_buffer("mask", mask)
        self.conditioners = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 2))
                for _ in ("log scale", "shift")
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        kept = x * self.mask
        log_scale, shift = (c(kept) for c in self.conditioners)
        return kept + (1 - self.mask) * (x * log_scale.tanh().exp() + shift)


class _Normalization(nn.Module):
    """Scale and shift that start at zero mean and unit variance of the first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(2))
        self.shift = nn.Parameter(torch.zeros(2))
        self.ready = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.ready:
            with torch.no_grad():
                self.log_scale.copy_(-x.std(dim=0).log())
                self.shift.copy_(-x.mean(dim=0) * self.log_scale.exp())
            self.ready = True
        return x * self.log_scale.exp() + self.shift


class _Connected(nn.Module):
    """A convex function of a flow; low inside."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling = nn.Parameter(torch.ones(2))
        steps = [m for k in range(COUPLINGS) for m in (_Coupling(k % 2), _Normalization())]
        self.flow_steps = nn.Sequential(*steps)
        self.convex = _ConvexNetwork()

    def flow(self, x: Tensor) -> Tensor:
        return self.flow_steps(x * self.scaling)

    def forward(self, x: Tensor) -> Tensor:
        return self.convex(self.flow(x))


def fit_connected(
    unaries: NDArray[np.floating],
    *,
    points: int | None = None,
    epochs: int = EPOCHS,
    pretraining: int | None = None,
    seed: int = 0,
) -> PublishedFit:
    """Fit the connected baseline.

    Parameters
    ----------
    unaries : (H, W) array
        Probabilities or a mask; thresholded at 0.5.
    points : int, optional
        Fit so many random points per epoch, half of them foreground; default: all pixels, as
        published.
    epochs : int, optional
        Stop after so many; the time of all 2,000 is extrapolated.
    pretraining : int, optional
        Epochs of the identity stage; default: the same share of its 1,000.
    seed : int, optional
        Of the start and the points.

    Returns
    -------
    PublishedFit
        ``seconds`` and ``full_seconds`` count both stages.
    """
    task = Task.of(unaries)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Connected()
    if pretraining is None:
        pretraining = max(1, PRETRAINING * epochs // EPOCHS)
    share = torch.tensor([FOREGROUND_WEIGHT, 1 - FOREGROUND_WEIGHT])
    flow = [p for n, p in network.named_parameters() if not n.startswith("convex")]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        if points is None:
            x, y = task.points, task.labels
        else:
            index = task.draw(points // 2, generator)
            x, y = task.points[index], task.labels[index]
        count = torch.stack([(y == k).sum() for k in (0, 1)])
        return x, y, (share / count)[y.long()]

    def identity() -> float:
        """Run the first stage and return its CPU seconds per epoch."""
        adamax = torch.optim.Adamax(flow, lr=FLOW_RATE, weight_decay=DECAY)
        start = time.process_time()
        for _ in range(pretraining):
            x, _y, _weight = batch()
            adamax.zero_grad()
            ((network.flow(x) - x) ** 2).mean().backward()
            adamax.step()
        return (time.process_time() - start) / pretraining

    def main() -> float:
        """Run the second stage and return its CPU seconds per epoch."""
        groups = [
            {"params": network.convex.parameters(), "lr": CONVEX_RATE},
            {"params": flow, "lr": FLOW_RATE},
        ]
        adamax = torch.optim.Adamax(groups, weight_decay=DECAY)
        entropy = nn.functional.binary_cross_entropy_with_logits
        start = time.process_time()
        for _ in range(epochs):
            x, y, weight = batch()
            adamax.zero_grad()
            entropy(network(x), y, weight=weight, reduction="sum").backward()
            adamax.step()
            network.convex.clamp()
        return (time.process_time() - start) / epochs

    try:
        first, second = identity(), main()
    finally:
        torch.set_num_threads(threads)
    return PublishedFit(
        evaluator(network, task.top),
        epochs,
        EPOCHS,
        first * pretraining + second * epochs,
        first * PRETRAINING + second * EPOCHS,
    )
