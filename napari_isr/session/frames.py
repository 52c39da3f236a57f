"""Frames to numbers, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_isr.errors import InputError
from napari_isr.session.files import Write, pack_tensors
from napari_isr.session.schema import CoordinateRecord, FrameRecord
from napari_isr.session.tensors import from_bytes

if TYPE_CHECKING:
    from napari_isr.frame import Frame
    from napari_isr.lifting import Coordinate

__all__ = ["frame_of", "frame_record"]

VALUES = "values"


def frame_record(frame: Frame, write: Write) -> FrameRecord:
    """What is saved of a frame; maps of further coordinates are written.

    Raises
    ------
    InputError
        If it is of a kind that a session cannot hold.
    """
    from napari_isr.frame import Frame
    from napari_isr.lifting import LiftedFrame
    from napari_isr.timeline import Timeline

    if type(frame) not in (Frame, LiftedFrame, Timeline):
        raise InputError(
            f"a session cannot hold a {type(frame).__name__}: export the masks instead"
        )
    found = []
    if isinstance(frame, LiftedFrame):
        for name, one in zip(frame.names, frame.coordinates, strict=True):
            # With missing values filled in, which is what the shape was fitted to.
            file = pack_tensors({VALUES: one.known}, write)
            found.append(
                CoordinateRecord(name=name, weight=one.weight, unit=one.unit, values_file=file)
            )
    return FrameRecord(
        shape=frame.shape,
        spacing=frame.spacing,
        coordinates=tuple(found),
        timed=isinstance(frame, Timeline),
    )


def frame_of(record: FrameRecord, read: Callable[[str], bytes]) -> Frame:
    """Make the frame again."""
    from napari_isr.frame import Frame
    from napari_isr.lifting import LiftedFrame
    from napari_isr.timeline import Timeline

    if record.timed:
        return Timeline(record.shape, record.spacing)
    if not record.coordinates:
        return Frame(record.shape, record.spacing)
    names = tuple(one.name for one in record.coordinates)
    maps = tuple(_coordinate(one, len(record.shape), read) for one in record.coordinates)
    return LiftedFrame(record.shape, record.spacing, names, maps)


def _coordinate(record: CoordinateRecord, ndim: int, read: Callable[[str], bytes]) -> Coordinate:
    from napari_isr.lifting import Coordinate

    values = from_bytes(read(record.values_file), record.values_file).get(VALUES)
    if values is None or values.dtype != np.float32 or values.ndim != ndim or not values.size:
        raise InputError(f"the map of the coordinate '{record.name}' does not fit its image")
    return Coordinate(values, record.weight, record.unit)
