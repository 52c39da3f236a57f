"""Fitted shapes to numbers, and back; torch is imported when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_isr.errors import InputError
from napari_isr.session.snapshot import KeptShape

if TYPE_CHECKING:
    from napari_isr.results import Result
    from napari_isr.segmenter import Segmenter

__all__ = ["hand_over", "keep_shapes"]

log = logging.getLogger(__name__)


def keep_shapes(result: Result | None) -> dict[int, KeptShape]:
    """The fitted shapes of a result, without torch."""
    if result is None:
        return {}
    return {
        label: KeptShape(
            item.shape_name,
            {k: v.detach().cpu().numpy().copy() for k, v in item.shape.state_dict().items()},
            item.shape.explained,
        )
        for label, item in result.objects.items()
        if item.shape is not None
    }


def hand_over(kept: Mapping[int, KeptShape], segmenter: Segmenter) -> None:
    """Let the next run of a segmenter start from kept shapes.

    A shape that this version reads no more, or that has no finite weights, is fitted from nothing.
    """
    import torch

    from napari_isr.shapes.registry import ShapeSpec

    for label, one in kept.items():
        try:
            spec = ShapeSpec.parse(one.spec)
            shape = spec.build(segmenter.frame.dims, segmenter.frame)
            if shape is None:
                continue
            if not all(np.isfinite(value).all() for value in one.weights.values()):
                raise InputError("its weights are not finite")
            values = {name: torch.from_numpy(np.array(v)) for name, v in one.weights.items()}
            shape.load_state_dict(values)
        except (InputError, RuntimeError, TypeError) as error:  # torch says with both what is wrong
            log.warning("The kept shape of object %d does not fit: %s", label, error)
            continue
        shape.explained = one.explained
        segmenter.start_from(label, spec, shape)
