"""Baseline: the published convex settings, written from their description alone.

The network is an input-convex neural network (ICNN) [1]_ 2-130-130-1, fitted as in [2]_: Adam at
2e-3 for 2,000 epochs over every pixel of the half-size image, squared error of the sigmoid,
0.4 of the foreground mean plus 0.6 of the background mean. Convexity is enforced by clamping the
weights of the hidden path after each step. Foreground is the low side there, {G < 0}; what this
module returns is positive inside, as everywhere else in the project.

References
----------
.. [1] B. Amos, L. Xu, J. Z. Kolter, "Input Convex Neural Networks", ICML 2017.
.. [2] J. P. Schneider, M. Fatima, J. Lukasik, A. Kolb, M. Keuper, M. Moeller, "Implicit
   Representations for Constrained Image Segmentation", ICML 2024, PMLR 235:43765-43790.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Checkpoint", "Fit", "fit_grid", "fit_points", "iou", "objective", "tomato_unaries"]

EPOCHS = 2000
CHECKPOINTS = (50, 100, 500, 1000, 1500, 2000)
LEARNING_RATE = 2e-3
FOREGROUND_WEIGHT = 0.4
EVALUATION_CHUNK = 16384


class Checkpoint(NamedTuple):
    """State of a fit: CPU seconds exclude evaluation, `objective` and `iou` are on all pixels."""

    epoch: int
    cpu_seconds: float
    objective: float
    iou: float


class Fit(NamedTuple):
    """A fitted baseline.

    Attributes
    ----------
    logit : callable
        (n, 2) pixel coordinates (row, column) of the fitted grid -> (n,) logit, positive inside.
    history : list of Checkpoint
        At the checkpoints that were reached, and at the last epoch.
    seconds_per_epoch : float
        CPU seconds per epoch, measured.
    """

    logit: Callable[[NDArray[np.floating]], NDArray[np.float32]]
    history: list[Checkpoint]
    seconds_per_epoch: float

    @property
    def full_seconds(self) -> float:
        """CPU seconds for all 2,000 published epochs (an extrapolation if fewer were run)."""
        return EPOCHS * self.seconds_per_epoch


class _ConvexNetwork(nn.Module):
    """ICNN 2-130-130-1 with skip connections from the input, ReLU and PyTorch's default start."""

    def __init__(self, width: int = 130) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.hidden = nn.ModuleList([nn.Linear(width, n, bias=False) for n in (width, 1)])
        self.skip = nn.ModuleList([nn.Linear(2, n) for n in (width, 1)])

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.first(x)
        for hidden, skip in zip(self.hidden, self.skip, strict=True):
            z = hidden(z.relu()) + skip(x)
        return z.squeeze(1)

    @torch.no_grad()
    def clamp(self) -> None:
        """Make the function convex: no negative weight on the hidden path; skips stay free."""
        for hidden in self.hidden:
            hidden.get_parameter("weight").clamp_(min=0)


def objective(
    prob_shape: NDArray[np.floating],
    target: NDArray[np.floating],
    foreground_weight: float = FOREGROUND_WEIGHT,
) -> float:
    """Class-weighted mean squared error, the published objective.

    Parameters
    ----------
    prob_shape : (H, W) array
        Sigmoid of the shape's logit (or a mask), 1 inside.
    target : (H, W) array
        Unaries in [0, 1]; pixels of at least 0.5 are the foreground class.
    foreground_weight : float
        Weight of the foreground's mean; the background's mean has the rest.
    """
    target = np.asarray(target, dtype=float)
    error = (np.asarray(prob_shape, dtype=float) - target) ** 2
    inside = target >= 0.5
    means = [float(error[m].mean()) if m.any() else 0.0 for m in (inside, ~inside)]
    return foreground_weight * means[0] + (1 - foreground_weight) * means[1]


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 if both are empty."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def tomato_unaries(root: str | Path | None = None, soft: bool = False) -> NDArray[np.float32]:
    """Unaries of the published tomato at half size, (640, 480), by the authors' formula.

    Parameters
    ----------
    root : path, optional
        Data folder; default is ``$ISR_DATA``, else ``../shared/data``.
    soft : bool
        Return the object's score in [0, 1] instead of the thresholded target that was published.

    Raises
    ------
    FileNotFoundError
        If the data folder does not hold the photograph.
    """
    from skimage.io import imread

    root = Path(root or os.environ.get("ISR_DATA", "../shared/data"))
    image = imread(root / "icml_teaser" / "images" / "convex_tomato.jpg") / 255.0
    height, width = image.shape[0] // 2, image.shape[1] // 2
    image = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    likelihood = image[..., 0] - image[..., 1] - image[..., 2] - 0.5
    score = 1 / (1 + np.exp(likelihood - 1))  # sigmoid(1 - likelihood), low inside
    score = (score - score.min()) / (score.max() - score.min())
    return np.asarray(1 - score if soft else score < 0.5, dtype=np.float32)


