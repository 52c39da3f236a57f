"""Events of a fit, from its thread to the presenter; no Qt, no napari."""

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
    """Progress of the fit. ``rows`` is set once the objects are known."""

    message: str = ""
    progress: float = 0.0
    rows: tuple[ObjectRow, ...] | None = None


@dataclass(frozen=True)
class FitContour:
    """New contours of kind ``"predictor"`` or ``"shape"``."""

    kind: str
    label: int
    contours: list[npt.NDArray[np.float64]]
    plane: Plane | None = None  # slice of a stack that they lie in


@dataclass(frozen=True)
class FitNeedsScribbles:
    """Scribbles are missing. The message is a hint about the next stroke."""

    message: str
    rows: tuple[ObjectRow, ...]


@dataclass(frozen=True)
class FitFailed:
    """The fit failed. The message is one sentence for the user."""

    message: str


@dataclass(frozen=True)
class FitFinished:
    """The fit succeeded.

    Parameters
    ----------
    raw, isr : (H, W) integer arrays
        Label images of the masks of the predictor and of the shapes.
    rows : tuple of ObjectRow
        Rows of the table.
    result : Result
    seconds : float
        Seconds since the request.
    next_stroke : StrokeSuggestion or None
        Suggested next stroke.
    uncertainty : (H, W) float32 array or None
        Entropy in bits, or None if it was not requested.
    found : dict
        Positions of draggable handles, keyed by label.
    hidden : tuple of int
        Labels that the label images leave out.
    hint : str
        Hint about missing scribbles of objects that were not fitted, or empty.
    shapes : dict
        The settings ``shape`` and ``own_shapes`` of the fit.
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
