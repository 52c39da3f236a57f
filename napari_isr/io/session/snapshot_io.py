"""Snapshots as folders or zip files of JSON, label images and tensors."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from napari_isr.atomic_files import ZIP_EPOCH, atomic_write
from napari_isr.errors import InputError
from napari_isr.io.session.content_hash import DIGEST
from napari_isr.io.session.label_codec import (
    content_filename,
    decode_labels,
    encode_labels,
    from_bytes,
    to_bytes,
)
from napari_isr.io.session.schema import (
    LabelImageRecord,
    ShapeRecord,
    ShapeState,
    Snapshot,
    SnapshotRecord,
)

__all__ = [
    "MAIN",
    "NAME",
    "decode_array",
    "decode_snapshot",
    "encode_array",
    "encode_snapshot",
    "encode_tensors",
    "from_json",
    "load",
    "open_reader",
    "open_writer",
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
MAIN = "session.json"
PART = re.compile(rf"{DIGEST}\.(png|safetensors)")
MOST_PARTS = 100_000
RIGHTS = 0o644 << 16
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1
Read = Callable[[str], bytes]


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

    Errors and ``forgiving`` are those of :func:`load`.
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
    """Encode a record as the content of a file, with a hash that reveals damage."""
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


@contextmanager
def open_writer(path: Path) -> Iterator[Write]:
    """Give a function that adds parts, each once; the file is there whole or not at all."""
    with (
        atomic_write(path) as beside,
        beside.open("wb") as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        known: set[str] = set()

        def write(name: str, make: Callable[[], bytes]) -> None:
            if name in known:
                return
            known.add(name)
            part = zipfile.ZipInfo(name, ZIP_EPOCH)
            part.external_attr = RIGHTS
            part.compress_type = KINDS[not name.endswith(".png")]  # which is packed already
            archive.writestr(part, make(), compresslevel=6)

        yield write


@contextmanager
def open_reader(path: Path, most_bytes: int) -> Iterator[Read]:
    """Give a function that reads parts by name.

    Parameters
    ----------
    path : Path
    most_bytes : int
        That all parts together may have.

    Raises
    ------
    InputError
        If this is no file of a session, or it holds something else than a session's parts.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = _checked(archive, path, most_bytes)

            def read(name: str) -> bytes:
                if name not in parts:
                    raise InputError(f"'{path}' is broken: its part '{name}' is missing")
                return _read_part(archive, parts[name], path)

            yield read
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, IndexError):
        raise InputError(f"'{path}' is no session of napari-isr, or it is damaged") from None


def _checked(archive: zipfile.ZipFile, path: Path, most_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Return the parts keyed by name, if all of them belong to a session."""
    found: dict[str, zipfile.ZipInfo] = {}
    total = 0
    listed = archive.infolist()
    if len(listed) > MOST_PARTS:
        raise InputError(f"'{path}' is no session of napari-isr: it has {len(listed)} parts")
    for part in listed:
        name = part.orig_filename
        if name != MAIN and not PART.fullmatch(name):
            raise InputError(
                f"'{path}' is no session of napari-isr: it holds the part {name[:80]!r}, "
                "which no session has"
            )
        if name in found:
            raise InputError(f"'{path}' is broken: it holds the part '{name}' twice")
        if part.flag_bits & ENCRYPTED or part.compress_type not in KINDS:
            raise InputError(f"'{path}' is broken: its part '{name}' is not packed as it was saved")
        found[name] = part
        total += part.file_size
    if total > most_bytes:
        raise InputError(
            f"'{path}' would need {total / 2**30:.1f} GB of memory, more than "
            f"{most_bytes / 2**30:.1f} GB: if you trust it, raise most_bytes"
        )
    if MAIN not in found:
        raise InputError(f"'{path}' is no session of napari-isr: its part '{MAIN}' is missing")
    return found


def _read_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> bytes:
    try:
        with archive.open(part) as file:
            content = file.read(part.file_size + 1)
    except Exception:  # damage makes zipfile and zlib raise almost anything
        raise InputError(
            f"'{path}' is damaged: its part '{part.filename}' cannot be read"
        ) from None
    if len(content) != part.file_size:
        raise InputError(f"'{path}' is damaged: its part '{part.filename}' has another size")
    return content
