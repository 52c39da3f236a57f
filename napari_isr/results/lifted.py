"""The certificate of one result whose shape lives in more coordinates than its image has axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_isr.certificates import Certificate, Mask, certify_lifted
from napari_isr.frame import grid_points
from napari_isr.lifting import LiftedFrame
from napari_isr.rendering.grid import ShapeLogit

__all__ = ["lifted_certificate"]


def lifted_certificate(
    logit: ShapeLogit, frame: LiftedFrame, mask: Mask, known: Mapping[str, Any]
) -> Certificate:
    """Check a mask at the lifted centres of all its pixels.

    Parameters
    ----------
    logit : ShapeLogit
        Of the shape that the mask was made from.
    frame : LiftedFrame
        Of the mask.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    known : mapping
        Centre of a star as it is reported: ``centre`` in pixels, ``further`` in units of the maps.
    """
    pixels = grid_points([np.arange(n, dtype=np.float64) for n in frame.shape])
    points = np.asarray(frame.to_shape(pixels), dtype=np.float64)
    centre = frame.point(known["centre"], known["further"]) if "centre" in known else None
    shape = logit.shape
    return certify_lifted(shape.name, shape.promise, frame.space, mask, points, logit.at, centre)
