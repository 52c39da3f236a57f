"""Unaries of all objects, predicted or precomputed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from napari_isr.errors import InputError
from napari_isr.evidence import LazyEvidence, coarse_axes
from napari_isr.fitting.sequence import SequenceEvidence, sequence_evidence_from_array
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.scribbles import FIRST_OBJECT
from napari_isr.segmentation.predicted_unaries import PredictedUnaries

__all__ = ["ObjectUnaries", "PrecomputedUnaries", "validate_object_unaries"]


@dataclass(frozen=True)
class ObjectUnaries:
    """Probabilities of objects, from a predictor or as they were given.

    A given object is as it was given, whatever the others are: objects may overlap.

    Parameters
    ----------
    learned : PredictedUnaries or None
        The predictor's; None where all objects are given.
    classes : tuple of int
        Labels that the predictor knows, the background first; empty without one.
    given : mapping of int to PrecomputedUnaries
        The given objects' by label. They count also where the predictor knows the label.
    device : torch.device
        Where the evidence is wanted.
    """

    learned: PredictedUnaries | None
    classes: tuple[int, ...]
    given: Mapping[int, PrecomputedUnaries]
    device: torch.device

    def coarse(self, label: int) -> Tensor:
        """Return probabilities of an object on a coarse grid over the whole image."""
        if label in self.given:
            return self.given[label].coarse
        return self._predictor.coarse[self.classes.index(label)]

    def preview_frame(
        self, label: int, number: int
    ) -> tuple[Tensor, list[npt.NDArray[np.float64]]] | None:
        """Return preliminary probabilities (1, h, w) of an object in a frame, and their axes.

        H, w) of an object in a frame at first, see :meth:`PredictedUnaries.preview_frame`.
        """
        found = None if label in self.given else self._predictor.preview_frame(number)
        return None if found is None else (found[0][self.classes.index(label)], found[1])

    def evidence(self, label: int, fills: bool = False) -> LazyEvidence | SequenceEvidence:
        """Evidence for and against an object, for a shape that fills what is hidden or another."""
        if label in self.given:
            return self.given[label].evidence(self.device)
        return self._predictor.evidence(self.classes.index(label), fills)

    def iter_dense(
        self, raster: ImageGeometry
    ) -> Iterator[dict[int, npt.NDArray[np.float32]] | float]:
        """Yield the progress, then the probabilities of all objects at every pixel.

        Parameters
        ----------
        raster : ImageGeometry
            Whose pixels; it covers the area of the image.
        """
        found = {}
        if self.learned is not None:
            for values in self.learned.iter_dense(raster):
                if isinstance(values, float):
                    yield values
                else:
                    found = dict(zip(self.classes[1:], values[1:], strict=True))
        for label, item in self.given.items():
            found[label] = item.dense(raster)
            yield 1.0
        yield found

    @property
    def _predictor(self) -> PredictedUnaries:
        assert self.learned is not None, "an object is neither given nor learned"
        return self.learned


class PrecomputedUnaries:
    """Unaries of one object, as they were given.

    Parameters
    ----------
    values : (n1, ..., nd) array
        Probabilities or a mask, as :func:`validate_object_unaries` accepts them.
    frame : ImageGeometry
        The image.
    """

    def __init__(self, values: npt.NDArray[Any], frame: ImageGeometry) -> None:
        self.values, self.frame = values, frame

    def at(self, points: npt.NDArray[np.floating]) -> Tensor:
        """Interpolate probabilities (n,) linearly at pixel coordinates (n, d)."""
        where = np.asarray(points, dtype=np.float64).T
        found = map_coordinates(self.values, where, order=1, mode="nearest", output=np.float32)
        return torch.from_numpy(found)

    @cached_property
    def coarse(self) -> Tensor:
        """Probabilities (n1, ..., nd) at few points all over the image."""
        axes = coarse_axes(self.frame)
        values: Tensor = self.at(meshgrid_points(axes)).unflatten(0, [len(axis) for axis in axes])
        return values

    def evidence(self, device: torch.device) -> LazyEvidence | SequenceEvidence:
        """Evidence for and against the object."""
        if isinstance(self.frame, TimeSeriesGeometry):
            return sequence_evidence_from_array(self.values, self.frame, device)

        def probability(points: Tensor) -> Tensor:
            return self.at(points.cpu().numpy()).to(device)

        return LazyEvidence(probability, self.frame, self.coarse.to(device))

    def dense(self, raster: ImageGeometry) -> npt.NDArray[np.float32]:
        """Return probabilities (n1, ..., nd) of all pixels of a raster that covers the image."""
        sizes = zip(raster.shape, self.frame.shape, strict=True)
        nearest = [((2 * np.arange(n) + 1) * size) // (2 * n) for n, size in sizes]
        return self.values[np.ix_(*nearest)].astype(np.float32)


def validate_object_unaries(
    given: Mapping[int, Any] | None,
    frame: ImageGeometry,
    known: Mapping[int, PrecomputedUnaries] | None = None,
) -> dict[int, PrecomputedUnaries]:
    """Read the unaries of single objects.

    Parameters
    ----------
    given : mapping of int to array
        For each label probabilities in [0, 1] or a mask (n1, ..., nd), bool or 0 and 255.
    frame : ImageGeometry
        The image.
    known : mapping of int to PrecomputedUnaries, optional
        What was read before. An array that cannot be written to is not looked at twice.

    Returns
    -------
    dict of int to GivenMap
        By label, rising.

    Raises
    ------
    InputError
        If a label is no object's, or an array does not fit.
    """
    found = {}
    for label in sorted(given or {}):
        if label < FIRST_OBJECT:
            raise InputError(
                f"unaries are given for label {label}: labels of objects are 2, 3, ..., "
                "for 1 is the background"
            )
        array = np.asarray((given or {})[label])
        before = (known or {}).get(int(label))
        if before is not None and before.values is array and not array.flags.writeable:
            found[int(label)] = before
        else:
            found[int(label)] = PrecomputedUnaries(_checked(array, label, frame), frame)
    return found


def _checked(array: npt.NDArray[Any], label: int, frame: ImageGeometry) -> npt.NDArray[Any]:
    """Check and return probabilities or a bool mask."""
    who = f"the unaries given for object {label}"
    if array.dtype.kind not in "buif":
        raise InputError(f"{who} hold {array.dtype} values: probabilities or a mask are needed")
    if array.shape != frame.shape:
        raise InputError(
            f"{who} have the size {array.shape}, but the image has {frame.shape}: "
            "give one value for each pixel"
        )
    if array.dtype == np.uint8 and np.isin(array, (0, 255)).all():
        return array > 0
    if not np.isfinite(array).all():
        raise InputError(f"{who} hold NaN or infinite values: replace them, for example with 0.5")
    if array.min() < 0 or array.max() > 1:
        raise InputError(
            f"{who} range from {array.min():g} to {array.max():g}: probabilities in [0, 1] or "
            "a mask are needed"
        )
    return array
