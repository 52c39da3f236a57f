"""JSON records of finished images, written atomically after their results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_isr.atomic_files import atomic_write
from napari_isr.batch.config import BatchItem, BatchSettings

__all__ = [
    "RECORDS",
    "THUMBNAILS",
    "WORK",
    "file_size",
    "file_stamp",
    "is_done",
    "read_record",
    "write_failure",
]

RECORDS, THUMBNAILS, WORK = "records", "thumbnails", ".work"  # folders in the output folder

Record = Mapping[str, Any]


def file_stamp(path: str | None) -> list[int] | None:
    """Return size and modification time of a file or of the files of a folder, or None."""
    if path is None:
        return None
    place = Path(path)
    try:
        files = [p.stat() for p in sorted(place.rglob("*"))] if place.is_dir() else [place.stat()]
    except OSError:
        return None
    return [
        len(files),
        sum(s.st_size for s in files),
        max((s.st_mtime_ns for s in files), default=0),
    ]


def read_record(out: Path, name: str) -> dict[str, Any] | None:
    """Read the record of an image, or return None if it is missing or damaged."""
    try:
        found = json.loads((out / RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_done(record: Record | None, item: BatchItem, settings: BatchSettings, out: Path) -> bool:
    """Whether an image has results of just these settings, pixels and strokes."""
    if (
        record is None
        or record.get("status") != "done"
        or record.get("settings") != settings.content_hash
    ):
        return False
    if record.get("image") != item.uri or record.get("strokes") != item.strokes:
        return False
    stamps = [file_stamp(item.path), file_stamp(item.strokes)]
    files = record.get("files")
    if record.get("stamps") != stamps or not isinstance(files, dict):
        return False
    return all(file_size(out / name) == size for name, size in files.items())


def file_size(path: Path) -> int | None:
    """Bytes of a file or of all files of a folder; None without one."""
    stamp = file_stamp(str(path))
    return None if stamp is None else stamp[1]


def write_failure(out: Path, item: BatchItem, settings: BatchSettings, error: str) -> None:
    """Note down why there are no results of an image."""
    record: dict[str, Any] = {
        "name": item.name,
        "image": item.uri,
        "strokes": item.strokes,
        "settings": settings.content_hash,
        "status": "failed",
        "error": error,
        "files": {},
    }
    with atomic_write(out / RECORDS / f"{item.name}.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
