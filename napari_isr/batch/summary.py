"""The summary as CSV: one line for each object of each image."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_isr.atomic_files import atomic_write

__all__ = ["COLUMNS", "summary_rows", "write_summary"]

COLUMNS = (
    "image",
    "name",
    "status",
    "object",
    "object_name",
    "shape",
    "area",
    "agreement",
    "certificate",
    "proof",
    "conflict",
    "seconds",
    "error",
)


def summary_rows(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Lines of one image: one for each object, or one that says why there is none.

    Parameters
    ----------
    record : mapping
        As :func:`napari_isr.batch.records.read_record` reads it.

    Yields
    ------
    dict
        With the keys :data:`COLUMNS`; ``agreement`` is the intersection over union of shape and
        predictor, ``area`` in units of the spacing.
    """
    about = {
        "image": record["image"],
        "name": record["name"],
        "status": record["status"],
        "seconds": record.get("seconds"),
        "error": record.get("error", ""),
    }
    objects = record.get("report", {}).get("objects", {})
    if not objects:
        yield dict.fromkeys(COLUMNS) | about
    for label, item in objects.items():
        certificate, conflict = item["certificate"], item["conflict"]
        promised = item["shape"] != "none"
        yield (
            dict.fromkeys(COLUMNS)
            | about
            | {
                "object": int(label),
                "object_name": record.get("names", {}).get(label, ""),
                "shape": item["shape"],
                "area": item["area"],
                "agreement": round(item["iou_predictor"], 4),
                "certificate": certificate["holds"] if promised else None,
                "proof": certificate["sentence"],
                "conflict": conflict["sentence"] if conflict else "",
            }
        )


def write_summary(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write all lines below a line of names; the file is there whole or not at all."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(line for record in records for line in summary_rows(record))
