"""Predictors: pixel classifiers trained on scribbles."""

from __future__ import annotations

from napari_isr.errors import InputError, suggest_name
from napari_isr.predictors.base import PixelClassifier, Predictor
from napari_isr.predictors.conv_base import Cnn, UNet
from napari_isr.predictors.feature_view import FeatureView
from napari_isr.predictors.logistic_regression import LogisticRegression
from napari_isr.predictors.mlp import MlpEnsemble
from napari_isr.predictors.precomputed import PrecomputedPredictor

__all__ = [
    "AUTO",
    "Cnn",
    "FeatureView",
    "LogisticRegression",
    "MlpEnsemble",
    "PixelClassifier",
    "PrecomputedPredictor",
    "Predictor",
    "UNet",
    "make_predictor",
    "predictor_names",
    "resolve_predictor_name",
]

AUTO = "linear"
_PREDICTORS: dict[str, type[Predictor]] = {
    cls.name: cls for cls in (LogisticRegression, MlpEnsemble, Cnn, UNet)
}


def predictor_names() -> list[str]:
    """Return the names of the predictors."""
    return list(_PREDICTORS)


def resolve_predictor_name(name: str) -> str:
    """Return the name of a known predictor; ``"auto"`` is the best by measurement.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    key = AUTO if name == "auto" else str(name).strip().lower()
    if key not in _PREDICTORS:
        raise InputError(f"unknown predictor '{name}': {suggest_name(key, ['auto', *_PREDICTORS])}")
    return key


def make_predictor(name: str, inputs: int, classes: int, seed: int = 0) -> Predictor:
    """Make a predictor by name, as :func:`resolve_predictor_name` reads it."""
    return _PREDICTORS[resolve_predictor_name(name)](inputs, classes, seed)
