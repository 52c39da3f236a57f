"""SVG paths of contours.

The picture's corner is (0, 0) and its first pixel the square from 0 to 1, as browsers have it, so
that the outlines lie right on the image when both are drawn in one box.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from napari_isr.io.export.export_data import ExportData, ExportObject
from napari_isr.io.export.label_colors import label_hex

__all__ = ["write"]


def write(path: Path, content: ExportData) -> None:
    """Write one path for each object."""
    content.require_2d("an SVG file")
    height, width = content.size
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" fill-rule="evenodd" fill-opacity="0.25" '
        'stroke-width="2" stroke-linejoin="round">',
        *(_path(one) for one in content.objects),
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _path(one: ExportObject) -> str:
    rings = [ring for polygon in one.polygons() for ring in polygon]
    drawn = " ".join(
        f"M {' '.join(f'{x:.10g},{y:.10g}' for y, x in ring.tolist())} Z" for ring in rings
    )
    color = label_hex(one.label)
    return (
        f'<path id="object-{one.label}" data-name={quoteattr(one.name)} fill="{color}" '
        f'stroke="{color}" vector-effect="non-scaling-stroke" d="{drawn}">'
        f"<title>{escape(one.name)}</title></path>"
    )
