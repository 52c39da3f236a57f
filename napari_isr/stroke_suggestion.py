"""Suggestion of the most informative next stroke."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

__all__ = ["StrokeSuggestion", "binary_entropy", "elementwise_max", "suggest_stroke"]

CELLS = 65_536  # at most that many are looked at
REACH = 0.02  # of the image's diagonal: a stroke tells about its neighbourhood
LEAST = 0.02  # of the score, which is 1 where all is open: less is nothing to ask for

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StrokeSuggestion:
    """A place where one more stroke would tell most about one object.

    Parameters
    ----------
    label : int
        The object.
    point : tuple of float
        Pixel coordinates (row, column), depth or time first where there is one.
    score : float
        From 0 (all is clear) to 1.
    predictor, shape : bool
        Whether the point lies in the object by the predictor, and by the shape.
    """

    label: int
    point: tuple[float, ...]
    score: float
    predictor: bool
    shape: bool

    @property
    def message(self) -> str:
        """Suggestion and its reason for the user."""
        where = ", ".join(f"{x:.0f}" for x in self.point)
        if self.predictor == self.shape:
            why = "it could be either"
        else:
            sides = ("in", "out") if self.predictor else ("out", "in")
            why = f"the predictor says {sides[0]}side, the shape says {sides[1]}side"
        return f"the next stroke of object {self.label} helps most at ({where}): {why}"

    sentence = message  # Name in version 0.1.0.

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``report.json``."""
        return {
            "point": [round(x, 2) for x in self.point],
            "score": round(self.score, 4),
            "sentence": self.message,
        }


def elementwise_max(maps: Iterable[Values]) -> Values:
    """Return the largest value of several maps at each pixel."""
    found: Values = np.maximum.reduce(list(maps))
    return found


def binary_entropy(probability: npt.NDArray[np.floating]) -> Values:
    """Binary entropy of probabilities, in bits: 0 where all is clear, 1 where nothing is.

    Parameters
    ----------
    probability : array
        Of the foreground, in [0, 1].

    Returns
    -------
    float32 array of the same shape
    """
    p = np.clip(np.asarray(probability, np.float32), 1e-7, 1 - 1e-7)
    entropy: Values = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return entropy


def suggest_stroke(
    label: int,
    probability: npt.NDArray[np.floating],
    mask: npt.NDArray[np.bool_],
    drawn: npt.NDArray[np.integer] | None = None,
) -> StrokeSuggestion | None:
    """Find the place where predictor and shape disagree most, and the predictor is least sure.

    The disagreement of the probability with the mask, times the probability's uncertainty, is
    summed over the neighbourhood that a stroke tells about; the place with the largest sum wins.

    Parameters
    ----------
    label : int
        The object.
    probability : (n1, ..., nd) array
        Of the foreground, by the predictor.
    mask : (n1, ..., nd) bool array
        The shape's.
    drawn : (m, d) array of int, optional
        Pixels with strokes, where nothing is left to ask.

    Returns
    -------
    NextStroke or None
        None where everything is clear.
    """
    step = math.ceil((probability.size / CELLS) ** (1 / probability.ndim))
    every = tuple(slice(step // 2 if n > step else 0, None, step) for n in probability.shape)
    p, inside = np.asarray(probability[every], np.float32), mask[every]
    score = np.abs(inside - p) * binary_entropy(p)
    known = tuple(np.minimum(drawn // step, np.array(p.shape) - 1).T) if drawn is not None else ()
    if known:
        score[known] = 0
    reach = max(1.0, REACH * math.hypot(*score.shape))
    score = gaussian_filter(score, reach, mode="constant")
    if known:
        score[known] = 0
    best = np.unravel_index(int(score.argmax()), score.shape)
    # The largest disagreement with no certainty at all is 0.5.
    found = min(1.0, 2 * float(score[best]))
    if found < LEAST:
        return None
    point = tuple(float(i * s.step + (s.start or 0)) for i, s in zip(best, every, strict=True))
    return StrokeSuggestion(label, point, found, bool(p[best] > 0.5), bool(inside[best]))
