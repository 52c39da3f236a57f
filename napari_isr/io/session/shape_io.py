"""Fitted shapes to numbers, and back; torch is imported when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_isr.errors import IncompatibleShapeError, InputError
from napari_isr.io.session.snapshot import ShapeState

if TYPE_CHECKING:
    from napari_isr.geometry.image import ImageGeometry
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.shapes.base import Shape

__all__ = ["build_shape", "export_shape_states", "restore_shape_states"]

log = logging.getLogger(__name__)

OLD = (
    "its sequence was fitted by an earlier version, whose shapes had another form: strokes and "
    "settings are there, fit it again"
)


def export_shape_states(result: Result | None) -> dict[int, ShapeState]:
    """The fitted shapes of a result, without torch."""
    if result is None:
        return {}
    return {
        label: ShapeState(
            item.shape_name,
            {k: v.detach().cpu().numpy().copy() for k, v in item.shape.state_dict().items()},
            item.shape.explained_fraction,
        )
        for label, item in result.objects.items()
        if item.shape is not None
    }


def restore_shape_states(kept: Mapping[int, ShapeState], segmenter: Segmenter) -> None:
    """Let the next run of a segmenter start from kept shapes.

    A shape that this version reads no more, or that has no finite weights, is fitted from nothing.
    """
    from napari_isr.shapes.registry import ShapeSpec

    for label, one in kept.items():
        try:
            shape = build_shape(one, segmenter.frame)
        except InputError as error:
            log.warning("The kept shape of object %d does not fit: %s", label, error)
            continue
        if shape is not None:
            segmenter.warm_start(label, ShapeSpec.parse(one.spec), shape)


def build_shape(kept: ShapeState, frame: ImageGeometry) -> Shape | None:
    """Make the shape again; None for ``none``.

    Raises
    ------
    InputError
        If this version reads it no more, or its weights do not fit or are not finite; of a shape
        that moves an OldShapeError, for those had other forms.
    """
    import torch

    from napari_isr.shapes.registry import ShapeSpec
    from napari_isr.shapes.time_varying import TimeVaryingShape

    shape = ShapeSpec.parse(kept.spec).build(frame.n_coordinates, frame)
    if shape is None:
        return None
    try:
        values = {name: torch.from_numpy(np.array(v)) for name, v in kept.weights.items()}
        shape.load_state_dict(values)
    except (RuntimeError, TypeError):  # torch says with both, in many lines, what is wrong
        if isinstance(shape, TimeVaryingShape):
            raise IncompatibleShapeError(OLD) from None
        raise InputError(f"the weights are not those of a shape '{kept.spec}'") from None
    # Looked at here, for a large number may be none any more in single precision.
    if not all(bool(torch.isfinite(value).all()) for value in shape.state_dict().values()):
        raise InputError(f"the weights of a shape '{kept.spec}' are not finite")
    shape.explained_fraction = kept.explained
    return shape
