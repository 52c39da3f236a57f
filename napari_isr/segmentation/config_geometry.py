"""Geometry of an image with the settings of a configuration."""

from __future__ import annotations

from napari_isr.config import SegmentationConfig
from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import CoordinateMap, Coordinates, with_coordinates
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import make_geometry

__all__ = ["geometry_from_config"]


def geometry_from_config(
    config: SegmentationConfig, shape: tuple[int, ...], coordinates: Coordinates | None
) -> ImageGeometry:
    """Make the geometry of an image.

    Parameters
    ----------
    config : SegmentationConfig
        Axes, spacing, and weights and units of further coordinates.
    shape : tuple of int
        Size of the image without channels.
    coordinates : mapping of str to array or CoordinateMap, optional
        Values of the further coordinates, keyed by name. The options of the configuration apply
        to arrays; a :class:`CoordinateMap` has its own.

    Raises
    ------
    InputError
        If spacing or coordinates do not fit the image.
    """
    values = dict(coordinates or {})
    for name, options in config.coordinates.items():
        if name not in values:
            raise InputError(
                f"the configuration has a coordinate '{name}' without values: pass them with "
                "coordinates={...}"
            )
        if not isinstance(array := values[name], CoordinateMap):
            values[name] = CoordinateMap(array, options.weight, options.unit)  # type: ignore[arg-type]
    return with_coordinates(make_geometry(shape, config.spacing, config.axes), values or None)
