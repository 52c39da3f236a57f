"""Certificate of a result with extra coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_isr.certificates import Certificate, Mask, certify_coordinates
from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.geometry.coordinates import CoordinateGeometry
from napari_isr.geometry.image import meshgrid_points
from napari_isr.rendering.rasterize import ShapeLogit

__all__ = ["certify_in_coordinates"]


def certify_in_coordinates(
    logit: ShapeLogit, frame: CoordinateGeometry, mask: Mask, known: Mapping[str, Any]
) -> Certificate:
    """Check a mask at the lifted centres of all its pixels.

    Parameters
    ----------
    logit : ShapeLogit
        Of the shape that the mask was made from.
    frame : CoordinateGeometry
        Of the mask.
    mask : (n1, ..., nd) bool array
        The exported pixels.
    known : mapping
        Centre of a star as it is reported: ``centre`` in pixels, ``further`` in units of the maps.
    """
    pixels = meshgrid_points([np.arange(n, dtype=np.float64) for n in frame.shape])
    points = np.asarray(frame.to_normalized(pixels), dtype=np.float64)
    center = (
        frame.to_normalized_point(known[CENTER_KEY], known["further"])
        if CENTER_KEY in known
        else None
    )
    shape = logit.shape
    return certify_coordinates(
        shape.name,
        shape.guarantee,
        frame.space,
        mask,
        points,
        logit.at_normalized,
        center,
        shape.description.certificate_checks,
    )
