"""Principal component analysis of correlated channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.cancellation import check_cancelled

__all__ = ["PcaReduction"]

Array = npt.NDArray[np.float32]
LEVEL = 1e-9  # variance below which there is nothing but rounding
AT_ONCE = 24  # channels between two checks for cancellation


class PcaReduction:
    r"""Principal components, of about unit variance together; the same for the same data.

    Every channel is centred and divided by its deviation, and groups of channels (the stages of a
    network) by the square root of their size, so that a wide group does not outweigh a narrow one:
    :math:`y = (x - m) / (s \sqrt{n_g})`. The components :math:`V^T y` share one scale, that of a
    mean variance of 1. They are not whitened: with few strokes a classifier should trust the first
    ones more, and does so by itself if they are larger.

    The sign of a component is that which makes its largest loading positive.

    Parameters
    ----------
    sample : (n, c) array
        Pixels from which mean, deviations and components are estimated.
    width : int
        Number of components; those that the sample does not have are zero.
    groups : sequence of int, optional
        Sizes of the groups of channels, adding up to c. Default: one group.
    floor : float, optional
        Least deviation that a channel is divided by, so that a flat one stays flat.
    """

    def __init__(
        self, sample: Array, width: int, groups: Sequence[int] = (), floor: float = 1e-3
    ) -> None:
        sizes = np.array(groups or (sample.shape[1],))
        means, spreads = _moments(sample)
        self.mean = means.astype(np.float32)
        scale = 1 / (np.maximum(spreads, floor) * np.sqrt(np.repeat(sizes, sizes)))
        scaled = (sample - self.mean) * scale.astype(np.float32)
        check_cancelled()
        # By torch, which keeps to the number of threads that it is told.
        part = torch.from_numpy(scaled)
        covariance = (part.T @ part).double() / len(scaled)
        check_cancelled()
        values, vectors = (a.numpy() for a in torch.linalg.eigh(covariance))
        values, vectors = values[::-1][:width], vectors[:, ::-1][:, :width]
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(len(values))])
        matrix = np.zeros((sample.shape[1], width), np.float32)
        level = float(values.sum()) / width
        if level > LEVEL:  # else the image is flat, and so are its features
            matrix[:, : len(values)] = vectors * scale[:, None] / np.sqrt(level)
        self.matrix = matrix

    @classmethod
    def from_arrays(cls, mean: Array, matrix: Array) -> PcaReduction:
        """Make the reduction that another image gave; see :attr:`arrays`."""
        made = cls.__new__(cls)
        made.mean, made.matrix = mean, matrix
        return made

    @property
    def arrays(self) -> dict[str, Array]:
        """Arrays for :meth:`from_arrays`, keyed by name."""
        return {"mean": self.mean, "matrix": self.matrix}

    def __call__(self, maps: Array) -> Array:
        """Map (..., c) channels to (..., width) components."""
        flat = torch.from_numpy((maps - self.mean).reshape(-1, len(self.mean)))
        reduced: Array = (flat @ torch.from_numpy(self.matrix)).numpy()
        return reduced.reshape(*maps.shape[:-1], -1)


def _moments(sample: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and deviation of each channel."""
    means, spreads = [], []
    for start in range(0, sample.shape[1], AT_ONCE):
        some = sample[:, start : start + AT_ONCE].astype(np.float64)
        means.append(some.mean(axis=0))
        some -= means[-1]
        some *= some
        spreads.append(np.sqrt(some.mean(axis=0)))
        check_cancelled()
    return np.concatenate(means), np.concatenate(spreads)
