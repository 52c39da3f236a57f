"""What a run of the segmenter is asked for, and the news that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError, suggest_name
from napari_isr.shapes.registry import ShapeSpec

__all__ = ["MODES", "Contours", "Update", "resolve_mode", "resolve_shape_specs"]

MODES = ("auto", "sequential", "joint")
AUTO_MODE = "sequential"
DEFAULT_SHAPE = "convex"
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


def resolve_mode(mode: str) -> str:
    """Return how predictor and shape are optimised; ``"auto"`` is the best by measurement.

    Raises
    ------
    InputError
        If the mode is unknown.
    """
    if mode not in MODES:
        raise InputError(f"unknown mode '{mode}': {suggest_name(str(mode), MODES)}")
    return AUTO_MODE if mode == "auto" else mode


def resolve_shape_specs(
    shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec], labels: Sequence[int]
) -> dict[int, ShapeSpec]:
    """One parsed shape for each label.

    Parameters
    ----------
    shapes : str, ShapeSpec or mapping
        One for all, or by label; labels that a mapping leaves out get ``convex``.
    labels : sequence of int
        The objects.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If a shape is unknown, or the mapping names a label that is no object's.
    """
    if not isinstance(shapes, Mapping):
        spec = ShapeSpec.parse(shapes)
        return dict.fromkeys(labels, spec)
    stray = sorted(set(shapes) - set(labels))
    if stray:
        raise InputError(
            f"a shape is given for label {stray[0]}, but there are only the objects "
            f"{', '.join(map(str, labels))}: draw a stroke with that label or leave it out"
        )
    return {label: ShapeSpec.parse(shapes.get(label, DEFAULT_SHAPE)) for label in labels}
