r"""Coupling of predictor and shapes in joint optimization.

The joint objective of the source (section 4) is the error of the predictor ``N`` and of the
shapes ``G`` on the strokes, plus :math:`\lambda` times their distance over the whole image. It is
lowered in turns. The shapes' turn is the projection, which has strokes of its own and all else
from ``N``. In the predictor's turn it is trained on the strokes and, with weight :math:`\lambda`,
on what the shapes say of points all over the image. The weight grows from turn to turn: shapes
of an untrained predictor say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = [
    "COUPLING",
    "TURNS",
    "coupling_weight",
    "sample_coupling_points",
    "shape_class_probabilities",
]

TURNS = 4
POINTS = 2048  # of the image, drawn anew for each turn
COUPLING = 0.6  # weight of all points in the last turn; that of all strokes is 1


def coupling_weight(turn: int) -> float:
    """Weight of the coupling in a turn from 1 to ``TURNS``: linear, from little to all."""
    return COUPLING * turn / TURNS


def sample_coupling_points(frame: ImageGeometry, seed: int, turn: int) -> npt.NDArray[np.float64]:
    """Draw pixel coordinates (n, d) uniformly from the whole image.

    Parameters
    ----------
    frame : ImageGeometry
        The image.
    seed, turn : int
        The same points for the same two numbers.
    """
    draw = np.random.default_rng([seed, turn])
    points: npt.NDArray[np.float64] = draw.random((POINTS, frame.ndim)) * frame.shape - 0.5
    if isinstance(frame, TimeSeriesGeometry):
        points[:, 0] = draw.choice(frame.key_frames, POINTS)
    return points


def shape_class_probabilities(inside: Sequence[Tensor | None], learned: Tensor) -> Tensor:
    """Return the class probabilities that the shapes imply.

    Objects may overlap: where several claim a point they share it, and the background has what
    none of them claims.

    Parameters
    ----------
    inside : sequence of (n,) tensor or None
        Probability that a point lies in each object, by its shape; None for objects without one,
        which are as the predictor has them.
    learned : (n, classes) tensor
        Probabilities by the predictor; the background first.

    Returns
    -------
    (n, classes) tensor
        Rows add up to 1.
    """
    claims = [learned[:, k] if part is None else part for k, part in enumerate(inside, start=1)]
    objects = torch.stack(claims, dim=1).to(learned)
    free = (1 - objects).prod(1, keepdim=True)
    classes = torch.cat([free, objects], dim=1)
    return classes / classes.sum(1, keepdim=True)
