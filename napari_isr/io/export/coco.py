"""COCO JSON: one annotation for each object.

As pycocotools takes them, coordinates begin at the corner of the image: the first pixel is the
square from 0 to 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.io.export.export_data import ExportData, ExportObject

__all__ = ["rle_encode", "write", "write_polygons"]


def write(path: Path, content: ExportData) -> None:
    """Write masks as run lengths: exact."""
    _write(path, content, polygons=False)


def write_polygons(path: Path, content: ExportData) -> None:
    """Write polygons; objects with holes, which a COCO polygon has none of, as run lengths."""
    _write(path, content, polygons=True)


def _write(path: Path, content: ExportData, *, polygons: bool) -> None:
    content.require_2d("a COCO file")
    height, width = content.size
    image = {"id": 1, "file_name": content.image, "height": height, "width": width}
    data = {
        "info": {"description": "napari-isr", "version": "1.0"},
        "images": [image],
        "categories": [
            {"id": one.label, "name": one.name, "supercategory": ""} for one in content.objects
        ],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": one.label, **_annotation(one, polygons)}
            for number, one in enumerate(content.objects, 1)
        ],
    }
    path.write_text(json.dumps(data) + "\n", encoding="utf-8")


def _annotation(one: ExportObject, polygons: bool) -> dict[str, Any]:
    mask = one.mask
    segmentation: Any = {"size": list(mask.shape), "counts": rle_encode(mask)}
    found = one.polygons() if polygons else []
    if found and all(len(polygon) == 1 for polygon in found):
        segmentation = [polygon[0][:, ::-1].ravel().tolist() for polygon in found]
    return {
        "segmentation": segmentation,
        "area": int(np.count_nonzero(mask)),
        "bbox": _box(mask),
        "iscrowd": 0,
    }


def rle_encode(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Lengths of runs of 0, 1, 0, 1, ... down the columns, as COCO counts them.

    Examples
    --------
    >>> run_lengths(np.array([[0, 1], [1, 1]], dtype=bool))
    [1, 3]
    """
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts: list[int] = np.diff(np.r_[0, ends, len(flat)]).tolist()
    return [0, *counts] if flat[0] else counts


def _box(mask: npt.NDArray[np.bool_]) -> list[int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return [0, 0, 0, 0]
    top, left = int(rows[0]), int(columns[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
