"""ImageJ ROIs in a zip file for the ROI Manager.

Area selections of ImageJ have their vertices at the corners of pixels: the first pixel is the
square from 0 to 1.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_isr.atomic_files import ZIP_EPOCH
from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData, ExportObject
from napari_isr.io.export.label_colors import label_color
from napari_isr.io.export.polygons import Polygon

__all__ = ["write"]

EXACT = 2**24  # whole numbers that the 4-byte floats of the format hold
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0  # parts of a path


def write(path: Path, content: ExportData) -> None:
    """Write a zip of ROIs; objects with holes or in several pieces are composite selections."""
    content.require_2d("an ImageJ ROI file")
    try:
        import roifile
    except ImportError:
        raise InputError(
            "ImageJ ROIs need the package roifile: pip install 'napari-isr[export]'"
        ) from None
    # So fine that the format's floats hold every vertex exactly: rounding keeps what is convex.
    step = 2.0 ** -min(10, int(np.log2(EXACT / (max(content.size) + 1))))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for one in content.objects:
            polygons = one.polygons(step)
            if polygons:
                roi = _roi(roifile, one, polygons)
                file.writestr(zipfile.ZipInfo(f"{_plain(one)}.roi", ZIP_EPOCH), roi.tobytes())


def _roi(roifile: Any, one: ExportObject, polygons: list[Polygon]) -> Any:
    first = polygons[0][0]
    roi = roifile.ImagejRoi.frompoints(first[:, ::-1].astype(np.float32), name=one.name)
    roi.roitype = roifile.ROI_TYPE.POLYGON
    rings = [ring for polygon in polygons for ring in polygon]
    if len(rings) > 1:
        path: list[float] = []
        for ring in rings:
            path += [MOVE, *ring[0, ::-1]]
            path += [part for x, y in ring[1:, ::-1].tolist() for part in (LINE, x, y)]
            path.append(CLOSE)
        whole = np.concatenate(rings)
        roi.roitype = roifile.ROI_TYPE.RECT
        roi.options &= ~roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = roi.integer_coordinates = None
        roi.n_coordinates = 0
        roi.top, roi.left = (int(x) for x in np.floor(whole.min(axis=0)))
        roi.bottom, roi.right = (int(x) for x in np.ceil(whole.max(axis=0)))
        roi.multi_coordinates = np.array(path, np.float32)
        roi.shape_roi_size = len(path)
    roi.stroke_color = bytes((255, *label_color(one.label)))
    return roi


def _plain(one: ExportObject) -> str:
    """Return a name for a member of the archive that ImageJ accepts."""
    safe = "".join(c if c.isalnum() or c in " -_" else "_" for c in one.name).strip()
    return f"{one.label:04d}-{safe[:60]}" if safe else f"{one.label:04d}"
