"""Results to numbers, and back: masks bit by bit as they were saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.errors import InputError
from napari_isr.io.session.frames import decode_geometry, encode_geometry
from napari_isr.io.session.schema import ObjectRecord, SessionRecord
from napari_isr.io.session.shape_io import build_shape
from napari_isr.io.session.snapshot import ShapeState
from napari_isr.io.session.snapshot_io import Write, decode_array, encode_array, encode_tensors
from napari_isr.io.session.tensor_codec import from_bytes

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult, Result

__all__ = ["decode_result", "encode_result"]


def encode_result(result: Result, write: Write) -> dict[str, Any]:
    """Write masks, probabilities and conflicts, and give the fields of the record.

    Parameters
    ----------
    result : Result
    write : callable
        ``write(name, make)`` adds a part.
    """
    maps: dict[str, Any] = {}
    objects = {}
    for label, item in result.objects.items():
        maps[f"probability/{label}"] = np.asarray(item.probability, np.float32)
        if item.conflict is not None:
            maps[f"conflict/{label}"] = np.asarray(item.conflict.pixels, np.int64)
        if item.drawn is not None:
            maps[f"drawn/{label}"] = np.asarray(item.drawn, np.int64)
        objects[label] = ObjectRecord(
            spec=item.shape_name,
            mask=encode_array(item.mask, write),
            objective=item.objective,
            seconds=item.seconds,
            conflict=item.conflict.sentence if item.conflict is not None else None,
        )
    first = next(iter(result.objects.values()))
    frame = first.image_frame or first.frame
    return {
        "frame": encode_geometry(frame, write),
        "raster": None if first.frame == frame else encode_geometry(first.frame, write),
        "seed": result.seed,
        "device": result.device,
        "sources": dict(result.sources),
        "objects": objects,
        "maps_file": encode_tensors(maps, write),
    }


def decode_result(
    record: SessionRecord, shapes: Mapping[int, ShapeState], read: Callable[[str], bytes]
) -> Result | None:
    """Make the result again; None if there is none.

    Raises
    ------
    InputError
        If a part is missing or does not fit the others.
    """
    from napari_isr.results.result import Result

    if not record.objects or record.maps_file is None:
        return None
    maps = from_bytes(read(record.maps_file), record.maps_file)
    objects = {
        label: _object(label, one, record, shapes.get(label), maps, read)
        for label, one in record.objects.items()
    }
    return Result(objects, record.device, record.seed, record.sources, record.frame.shape)


def _object(
    label: int,
    one: ObjectRecord,
    record: SessionRecord,
    kept: ShapeState | None,
    maps: Mapping[str, Any],
    read: Callable[[str], bytes],
) -> ObjectResult:
    from napari_isr.results.result import ObjectResult
    from napari_isr.scribble_conflicts import ScribbleConflict

    image_frame = decode_geometry(record.frame, read)
    frame = image_frame if record.raster is None else decode_geometry(record.raster, read)
    shape = build_shape(ShapeState(one.spec, {}) if kept is None else kept, frame)
    if (kept is not None and kept.spec != one.spec) or (kept is None and shape is not None):
        raise InputError(f"the shape of object {label} is not the one that was fitted")
    probability = _map(maps, f"probability/{label}", np.float32)
    if probability.shape != frame.shape or probability.min() < 0 or probability.max() > 1:
        raise InputError(f"the probabilities of object {label} do not fit its image")
    conflict = None
    if one.conflict is not None:
        pixels = _pixels(_map(maps, f"conflict/{label}", np.int64), image_frame.shape)
        conflict = ScribbleConflict(label, pixels, one.conflict)
    drawn = None
    if f"drawn/{label}" in maps:
        drawn = _pixels(_map(maps, f"drawn/{label}", np.int64), frame.shape)
    item = ObjectResult(
        label,
        one.spec,
        shape,
        frame,
        probability,
        one.objective,
        dict(one.seconds),
        conflict,
        drawn,
        image_frame,
    )
    item.__dict__["mask"] = decode_array(one.mask, read)  # of a cached property
    return item


def _map(maps: Mapping[str, Any], name: str, dtype: type) -> Any:
    if name not in maps or maps[name].dtype != dtype:
        raise InputError(f"the part '{name}' is missing or holds something else")
    return maps[name]


def _pixels(pixels: Any, size: tuple[int, ...]) -> Any:
    """Pixel coordinates that lie in the image."""
    if pixels.ndim != 2 or pixels.shape[1] != len(size):
        raise InputError("a list of pixels has other axes than its image")
    if pixels.size and ((pixels < 0).any() or (pixels >= np.array(size)).any()):
        raise InputError("a pixel lies outside of its image")
    return pixels
