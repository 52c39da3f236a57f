"""Encoding of results, geometries and fitted shapes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_isr.errors import IncompatibleShapeError, InputError
from napari_isr.io.session.label_codec import from_bytes
from napari_isr.io.session.schema import (
    CoordinateRecord,
    GeometryRecord,
    ObjectRecord,
    SessionRecord,
    ShapeState,
)
from napari_isr.io.session.snapshot_io import Write, decode_array, encode_array, encode_tensors

if TYPE_CHECKING:
    from napari_isr.geometry.coordinates import CoordinateMap
    from napari_isr.geometry.image import ImageGeometry
    from napari_isr.results.result import ObjectResult, Result
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.shapes.base import Shape

__all__ = [
    "build_shape",
    "decode_geometry",
    "decode_result",
    "encode_geometry",
    "encode_result",
    "export_shape_states",
    "restore_shape_states",
]

VALUES = "values"
log = logging.getLogger(__name__)
OLD = (
    "its sequence was fitted by an earlier version, whose shapes had another form: strokes and "
    "settings are there, fit it again"
)


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
    """Return the pixel coordinates that lie in the image."""
    if pixels.ndim != 2 or pixels.shape[1] != len(size):
        raise InputError("a list of pixels has other axes than its image")
    if pixels.size and ((pixels < 0).any() or (pixels >= np.array(size)).any()):
        raise InputError("a pixel lies outside of its image")
    return pixels


def encode_geometry(frame: ImageGeometry, write: Write) -> GeometryRecord:
    """Encode a geometry, and write the maps of its extra coordinates.

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


def export_shape_states(result: Result | None) -> dict[int, ShapeState]:
    """Return the fitted shapes of a result as arrays, without torch."""
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
    """Warm-start the next run of a segmenter with stored shapes.

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
