"""What a fit tells the dock while it runs and as it ends; no Qt, no napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.gui.handle_models import HandleGeometry
from napari_isr.gui.models import ObjectRow
from napari_isr.gui.nd.current_slice import Plane

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.stroke_suggestion import StrokeSuggestion

__all__ = ["FitContour", "FitFailed", "FitFinished", "FitNeedsScribbles", "FitProgress", "News"]


@dataclass(frozen=True)
class FitProgress:
    """The fit got on; ``rows`` where the objects have become known."""

    message: str = ""
    progress: float = 0.0
    rows: tuple[ObjectRow, ...] | None = None


@dataclass(frozen=True)
class FitContour:
    """A new outline of kind ``"predictor"`` or ``"shape"``."""

    kind: str
    label: int
    contours: list[npt.NDArray[np.float64]]
    plane: Plane | None = None  # of a stack


@dataclass(frozen=True)
class FitNeedsScribbles:
    """Strokes are missing: what to draw next."""

    message: str
    rows: tuple[ObjectRow, ...]


@dataclass(frozen=True)
class FitFailed:
    """The fit ended with one sentence for the user."""

    message: str


@dataclass(frozen=True)
class FitFinished:
    """The fit ended well.

    Parameters
    ----------
    raw, isr : (H, W) integer arrays
        Masks of the predictor and of the shapes, with the objects' labels.
    rows : tuple of ObjectRow
        The rows of the table.
    result : Result
    seconds : float
        From when it was asked for.
    next_stroke : StrokeSuggestion or None
        Where another stroke helps most.
    uncertainty : (H, W) float32 array or None
        In bits; None if it was not asked for.
    found : dict
        Places of the shapes that can be dragged, by label.
    hidden : tuple of int
        Labels that are left out of the masks.
    hint : str
        What is still to be drawn for objects that were not fitted; empty if nothing is.
    shapes : dict
        The settings ``shape`` and ``own_shapes`` that it was made with.
    """

    raw: npt.NDArray[np.integer]
    isr: npt.NDArray[np.integer]
    rows: tuple[ObjectRow, ...]
    result: Result
    seconds: float
    next_stroke: StrokeSuggestion | None = None
    uncertainty: npt.NDArray[np.float32] | None = None
    found: dict[int, HandleGeometry] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    hint: str = ""
    shapes: dict[str, Any] = field(default_factory=dict)


News = FitProgress | FitContour | FitNeedsScribbles | FitFailed | FitFinished
