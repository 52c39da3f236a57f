"""TIFF and OME-TIFF with lossless compression and pixel sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.label_tiles import TILE, iter_plane_tiles, label_dtype
from napari_isr.io.export.units import METERS

__all__ = ["write", "write_ome", "write_strokes", "write_values"]

IMAGEJ = {"µm": "micron"}  # its header is ASCII


def write(path: Path, content: ExportData) -> None:
    """Write the label image, in the form of ImageJ where that holds it; a large one in tiles."""
    if content.is_large:
        _write_tiles(path, content, None)
        return
    labels = content.labels
    dtype = np.min_scalar_type(max(int(labels.max(initial=0)), 0))
    if dtype.itemsize > 4:
        raise InputError("a TIFF file holds labels up to 4294967295: write .npy")
    write_values(path, labels.astype(dtype), content.pixel_size, content.unit, content.axes)


def write_strokes(path: Path, content: ExportData) -> None:
    """Write the strokes in the same way."""
    write(path, content.scribble_image())


def write_values(
    path: Path,
    values: npt.NDArray[Any],
    step: tuple[float, ...] = (),
    unit: str = "",
    axes: str = "",
) -> None:
    """Write an array with the size of its pixels.

    Parameters
    ----------
    path : Path
    values : array
    step : tuple of float, optional
        Distance of pixel centres along each of the last axes.
    unit : str, optional
        Of the step; empty: pixels.
    axes : str, optional
        What the last axes are.
    """
    options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
    options |= _resolution(step, unit)
    # ImageJ takes its unit from a text of its own, and numbers of pixels per that unit.
    if values.dtype.str[1:] in ("u1", "u2", "f4") and values.ndim == len(axes) <= 4:
        metadata: dict[str, Any] = {"axes": axes.upper(), "mode": "grayscale"}
        if "resolution" in options:
            options["resolution"], options["resolutionunit"] = (1 / step[-1], 1 / step[-2]), "NONE"
            metadata["unit"] = IMAGEJ.get(unit, unit) or "pixel"
            if "z" in axes:
                metadata["spacing"] = step[axes.index("z")]
            if "t" in axes:
                metadata["finterval"] = step[axes.index("t")]
        tifffile.imwrite(path, values, imagej=True, metadata=metadata, **options)
    else:
        tifffile.imwrite(path, values, **options)


def write_ome(path: Path, content: ExportData) -> None:
    """Write the label image as OME-TIFF, whose header says the size of a pixel and its unit."""
    if content.is_large:
        _write_tiles(path, content, _ome(content))
        return
    labels = content.labels
    dtype = np.min_scalar_type(max(int(labels.max(initial=0)), 0))
    if dtype.itemsize > 4:
        raise InputError("a TIFF file holds labels up to 4294967295: write .npy")
    tifffile.imwrite(
        path,
        labels.astype(dtype),
        ome=True,
        metadata=_ome(content),
        compression="zlib",
        photometric="minisblack",
    )


def _resolution(step: tuple[float, ...], unit: str) -> dict[str, Any]:
    """Tags for the size of a pixel, if it is known."""
    if not ((step and any(s != 1 for s in step)) or unit):
        return {}
    per_unit = 1 / step[-1], 1 / step[-2]
    if unit not in METERS:
        return {"resolution": per_unit, "resolutionunit": "NONE"}
    cm = METERS["cm"] / METERS[unit]
    return {
        "resolution": (per_unit[0] * cm, per_unit[1] * cm),
        "resolutionunit": "CENTIMETER",
    }


def _ome(content: ExportData) -> dict[str, Any]:
    """Return the metadata of an OME-TIFF."""
    metadata: dict[str, Any] = {"axes": content.axes.upper()}
    if content.unit or any(s != 1 for s in content.pixel_size):
        for axis, size in zip(content.axes, content.pixel_size, strict=True):
            if axis == "t":
                metadata["TimeIncrement"] = size
                continue
            metadata[f"PhysicalSize{axis.upper()}"] = size
            metadata[f"PhysicalSize{axis.upper()}Unit"] = (
                content.unit if content.unit in METERS else "pixel"
            )
    metadata["Channel"] = {"Name": ", ".join(f"{o.label}: {o.name}" for o in content.objects)}
    return metadata


def _write_tiles(path: Path, content: ExportData, ome: dict[str, Any] | None) -> None:
    """Write the label image tile by tile; only a few are in memory."""
    tifffile.imwrite(
        path,
        iter_plane_tiles(content),
        shape=content.size,
        dtype=label_dtype(content),
        tile=(TILE, TILE),
        bigtiff=True,
        ome=ome is not None,
        metadata=ome,
        compression="zlib",
        photometric="minisblack",
        **_resolution(content.pixel_size, content.unit),
    )
