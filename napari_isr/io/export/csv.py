"""CSV tables of measurements, and JSON reports."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes, mesh_surface_area, regionprops

from napari_isr.atomic_files import atomic_write
from napari_isr.io.export.export_data import ExportData, ExportObject

__all__ = ["measure_object", "write", "write_report"]

AXES = {"y": "row", "x": "column"}


def measure_object(one: ExportObject, content: ExportData) -> dict[str, Any]:
    """Measurements of one object.

    Area, perimeter and axes are in the unit of the spacing; the centroid also in pixels of the
    image, whose first pixel has its centre at 0.

    Parameters
    ----------
    one : ExportObject
    content : ExportData
        To which it belongs.

    Returns
    -------
    dict
        Numbers, text, and None for what there is not; ``area`` is a volume where there are more
        than 2 axes, ``surface`` the area of a volume's surface. ``axis_major`` and ``axis_minor``
        are those of the ellipse with the same second moments. Of a very large output the pixels
        of the result are counted instead.
    """
    if content.is_large and one.item is not None:
        one = one.at_result_resolution()
        content = replace(content, size=one.size)
    certificate = one.item.certificate if one.item is not None else None
    promised = one.item is not None and one.item.shape is not None
    mask = one.mask
    pixels = int(np.count_nonzero(mask))
    found: dict[str, Any] = {
        "label": one.label,
        "name": one.name,
        "shape": one.shape_name,
        "unit": content.unit or "pixel",
        "area": pixels * float(np.prod(content.pixel_size)),
        "area_pixels": pixels / float(np.prod(content.scale)),
        "perimeter": _perimeter(one, content) if content.ndim == 2 and pixels else None,
        "surface": _surface(one, content) if content.is_volume and pixels else None,
    }
    names = [AXES.get(axis, axis) for axis in content.axes]
    places = _centroid(mask, content) if pixels else [None] * len(names)
    found |= {f"centroid_{name}": place for name, place in zip(names, places, strict=True)}
    found |= {
        f"centroid_{axis}": None if place is None else place * s
        for axis, place, s in zip(content.axes, places, content.spacing, strict=True)
    }
    region = None
    if pixels and content.ndim <= 3:
        region = regionprops(mask.astype(np.uint8), spacing=content.pixel_size)[0]
    found["axis_major"] = None if region is None else float(region.axis_major_length)
    found["axis_minor"] = None if region is None else float(region.axis_minor_length)
    found["certificate"] = bool(certificate.holds) if certificate and promised else None
    found["proof"] = "" if certificate is None else certificate.message
    return found


def write(path: Path, content: ExportData) -> None:
    """Write a line for each object, below a line of names."""
    lines = [measure_object(one, content) for one in content.objects]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]) if lines else ["label"])
        writer.writeheader()
        writer.writerows(lines)


def _centroid(mask: npt.NDArray[np.bool_], content: ExportData) -> list[float]:
    """Return the centroid of a non-empty mask in pixels of the image."""
    found = []
    for axis, scale in enumerate(content.scale):
        counts = mask.sum(axis=tuple(k for k in range(mask.ndim) if k != axis))
        centre = np.average(np.arange(len(counts)), weights=counts)
        found.append(float((centre + 0.5) / scale - 0.5))
    return found


def _perimeter(one: ExportObject, content: ExportData) -> float:
    rings = [ring for polygon in one.polygons() for ring in polygon]
    sides = [(np.roll(ring, -1, axis=0) - ring) * content.pixel_size for ring in rings]
    return float(sum(np.linalg.norm(side, axis=1).sum() for side in sides))


def _surface(one: ExportObject, content: ExportData) -> float:
    """Return the surface area of the implicit function, or of the voxels without one."""
    if one.item is not None:
        vertices, faces = one.item.surface()
        step = np.array(content.spacing) * content.image_size / one.item.frame.shape
    else:
        vertices, faces, _, _ = marching_cubes(np.pad(one.mask, 1).astype(np.float32), 0.5)
        step = np.array(content.pixel_size)
    return float(mesh_surface_area(vertices * step, faces)) if len(faces) else 0.0


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write :meth:`napari_isr.Result.to_dict`; the file is there whole or not at all.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
