"""Rows of the object table as text; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_isr.gui.fitting.shape_spec_text import same_shape, shape_of, split_spec
from napari_isr.gui.models import DockSettings, ObjectRow
from napari_isr.gui.object_measurements import format_area, format_number
from napari_isr.scribbles import FIRST_OBJECT

__all__ = ["ObjectTableRow", "build_rows"]


@dataclass(frozen=True)
class ObjectTableRow:
    """One object as the table shows it.

    Parameters
    ----------
    label : int
    name : str
    details : str
        Second line: strokes and area.
    tip : str
        The same at length.
    shape : str
        The object's own shape, empty if it has that of all.
    general : str
        That of all objects.
    holds : bool or None
        Whether the certificate holds.
    stale : bool
        Whether what was fitted is another shape than the one that is asked for.
    sentence : str
        The certificate.
    hidden : bool
        Whether outline and mask are hidden.
    """

    label: int
    name: str
    details: str
    tip: str
    shape: str
    general: str
    holds: bool | None
    stale: bool
    sentence: str
    hidden: bool


def build_rows(
    rows: Iterable[ObjectRow],
    settings: DockSettings,
    armed: int | None = None,
    given: Collection[int] = (),
    scale: Sequence[float] = (1.0, 1.0),
    units: Sequence[Any] = (),
) -> list[ObjectTableRow]:
    """Make the lines, by label.

    Parameters
    ----------
    rows : iterable of ObjectRow
        The objects that have strokes or are given.
    settings : DockSettings
        Names, shapes, what is hidden.
    armed : int, optional
        The label that the brush draws: it has a line even before its first stroke.
    given : collection of int
        Labels of imported objects.
    scale, units : sequence
        Of the image's axes.

    Returns
    -------
    list of Line
    """
    known = {row.label: row for row in rows}
    labels = {*known, *given}
    if armed is not None and armed >= FIRST_OBJECT:
        labels.add(armed)
    return [
        _line(known.get(k) or ObjectRow(k, 0), settings, k in given, scale, units)
        for k in sorted(labels)
    ]


def _line(
    row: ObjectRow,
    settings: DockSettings,
    given: bool,
    scale: Sequence[float],
    units: Sequence[Any],
) -> ObjectTableRow:
    scale, units = scale[-row.measure.axes :], units[-row.measure.axes :]
    area = "" if row.area is None else format_area(row.area, scale, units)
    nothing = "imported" if given else "not fitted yet" if row.area is None else "no strokes"
    drawn = f"{_brief(row.strokes)} drawn" if row.strokes else nothing
    tip = [f"{settings.object_name(row.label)} (label {row.label})"]
    tip += [f"Strokes: {row.strokes:,} pixels"] if row.strokes or not given else []
    tip += ["Imported from another layer"] if given else []
    tip += [f"{row.measure.name}: {area}" + _pixels(row, area, scale)] if area else []
    tip += [f"{row.measure.note.capitalize()}"] if row.measure.note else []
    tip += ["Click to draw strokes of it, double-click to rename it"]
    asked, fitted = (split_spec(text)[0] for text in (shape_of(settings, row.label), row.shape))
    stale = bool(fitted) and not same_shape(asked, fitted)
    waits = f"Not fitted as {asked} so far: outline and mask are those of the shape {fitted}"
    return ObjectTableRow(
        row.label,
        settings.object_name(row.label),
        f"{area} · {drawn}" if area else drawn,
        "\n".join(tip),
        settings.own_shapes.get(row.label, ""),
        settings.shape,
        row.holds if not stale else None,
        stale,
        row.sentence if not stale else waits,
        row.label in settings.hidden,
    )


def _brief(count: int) -> str:
    """Shorten a number of pixels for the second line."""
    return f"{count:,}" if count < 100_000 else format_number(count)


def _pixels(row: ObjectRow, area: str, scale: Sequence[float]) -> str:
    """Convert a physical area to a number of pixels."""
    if row.area is None or area.endswith(" px"):
        return ""
    return f" ({format_area(row.area, scale)})"
