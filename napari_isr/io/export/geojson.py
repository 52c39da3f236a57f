"""GeoJSON for QuPath: one feature for each object.

Coordinates are (x, y) in pixels from the corner of the image: the first pixel is the square from
0 to 1. Outer rings have a positive area in these numbers, holes a negative one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_isr.io.export.csv import measure_object
from napari_isr.io.export.export_data import ExportData, ExportObject
from napari_isr.io.export.label_colors import label_color
from napari_isr.io.export.polygons import Polygon

__all__ = ["write"]


def write(path: Path, content: ExportData) -> None:
    """Write a feature collection."""
    content.require_2d("a GeoJSON file")
    features = [_feature(one, content) for one in content.objects]
    data = {"type": "FeatureCollection", "features": [f for f in features if f is not None]}
    path.write_text(json.dumps(data) + "\n", encoding="utf-8")


def _feature(one: ExportObject, content: ExportData) -> dict[str, Any] | None:
    polygons = [_coordinates(polygon) for polygon in one.polygons()]
    if not polygons:
        return None
    if len(polygons) == 1:
        geometry: dict[str, Any] = {"type": "Polygon", "coordinates": polygons[0]}
    else:
        geometry = {"type": "MultiPolygon", "coordinates": polygons}
    measured = measure_object(one, content)
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": "annotation",
            "name": one.name,
            "classification": {"name": one.name, "color": list(label_color(one.label))},
            "measurements": {k: v for k, v in measured.items() if type(v) in (int, float)},
            "label": one.label,
            "shape": one.shape_name,
            "certificate": measured["certificate"],
        },
    }


def _coordinates(polygon: Polygon) -> list[list[list[float]]]:
    rings = [ring[:, ::-1].tolist() for ring in polygon]
    return [[*ring, ring[0]] for ring in rings]
