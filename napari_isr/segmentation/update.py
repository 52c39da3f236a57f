"""Updates of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Contours", "Update"]

Contours = list[npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Update:
    """News of a running segmentation.

    Parameters
    ----------
    stage : {"features", "predictor", "projection", "render", "done"}
        What is going on.
    progress : float
        Of the whole run, 0 to 1, never falling.
    label : int, optional
        The object that the update is about.
    predictor_contours, contours : list of (n, 2) arrays, optional
        The object's outline by the predictor and by its shape, whenever one is new: (row,
        column). Of a stack in the plane of :meth:`napari_isr.Segmenter.set_view_plane`, if one was
        named.
    """

    stage: Literal["features", "predictor", "projection", "render", "done"]
    progress: float
    label: int | None = None
    predictor_contours: Contours | None = None
    contours: Contours | None = None
