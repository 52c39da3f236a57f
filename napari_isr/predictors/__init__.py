"""Predictors: pixel classifiers trained on the strokes only, all of one interface."""

from __future__ import annotations

from napari_isr.errors import InputError, nearest
from napari_isr.predictors.base import PointPredictor, Predictor
from napari_isr.predictors.cnn import Cnn
from napari_isr.predictors.fcn import Fcn
from napari_isr.predictors.given import Given
from napari_isr.predictors.linear import Linear
from napari_isr.predictors.scene import Scene
from napari_isr.predictors.unet import UNet

__all__ = [
    "AUTO",
    "Cnn",
    "Fcn",
    "Given",
    "Linear",
    "PointPredictor",
    "Predictor",
    "Scene",
    "UNet",
    "make_predictor",
    "parse_predictor",
    "predictor_names",
]

AUTO = "linear"
_PREDICTORS: dict[str, type[Predictor]] = {cls.name: cls for cls in (Linear, Fcn, Cnn, UNet)}


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


def make_predictor(name: str, inputs: int, classes: int, seed: int = 0) -> Predictor:
    """Make a predictor by name, as :func:`parse_predictor` reads it."""
    return _PREDICTORS[parse_predictor(name)](inputs, classes, seed)
