"""Tables of measurements, in Markdown and as rows of one CSV file."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from accuracy_measure import RIGHT
from accuracy_store import Record

__all__ = ["Table", "tables_of", "write_summary"]

Group = Callable[[Record], Sequence[str]]
DASH = "–"
NOT_OF_CONVEX = ("grabcut50", "medscribble56", "generated")


@dataclass(frozen=True)
class Table:
    """One table: what each method reaches in each group of cases.

    Parameters
    ----------
    title : str
        What it holds.
    half : str
        Of the images.
    cells : dict
        {(method, column): (number of cases, value as text)}.
    """

    title: str
    half: str
    cells: dict[tuple[str, str], tuple[int, str]]

    def markdown(self) -> str:
        """Format the table. A cell with fewer cases than its column states their number."""
        methods = list(dict.fromkeys(method for method, _ in self.cells))
        columns = sorted({column for _, column in self.cells})
        most = {c: max(n for (_, k), (n, _) in self.cells.items() if k == c) for c in columns}
        head = ["", *(f"{c} ({most[c]})" for c in columns)]
        lines = [f"### {self.title}, {self.half} images", "", row(head), row(["---"] * len(head))]
        for method in methods:
            cells = [self.cells.get((method, c), (0, DASH)) for c in columns]
            parts = zip(cells, columns, strict=True)
            full = [text if n in (0, most[c]) else f"{text} ({n})" for (n, text), c in parts]
            lines.append(row([method, *full]))
        return "\n".join([*lines, ""])


def row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def tables_of(records: Sequence[Record], half: str) -> list[Table]:
    """Return all non-empty tables of one half of the images, or of "all"."""
    chosen = [r for r in records if half in ("all", r.half)]
    masks, oracle, strokes = (
        [r for r in chosen if r.kind == kind] for kind in ("mask", "oracle", "strokes")
    )
    tables = [
        tabulate("Mean IoU by set and scribbler", half, masks, by_scribbler, mean_iou),
        tabulate("Mean IoU by shape class and scribbler", half, masks, by_shape, mean_iou),
        tabulate("Median CPU seconds for an image", half, masks, by_set, median_seconds),
        tabulate("Oracle: mean IoU of shapes fitted to the truth", half, oracle, by_set, mean_iou),
        tabulate("Oracle, by shape class", half, oracle, lambda r: [r.shape], mean_iou),
        tabulate(
            f"Strokes to {RIGHT:.2f}: median, mean, share that got there, CPU seconds of an update",
            half,
            strokes,
            by_set,
            effort,
        ),
    ]
    return [table for table in tables if table.cells]


def tabulate(
    title: str,
    half: str,
    records: Sequence[Record],
    group: Group,
    describe: Callable[[Sequence[Record]], str],
) -> Table:
    """Describe the records of each method in each group."""
    parts: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        for column in group(record):
            parts.setdefault((record.method, column), []).append(record)
    return Table(title, half, {key: (len(part), describe(part)) for key, part in parts.items()})


def by_set(record: Record) -> list[str]:
    """Return the set, and a joint column for convex objects of sets with robot strokes only."""
    convex = record.shape == "convex" and record.set not in NOT_OF_CONVEX
    return [record.set, "all convex"] if convex else [record.set]


def by_scribbler(record: Record) -> list[str]:
    return [f"{name}, {record.who}" for name in by_set(record)]


def by_shape(record: Record) -> list[str]:
    who = "people" if record.who.startswith("human") else record.who
    return [f"{record.shape}, {who}"]


def mean_iou(records: Sequence[Record]) -> str:
    """Mean IoU; failures count as 0 and are named."""
    failed = sum(bool(record.error) for record in records)
    mean = statistics.fmean(record.iou for record in records)
    return f"{mean:.3f}" + (f", {failed} failed" if failed else "")


def median_seconds(records: Sequence[Record]) -> str:
    """Median time; none where it is that of the line above (the predictor's own mask)."""
    seconds = [record.seconds for record in records if record.seconds > 0]
    return f"{statistics.median(seconds):.2f}" if seconds else DASH


def effort(records: Sequence[Record]) -> str:
    """Median and mean strokes, the share that got there, the median time of an update."""
    strokes = [record.strokes for record in records]
    there = statistics.fmean(record.iou >= RIGHT for record in records)
    return (
        f"{statistics.median(strokes):g}, {statistics.fmean(strokes):.1f}, {there:.0%}, "
        f"{median_seconds(records)}"
    )


def write_summary(tables: Sequence[Table], path: Path) -> None:
    """Write every cell of every table as one row of a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "half", "method", "column", "cases", "value"])
        for table in tables:
            for (method, column), (cases, value) in table.cells.items():
                writer.writerow([table.title, table.half, method, column, cases, value])
