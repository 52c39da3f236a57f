"""Frames to numbers, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_isr.errors import InputError
from napari_isr.io.session.schema import CoordinateRecord, GeometryRecord
from napari_isr.io.session.snapshot_io import Write, encode_tensors
from napari_isr.io.session.tensor_codec import from_bytes

if TYPE_CHECKING:
    from napari_isr.geometry.coordinates import CoordinateMap
    from napari_isr.geometry.image import ImageGeometry

__all__ = ["decode_geometry", "encode_geometry"]

VALUES = "values"


def encode_geometry(frame: ImageGeometry, write: Write) -> GeometryRecord:
    """What is saved of a frame; maps of further coordinates are written.

    Raises
    ------
    InputError
        If it is of a kind that a session cannot hold.
    """
    from napari_isr.geometry.coordinates import CoordinateGeometry
    from napari_isr.geometry.image import ImageGeometry
    from napari_isr.geometry.time_series import TimeSeriesGeometry

    if type(frame) not in (ImageGeometry, CoordinateGeometry, TimeSeriesGeometry):
        raise InputError(
            f"a session cannot hold a {type(frame).__name__}: export the masks instead"
        )
    found = []
    if isinstance(frame, CoordinateGeometry):
        for name, one in zip(frame.names, frame.coordinates, strict=True):
            # With missing values filled in, which is what the shape was fitted to.
            file = encode_tensors({VALUES: one.filled_values}, write)
            found.append(
                CoordinateRecord(name=name, weight=one.weight, unit=one.unit, values_file=file)
            )
    return GeometryRecord(
        shape=frame.shape,
        spacing=frame.spacing,
        coordinates=tuple(found),
        timed=isinstance(frame, TimeSeriesGeometry),
    )


def decode_geometry(record: GeometryRecord, read: Callable[[str], bytes]) -> ImageGeometry:
    """Make the frame again."""
    from napari_isr.geometry.coordinates import CoordinateGeometry
    from napari_isr.geometry.image import ImageGeometry
    from napari_isr.geometry.time_series import TimeSeriesGeometry

    if record.timed:
        return TimeSeriesGeometry(record.shape, record.spacing)
    if not record.coordinates:
        return ImageGeometry(record.shape, record.spacing)
    names = tuple(one.name for one in record.coordinates)
    maps = tuple(_coordinate(one, len(record.shape), read) for one in record.coordinates)
    return CoordinateGeometry(record.shape, record.spacing, names, maps)


def _coordinate(record: CoordinateRecord, ndim: int, read: Callable[[str], bytes]) -> CoordinateMap:
    from napari_isr.geometry.coordinates import CoordinateMap

    values = from_bytes(read(record.values_file), record.values_file).get(VALUES)
    if values is None or values.dtype != np.float32 or values.ndim != ndim or not values.size:
        raise InputError(f"the map of the coordinate '{record.name}' does not fit its image")
    return CoordinateMap(values, record.weight, record.unit)
