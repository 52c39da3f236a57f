"""Precomputed unaries of another network or an existing mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors.base import Predictor
from napari_isr.predictors.feature_view import FeatureView

__all__ = ["PrecomputedPredictor", "validate_unaries"]

LEAST = 1e-3  # least probability of a class: a mask is taken for nearly, not for wholly sure


class PrecomputedPredictor(Predictor):
    """A predictor that learns nothing and says what it was given.

    Parameters
    ----------
    maps : (classes, n1, ..., nd) float32 tensor
        Log-probabilities of the pixels, the background first.
    """

    name = "given"

    def __init__(self, maps: Tensor) -> None:
        super().__init__(0, len(maps))
        self.register_buffer("maps", maps)
        self.maps: Tensor

    @classmethod
    def from_unaries(
        cls, given: npt.NDArray[Any], labels: Sequence[int], ndim: int
    ) -> PrecomputedPredictor:
        """Take unaries as :func:`validate_unaries` lets them pass.

        Parameters
        ----------
        given : array
            The unaries.
        labels : sequence of int
            The objects, as they are labelled in the strokes.
        ndim : int
            Number of the image's axes.

        Raises
        ------
        InputError
            If there are unaries for another number of objects, or none of a label.
        """
        objects = np.stack(_objects(given, labels, ndim)).astype(np.float32)
        classes = np.concatenate([(1 - objects).prod(axis=0, keepdims=True), objects])
        classes = np.maximum(classes, LEAST)
        return cls(torch.from_numpy(np.log(classes / classes.sum(axis=0))))

    def fit(
        self, scene: FeatureView, points: npt.NDArray[np.floating], targets: Tensor, weight: Tensor
    ) -> Iterator[float]:
        """Learn nothing; see :meth:`Predictor.fit`."""
        yield 1.0

    @torch.no_grad()
    def log_probabilities(self, scene: FeatureView, points: npt.NDArray[np.floating]) -> Tensor:
        """Log-probabilities, linear between pixels; see :meth:`Predictor.log_probabilities`."""
        return torch.log_softmax(scene.sample_grid(self.maps, points), dim=1)


def validate_unaries(given: Any, frame: ImageGeometry) -> npt.NDArray[Any]:
    """Read unaries of one or more objects.

    Parameters
    ----------
    given : array
        Probabilities in [0, 1] or a mask of one object (n1, ..., nd), the same of several
        (objects, n1, ..., nd), or a label image (n1, ..., nd) of whole numbers. Masks may be bool,
        or 0 and 255 as in image files.
    frame : ImageGeometry
        The image.

    Returns
    -------
    array

    Raises
    ------
    InputError
        If the size differs from the image's, or values are not finite or out of range.
    """
    array = np.asarray(given)
    if array.dtype.kind not in "buif":
        raise InputError(f"the unaries hold {array.dtype} values: probabilities are needed")
    if array.shape[-frame.ndim :] != frame.shape or array.ndim > frame.ndim + 1:
        raise InputError(
            f"the unaries have the size {array.shape}, but the image has {frame.shape}: "
            "give one value for each pixel, or one map for each object"
        )
    if not np.isfinite(array).all():
        raise InputError(
            "the unaries hold NaN or infinite values: replace them, for example with 0.5"
        )
    if array.dtype == np.uint8 and np.isin(array, (0, 255)).all():
        return array > 0
    labels = array.ndim == frame.ndim and array.dtype.kind in "ui"
    if array.min() < 0 or (array.max() > 1 and not labels):
        raise InputError(
            f"the unaries range from {array.min():g} to {array.max():g}: probabilities in [0, 1], "
            "a mask or a label image are needed"
        )
    return array


def _objects(given: npt.NDArray[Any], labels: Sequence[int], ndim: int) -> list[npt.NDArray[Any]]:
    """Return the probability of each object."""
    if given.ndim == ndim and given.dtype.kind in "ui" and given.max(initial=0) > 1:
        missing = [label for label in labels if not (given == label).any()]
        if missing:
            raise InputError(
                f"the label image has no pixel with the label {missing[0]}, which has strokes: "
                "use the same labels in both"
            )
        return [given == label for label in labels]
    maps = list(given) if given.ndim > ndim else [given]
    if len(maps) != len(labels):
        raise InputError(
            f"there are unaries of {len(maps)} object{'s' * (len(maps) > 1)}, but strokes of "
            f"{len(labels)}: give one map for each object, or a label image"
        )
    return maps
