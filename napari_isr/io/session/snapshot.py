"""The work on one image at one moment, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.io.session.schema import ImageReference

__all__ = ["ShapeState", "Snapshot"]


@dataclass(frozen=True)
class ShapeState:
    """A fitted shape, without torch.

    Parameters
    ----------
    spec : str
        Its name and options, as :meth:`napari_isr.shapes.ShapeSpec.parse` reads them.
    weights : mapping of str to array
        Its parameters and buffers, by the names of its ``state_dict``.
    explained : float, optional
        Part of the evidence that its last fit explained.
    """

    spec: str
    weights: Mapping[str, npt.NDArray[Any]]
    explained: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The work on one image at one moment.

    Parameters
    ----------
    image : ImageReference
        Which image.
    strokes : (H, W) integer array, optional
        0 unlabelled, 1 background, 2, 3, ... objects.
    strokes_name : str, optional
        Of the stroke layer.
    settings : mapping, optional
        What the user chose, as JSON has it.
    given : mapping of int to (H, W) array, optional
        Masks or probabilities of objects that were not drawn.
    shapes : mapping of int to ShapeState, optional
        The fitted shapes.
    saved : datetime, optional
        When it was made, with a time zone.
    """

    image: ImageReference
    strokes: npt.NDArray[np.integer] | None = None
    strokes_name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[int, npt.NDArray[Any]] = field(default_factory=dict)
    shapes: Mapping[int, ShapeState] = field(default_factory=dict)
    saved: datetime = field(default_factory=lambda: datetime.now(UTC))
