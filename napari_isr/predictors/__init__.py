"""Predictors: pixel classifiers trained on the strokes only, all of one interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from napari_isr.errors import InputError, nearest
from napari_isr.predictors.fcn import Fcn

__all__ = ["AUTO", "Fcn", "Predictor", "make_predictor", "parse_predictor", "predictor_names"]

AUTO = "fcn"
_PREDICTORS = {cls.name: cls for cls in (Fcn,)}


class Predictor(Protocol):
    """What the rest of the package asks of a predictor."""

    name: str
    classes: int

    def predict(self, features: Tensor) -> Tensor:
        """Probabilities (n, classes) of features (n, inputs)."""

    def fit(self, features: Tensor, labels: Tensor) -> Iterator[float]:
        """Train on features (n, inputs) and classes (n,); yield progress from 0 to 1."""


def predictor_names() -> list[str]:
    """Names of the predictors."""
    return list(_PREDICTORS)


def parse_predictor(name: str) -> str:
    """Return the name of a known predictor; ``"auto"`` is the best by measurement.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    key = AUTO if name == "auto" else str(name).strip().lower()
    if key not in _PREDICTORS:
        raise InputError(f"unknown predictor '{name}': {nearest(key, ['auto', *_PREDICTORS])}")
    return key


def make_predictor(name: str, inputs: int, classes: int, seed: int = 0) -> Fcn:
    """Make a predictor by name, as :func:`parse_predictor` reads it."""
    return _PREDICTORS[parse_predictor(name)](inputs, classes, seed)
