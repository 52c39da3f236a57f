"""Unaries of all objects, predicted or precomputed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.evidence import LazyEvidence
from napari_isr.fitting.sequence import SequenceEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.segmentation.precomputed_unaries import PrecomputedUnaries
from napari_isr.segmentation.predicted_unaries import PredictedUnaries

__all__ = ["ObjectUnaries"]


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
