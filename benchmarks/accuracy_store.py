"""Finished measurements in a CSV file, so that a run can be stopped and goes on where it was."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

__all__ = ["Record", "Store"]


@dataclass(frozen=True)
class Record:
    """One measurement: of one method, on one object, with the strokes of one person.

    ``kind`` is ``mask`` (``iou`` of one segmentation), ``oracle`` (``iou`` of the shape fitted to
    the truth) or ``strokes`` (``strokes`` until the mask is right, ``iou`` of the last mask).
    ``seconds`` is CPU time: of the whole segmentation, or of one update.
    """

    kind: str
    set: str
    id: str
    who: str
    half: str
    shape: str
    method: str
    iou: float
    strokes: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return self.kind, self.set, self.id, self.who, self.method


class Store:
    """Measurements of this run and of those that wrote to the same file before.

    Parameters
    ----------
    path : Path or None
        The file; None keeps them in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.records: dict[tuple[str, ...], Record] = {}
        if path is not None and path.is_file():
            self.records = {record.key: record for record in self._read(path)}
            if not path.read_text().endswith("\n"):
                self._append([])  # ends a line that was cut off
        elif path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append([field.name for field in fields(Record)])

    def add(self, record: Record) -> None:
        """Keep a measurement, in the file at once."""
        record = replace(record, iou=round(record.iou, 5), seconds=round(record.seconds, 4))
        self.records[record.key] = record
        self._append(list(asdict(record).values()))

    def _append(self, row: list) -> None:
        if self.path is not None:
            with self.path.open("a", newline="") as file:
                csv.writer(file).writerow(row)

    @staticmethod
    def _read(path: Path) -> Iterator[Record]:
        """Rows of a file; a last line that was cut off while it was written is left out."""
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if None in row or None in row.values():
                    continue
                text = {name: row[name] for name in ("kind", "set", "id", "who", "half", "shape")}
                yield Record(
                    **text,
                    method=row["method"],
                    iou=float(row["iou"]),
                    strokes=int(row["strokes"]),
                    seconds=float(row["seconds"]),
                    error=row["error"],
                )
