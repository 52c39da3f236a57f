"""Data model of samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sample"]


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with strokes drawn on it, ready to be segmented.

    Attributes
    ----------
    name : str
        Key of the sample in :data:`napari_isr.data.SAMPLES`.
    title : str
        One line for people, e.g. a menu entry.
    image : (H, W) or (H, W, 3) ndarray of uint8
        Grey or RGB picture.
    scribbles : (H, W) ndarray of uint8
        Strokes: 0 unlabelled, 1 background, 2, 3, … objects.
    truth : dict of int to (H, W) ndarray of bool, or None
        Each object's label -> its whole mask, occluded parts included. None where nobody knows it.
    shapes : dict of int to str
        Each object's label -> the shape that suits it, e.g. ``{2: "convex"}``.
    coordinates : dict of str to (H, W) ndarray
        Maps that are further coordinates, such as depth; mostly none.
    """

    name: str
    title: str
    image: NDArray[np.uint8]
    scribbles: NDArray[np.uint8]
    truth: dict[int, NDArray[np.bool_]] | None
    shapes: dict[int, str]
    coordinates: dict[str, NDArray[np.float32]] = field(default_factory=dict)
