"""Readers of scribbles: label images and GeoJSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_isr.errors import InputError
from napari_isr.io.readers import read_scribbles
from napari_isr.io.sequences import read_sequence
from napari_isr.scribbles import BACKGROUND, Scribbles

__all__ = ["LINES", "read_geojson_lines", "read_label_scribbles", "read_scribble_file"]

LINES = (".geojson",)


def read_scribble_file(path: Path, axes: str | None, shape: Sequence[int]) -> Scribbles:
    """Read strokes from a label image, or lines from GeoJSON.

    Parameters
    ----------
    path : Path
    axes : str or None
        What the axes of the image are.
    shape : sequence of int
        Size of the image, of which GeoJSON says nothing.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    if path.suffix.lower() in LINES:
        return read_geojson_lines(path, tuple(int(n) for n in shape[:2]))
    return Scribbles.from_label_image(read_sequence(path, read_scribbles, axes))


def read_label_scribbles(path: Path) -> Any:
    """Read strokes to keep them with a result; None where they are lines."""
    return None if path.suffix.lower() in LINES else read_scribbles(path)


def read_geojson_lines(path: Path, shape: tuple[int, ...]) -> Scribbles:
    """Read a GeoJSON file of points, lines or outlines, as QuPath writes them.

    Coordinates are (x, y) in pixels from the image's corner. The label of a feature is its
    property ``label``, or the name of its classification: a number, or ``background``. Lines are
    as wide as the property ``width`` says, or as 1/256 of the image.

    Raises
    ------
    InputError
        If the file is missing, no GeoJSON, or a feature has no label.
    """
    if not path.exists():
        raise InputError(f"the file '{path}' does not exist: check its name")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        features = data["features"] if isinstance(data, dict) else data
        parts = [_feature(one, shape, path) for one in features]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        what = type(error).__name__
        raise InputError(f"the file '{path}' cannot be read as GeoJSON of lines ({what})") from None
    return Scribbles.concatenate(shape, parts)


def _feature(one: Any, shape: tuple[int, ...], path: Path) -> Scribbles:
    about = one.get("properties") or {}
    label = about.get("label", (about.get("classification") or {}).get("name"))
    text = str(label).strip().lower()
    if text == "background":
        text = str(BACKGROUND)
    if not text.isdecimal() or int(text) < BACKGROUND:
        raise InputError(
            f"a line in '{path}' has no label: give each the property 'label', 1 for background, "
            "2 and up for objects"
        )
    width = float(about.get("width", max(1.0, max(shape) / 256)))
    lines = [np.asarray(x, np.float64)[:, 1::-1] - 0.5 for x in _lines(one["geometry"])]
    return Scribbles.from_lines(shape, {int(text): lines}, width)


def _lines(geometry: Any) -> list[Any]:
    places, kind = geometry["coordinates"], geometry["type"]
    found: dict[str, Any] = {
        "Point": lambda: [[places]],
        "MultiPoint": lambda: [[place] for place in places],
        "LineString": lambda: [places],
        "MultiLineString": lambda: places,
        "Polygon": lambda: places,
        "MultiPolygon": lambda: [ring for polygon in places for ring in polygon],
    }
    lines: list[Any] = found[kind]()
    return lines