def _fit(
    unaries: NDArray[np.floating],
    seed: int,
    epochs: int,
    points: int | None = None,
    wall: float = np.inf,
    chunk: int | None = None,
) -> Fit:
    target = np.asarray(unaries, dtype=np.float32)
    inside = target >= 0.5
    if inside.all() or not inside.any():
        raise ValueError("the unaries need pixels on both sides of 0.5")
    top = torch.tensor([max(n - 1, 1) for n in target.shape], dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _ConvexNetwork()
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    pixels = torch.from_numpy(np.indices(target.shape).reshape(2, -1).T.astype(np.float32))
    labels = torch.from_numpy(1 - target.ravel())  # the published network is low inside
    classes = [torch.from_numpy(np.flatnonzero(m)) for m in (inside, ~inside)]

    @torch.no_grad()
    def logit(coordinates: NDArray[np.floating]) -> NDArray[np.float32]:
        x = torch.as_tensor(np.asarray(coordinates, dtype=np.float32)) * 2 / top - 1
        return -torch.cat([network(chunk) for chunk in x.split(EVALUATION_CHUNK)]).numpy()

    def check(epoch: int, seconds: float) -> Checkpoint:
        values = logit(pixels.numpy()).reshape(target.shape)
        shape = 1 / (1 + np.exp(-values.astype(float).clip(-60, 60)))
        return Checkpoint(epoch, seconds, objective(shape, target), iou(values > 0, inside))

    # On the grid, a weight per pixel makes the sum of squares the two weighted class means.
    share = FOREGROUND_WEIGHT / inside.sum(), (1 - FOREGROUND_WEIGHT) / (~inside).sum()
    weights = torch.from_numpy(np.where(inside, *share).ravel().astype(np.float32))
    grid = pixels * 2 / top - 1
    history: list[Checkpoint] = []
    seconds, elapsed, epoch = 0.0, 0.0, 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while epoch < epochs and elapsed < wall:
            cpu, clock = time.process_time(), time.perf_counter()
            x, y, weight = grid, labels, weights
            if points is not None:
                half = points // 2
                draw = [c[torch.randint(len(c), (half,), generator=generator)] for c in classes]
                index = torch.cat(draw)
                x, y = grid[index], labels[index]
                weight = torch.tensor([FOREGROUND_WEIGHT, 1 - FOREGROUND_WEIGHT]) / half
                weight = weight.repeat_interleave(half)
            adam.zero_grad()
            for xs, ys, ws in zip(*(t.split(chunk or len(x)) for t in (x, y, weight)), strict=True):
                (ws * (network(xs).sigmoid() - ys) ** 2).sum().backward()
            adam.step()
            network.clamp()
            epoch += 1
            seconds += time.process_time() - cpu
            elapsed += time.perf_counter() - clock
            if epoch in CHECKPOINTS or epoch == epochs or elapsed >= wall:
                history.append(check(epoch, seconds))
    finally:
        torch.set_num_threads(threads)
    return Fit(logit, history, seconds / max(epoch, 1))


def fit_grid(
    unaries: NDArray[np.floating],
    *,
    seed: int = 0,
    wall_seconds: float = 60.0,
    chunk: int | None = None,
) -> Fit:
    """Published fit over all pixels, for as many of 2,000 epochs as the wall budget holds.

    Parameters
    ----------
    unaries : (H, W) array
        Probabilities (or a mask) of the image at half size.
    seed : int
        Of the network's start. Results repeat for a seed and a number of epochs.
    wall_seconds : float
        Wall-clock budget of the steps; evaluation is not counted. One epoch is always run.
    chunk : int, optional
        Add up the same gradient over chunks of so many pixels, about three times as fast in 4,096
        (they stay in the cache); default is one batch, as published.

    Returns
    -------
    Fit
        ``full_seconds`` extrapolates the cost to 2,000 epochs.
    """
    return _fit(unaries, seed, EPOCHS, wall=max(wall_seconds, 1e-9), chunk=chunk)


def fit_points(
    unaries: NDArray[np.floating], *, seed: int = 0, points: int = 4096, epochs: int = EPOCHS
) -> Fit:
    """Fit random points, half of them foreground, drawn at every epoch.

    Parameters are those of `fit_grid`; the wall clock does not limit it.
    """
    return _fit(unaries, seed, epochs, points)
