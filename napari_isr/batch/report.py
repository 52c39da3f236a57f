"""Summary table, thumbnails and HTML report of a batch."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageDraw

from napari_isr.atomic_files import atomic_write
from napari_isr.batch.records import RECORDS, THUMBNAILS
from napari_isr.features.source_image import SourceImage
from napari_isr.io.export.label_colors import label_color, label_hex
from napari_isr.results.result import ObjectResult, Result

__all__ = [
    "COLUMNS",
    "report_page",
    "summary_rows",
    "write_report",
    "write_summary",
    "write_thumbnail",
]

PAGE = Path(__file__).with_name("report.html")
ORDER = {"failed": 0, "open": 1, "done": 2}
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
SIDE = 320  # pixels, the longer one
CELLS = 96  # across an object: outlines are no finer than the picture
SMOOTHING = 2  # drawn larger and scaled down, for lines without steps
DARK = (20, 20, 20)


def write_report(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the page beside the folder of thumbnails; it is there whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(report_page(records), encoding="utf-8")


def report_page(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the page as HTML. It refers only to the thumbnails beside it.

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
    """Return the HTML of one image."""
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
    """Return the kind of a file: its name without that of the image."""
    return file.removeprefix(name).lstrip(".-")


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


def write_thumbnail(path: Path, image: Any, result: Result) -> None:
    """Draw the outlines of all objects on the image, each in its colour.

    Parameters
    ----------
    path : Path
        A ``.webp`` file.
    image : array
        What was segmented; of a stack the plane with most of the objects is drawn.
    result : Result
    """
    items = list(result.objects.values())
    source = SourceImage(image, len(items[0].frame.shape))
    # Masks of a very large stack are on a coarser raster.
    raster = items[0].frame.shape
    plane = tuple(
        int((p + 0.5) * n / m)
        for p, n, m in zip(_fullest(items), source.shape, raster, strict=False)
    )
    size = source.shape[-2:]
    step = max(1, max(size) // (SIDE * SMOOTHING))
    picture = _as_rgb(source, plane, step)
    scale = min(1.0, SIDE / max(size)) if max(size) >= SIDE else SIDE / max(size)
    small = max(1, round(size[1] * scale)), max(1, round(size[0] * scale))
    canvas = picture.resize((small[0] * SMOOTHING, small[1] * SMOOTHING), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for item in items:
        where = None if not plane else (*plane, None, None)
        for contour in item.contours(CELLS, where):
            points = [tuple(p) for p in ((contour[:, ::-1] + 0.5) * scale * SMOOTHING).tolist()]
            # A dark line below makes the outline visible on any image.
            draw.line(points, fill=DARK, width=4 * SMOOTHING, joint="curve")
            draw.line(points, fill=label_color(item.label), width=2 * SMOOTHING, joint="curve")
    canvas.resize(small, Image.Resampling.LANCZOS).save(path, format="WEBP", quality=80)


def _fullest(items: Sequence[ObjectResult]) -> tuple[int, ...]:
    """Place of the plane with most pixels of objects, along the axes before the last two."""
    mask = np.logical_or.reduce([item.mask for item in items])
    if mask.ndim == 2:
        return ()
    counts = mask.sum(axis=(-2, -1))
    if not counts.any():
        return tuple(n // 2 for n in counts.shape)
    return tuple(int(i) for i in np.unravel_index(counts.argmax(), counts.shape))


def _as_rgb(source: SourceImage, plane: tuple[int, ...], step: int) -> Image.Image:
    values = (source.plane(plane, step).clip(0, 1) * 255).astype(np.uint8)
    if values.shape[-1] == 3:
        return Image.fromarray(values)
    return Image.fromarray(values[..., 0]).convert("RGB")
