"""The report as one page: a picture with outlines of every image, to look through and sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from napari_isr.atomic_files import atomic_write
from napari_isr.batch.records import RECORDS, THUMBNAILS
from napari_isr.batch.summary import summary_rows
from napari_isr.io.export.label_colors import label_hex

__all__ = ["report_page", "write_report"]

PAGE = Path(__file__).with_name("report.html")
ORDER = {"failed": 0, "open": 1, "done": 2}


def write_report(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the page beside the folder of thumbnails; it is there whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(report_page(records), encoding="utf-8")


def report_page(records: Sequence[Mapping[str, Any]]) -> str:
    """The page as HTML, which needs nothing but the thumbnails beside it.

    Parameters
    ----------
    records : sequence of mapping
        As :func:`napari_isr.batch.records.read_record` reads them.
    """
    count = {status: sum(r["status"] == status for r in records) for status in ORDER}
    failing = sum(_fails(r) for r in records)
    told = f"{count['done']} of {len(records)} images done"
    told += f", {count['failed']} failed" if count["failed"] else ""
    told += f", {count['open']} not done yet" if count["open"] else ""
    told += f"; {failing} with a certificate that does not hold" if failing else ""
    cards = "\n".join(_card(place, record) for place, record in enumerate(records))
    page = PAGE.read_text(encoding="utf-8")
    return page.replace("{{told}}", escape(told)).replace("{{cards}}", cards)


def _fails(record: Mapping[str, Any]) -> bool:
    return any(line["certificate"] is False for line in summary_rows(record))


def _card(place: int, record: Mapping[str, Any]) -> str:
    """One image."""
    lines = [line for line in summary_rows(record) if line["object"] is not None]
    agreement = min((line["agreement"] for line in lines), default=-1.0)
    holds = -1 if not lines else 0 if _fails(record) else 1
    name = str(record["name"])
    rank, seconds = ORDER[record["status"]], record.get("seconds") or 0
    parts = [
        f'<article class="{record["status"]}" data-place="{place}" data-rank="{rank}" '
        f'data-agreement="{agreement:.4f}" data-certificate="{holds}" data-seconds="{seconds}" '
        f'data-name="{escape(name.lower(), quote=True)}">',
        _picture(name, record),
        f'<h2 title="{escape(str(record["image"]), quote=True)}">{escape(name)}</h2>',
        *(_object(line) for line in lines),
    ]
    if record.get("error"):
        parts.append(f'<p class="error">{escape(str(record["error"]))}</p>')
    elif record["status"] == "open":
        parts.append('<p class="quiet">not done yet</p>')
    links = [f'<a href="{quote(file)}">{escape(_kind(file, name))}</a>' for file in record["files"]]
    if record["status"] != "open":
        links.append(f'<a href="{RECORDS}/{quote(name)}.json">record</a>')
    took = f"<span>{seconds:.1f} s</span>" if seconds else ""
    parts.append(f"<footer>{' '.join(links)}{took}</footer></article>")
    return "".join(parts)


def _picture(name: str, record: Mapping[str, Any]) -> str:
    if record["status"] != "done":
        return f'<div class="none" aria-hidden="true">{"✕" if record.get("error") else "…"}</div>'
    source = f"{THUMBNAILS}/{quote(name)}.webp"
    return (
        f'<a class="picture" href="{source}"><img loading="lazy" src="{source}" '
        f'alt="{escape(name, quote=True)} with outlines"></a>'
    )


def _object(line: Mapping[str, Any]) -> str:
    held = line["certificate"]
    mark, word = {True: ("✓", "good"), False: ("✗", "bad"), None: ("–", "quiet")}[held]
    called = line["object_name"] or f"object {line['object']}"
    proof = escape(str(line["proof"]), quote=True)
    conflict = line["conflict"]
    warning = f'<p class="error">{escape(str(conflict))}</p>' if conflict else ""
    return (
        f'<p class="object"><i style="background:{label_hex(line["object"])}"></i>'
        f"<b>{escape(str(called))}</b> <em>{escape(str(line['shape']))}</em> "
        f'<span class="{word}" title="{proof}">{mark}</span> '
        f'<span title="agreement of shape and classifier (IoU)">{line["agreement"]:.2f}</span></p>'
        f"{warning}"
    )


def _kind(file: str, name: str) -> str:
    """What a file is, without the image's name."""
    return file.removeprefix(name).lstrip(".-")
