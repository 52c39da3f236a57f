"""A snapshot as a folder of files: JSON, pictures, tensors."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError
from napari_isr.io.session.label_codec import decode_labels, encode_labels
from napari_isr.io.session.schema import LabelImageRecord, ShapeRecord, SnapshotRecord
from napari_isr.io.session.snapshot import ShapeState, Snapshot
from napari_isr.io.session.tensor_codec import content_filename, from_bytes, to_bytes

__all__ = [
    "NAME",
    "decode_array",
    "decode_snapshot",
    "encode_array",
    "encode_snapshot",
    "encode_tensors",
    "from_json",
    "load",
    "read_record",
    "save",
    "to_json",
]

log = logging.getLogger(__name__)

NAME = "snapshot.json"
FORMAT = "napari-isr snapshot"
MOST_JSON = 2**26  # bytes

AnyRecord = TypeVar("AnyRecord", bound=SnapshotRecord)
Write = Callable[[str, Callable[[], bytes]], None]  # a file's name, and how to make its content


def save(snapshot: Snapshot, folder: Path | str, name: str = NAME) -> Path:
    """Write a snapshot; it is there whole or not at all.

    Parameters
    ----------
    snapshot : Snapshot
    folder : path
        Made if it is not there. Files of other snapshots in it stay, and are shared.
    name : str, optional
        Of the JSON file, which is written last.

    Returns
    -------
    Path
        The JSON file.

    Raises
    ------
    InputError
        If the folder cannot be written to, or the strokes hold negative labels.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"'{folder}' cannot be made: {error.strerror or error}") from error

    def write(name: str, make: Callable[[], bytes]) -> None:
        if not (folder / name).exists():
            _write(folder / name, make())

    _write(folder / name, to_json(encode_snapshot(snapshot, write), FORMAT))
    return folder / name


def load(folder: Path | str, name: str = NAME, *, forgiving: bool = False) -> Snapshot:
    """Read a snapshot.

    Parameters
    ----------
    folder : path
    name : str, optional
        Of the JSON file.
    forgiving : bool, optional
        Leave out shapes and given masks whose files are broken; strokes are whole in any case.

    Returns
    -------
    Snapshot

    Raises
    ------
    InputError
        If a file is missing, broken or of a later version.
    """
    folder = Path(folder)
    record = read_record(folder / name)
    return decode_snapshot(record, lambda file: _read(folder / file), forgiving=forgiving)


def decode_snapshot(
    record: SnapshotRecord, read: Callable[[str], bytes], *, forgiving: bool = False
) -> Snapshot:
    """Make the snapshot that a record and its files hold.

    :func:`load_vit_weights` says the rest.
    """
    given: dict[int, npt.NDArray[Any]] = {}
    shapes: dict[int, ShapeState] = {}
    for label, picture in record.given.items():
        try:
            given[label] = decode_array(picture, read)
        except InputError as error:
            if not forgiving:
                raise
            log.warning("The given mask of object %d is lost: %s", label, error)
    try:
        shapes = _shapes(record, read)
    except InputError as error:
        if not forgiving:
            raise
        log.warning("The fitted shapes are lost: %s", error)
    return Snapshot(
        record.image,
        None if record.strokes is None else decode_array(record.strokes, read),
        record.strokes_name,
        record.settings,
        given,
        shapes,
        record.saved,
    )


def read_record(path: Path) -> SnapshotRecord:
    """Read the JSON file of a snapshot, and nothing of its other files.

    Raises
    ------
    InputError
        If it is missing, broken or of a later version.
    """
    return from_json(_read(path, MOST_JSON), str(path), FORMAT, SnapshotRecord)


def to_json(record: SnapshotRecord, kind: str) -> bytes:
    """A record as the content of a file, with a hash by which damage is seen."""
    content = json.dumps(record.model_dump(mode="json"), sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f'{{"format": "{kind}", "sha256": "{digest}", "content": {content}}}\n'.encode()


def from_json(content: bytes, path: str, kind: str, model: type[AnyRecord]) -> AnyRecord:
    """Read what :func:`to_json` made.

    Raises
    ------
    InputError
        If it is broken or of a later version.
    """
    try:
        outer = json.loads(content)
        inner, digest, found = outer["content"], outer["sha256"], outer["format"]
        whole = json.dumps(inner, sort_keys=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"'{path}' is broken: it is no {kind.split()[-1]} of napari-isr") from None
    if found != kind or hashlib.sha256(whole.encode(errors="replace")).hexdigest() != digest:
        raise InputError(f"'{path}' is broken: it is not what was saved")
    try:
        return model.model_validate(inner)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("version",):
            raise InputError(
                f"'{path}' is of another version: update napari-isr to open it"
            ) from None
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"'{path}' is broken: {where or 'content'}: {first['msg']}") from None


def encode_snapshot(snapshot: Snapshot, write: Write) -> SnapshotRecord:
    """Write all that belongs to a snapshot but its JSON file, and give what stands in that."""
    weights = {
        f"{label}/{name}": value
        for label, shape in snapshot.shapes.items()
        for name, value in shape.weights.items()
    }
    strokes = snapshot.strokes
    return SnapshotRecord(
        saved=snapshot.saved,
        image=snapshot.image,
        strokes=None if strokes is None else encode_labels(strokes, write),
        strokes_name=snapshot.strokes_name,
        settings=dict(snapshot.settings),
        given={label: encode_array(array, write) for label, array in snapshot.given.items()},
        shapes={
            k: ShapeRecord(spec=s.spec, explained=s.explained) for k, s in snapshot.shapes.items()
        },
        shapes_file=encode_tensors(weights, write) if weights else None,
    )


def encode_array(array: Any, write: Write) -> LabelImageRecord:
    """Write labels or a mask as pictures, fractions as a tensor."""
    if array.dtype.kind != "f":
        return encode_labels(array, write)
    name = encode_tensors({"values": np.asarray(array)}, write)
    return LabelImageRecord(shape=array.shape, dtype=array.dtype.str[1:], tensor=name)


def encode_tensors(tensors: dict[str, Any], write: Write) -> str:
    """Write arrays to one file, and give its name."""
    content = to_bytes(tensors)
    name = content_filename(content)
    write(name, lambda: content)
    return name


def decode_array(record: LabelImageRecord, read: Callable[[str], bytes]) -> npt.NDArray[Any]:
    """Read what :func:`encode_array` wrote."""
    if record.tensor is None:
        if record.dtype.startswith("f"):
            raise InputError("a probability map has no file")
        return decode_labels(record, read)
    values = from_bytes(read(record.tensor), record.tensor).get("values")
    if values is None or values.shape != record.shape or values.dtype.str[1:] != record.dtype:
        raise InputError(f"the file '{record.tensor}' holds something else than was saved")
    return values


def _shapes(record: SnapshotRecord, read: Callable[[str], bytes]) -> dict[int, ShapeState]:
    if record.shapes_file is None:
        return {}
    weights: dict[int, dict[str, Any]] = {label: {} for label in record.shapes}
    for key, value in from_bytes(read(record.shapes_file), record.shapes_file).items():
        label, _, name = key.partition("/")
        if label.isdecimal() and int(label) in weights:
            weights[int(label)][name] = value
    return {
        label: ShapeState(shape.spec, weights[label], shape.explained)
        for label, shape in record.shapes.items()
    }


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as beside, beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave a name without its content


def _read(path: Path, most: int | None = None) -> bytes:
    try:
        if most is not None and path.stat().st_size > most:
            raise InputError(f"'{path}' is too large for a snapshot")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from None
