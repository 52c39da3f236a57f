"""Registry of export formats, keyed by file extension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_isr.atomic_files import check_directory_writable, check_file_writable
from napari_isr.io.export import coco, geojson, imagej, npy, png, svg, tiff
from napari_isr.io.export import csv as table
from napari_isr.io.export import ome_zarr as zarrs
from napari_isr.io.export import probability_maps as maps
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.output_checks import unknown_extension_error

__all__ = ["FORMATS", "ExportFormat", "check_writable", "format_for_path", "split_extension"]


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Parameters
    ----------
    endings : tuple of str
        The first is the usual one; the longest that a name has picks the format.
    title : str
        For file dialogs.
    write : callable
        ``write(path, content)``.
    of_labels : bool
        Whether a label image alone has what it needs.
    each : bool
        Whether one file for each object makes sense.
    folder : bool
        Whether it is a folder, which ``write`` finds empty.
    """

    extensions: tuple[str, ...]
    title: str
    write: Callable[[Path, ExportData], None]
    accepts_labels: bool = True
    per_object: bool = True
    is_directory: bool = False


FORMATS = (
    ExportFormat((".png",), "PNG with a palette", png.write),
    ExportFormat((".tif", ".tiff"), "TIFF", tiff.write),
    ExportFormat((".ome.tif", ".ome.tiff"), "OME-TIFF", tiff.write_ome),
    ExportFormat((".zarr",), "OME-Zarr, in chunks and levels", zarrs.write, is_directory=True),
    ExportFormat((".npy",), "NumPy array", npy.write),
    ExportFormat((".npz",), "NumPy arrays: masks, logits, parameters", npy.write_npz),
    ExportFormat((".json",), "COCO with exact masks", coco.write),
    ExportFormat((".polygons.json",), "COCO with polygons", coco.write_polygons),
    ExportFormat((".geojson",), "GeoJSON for QuPath", geojson.write),
    ExportFormat((".zip",), "ImageJ ROIs", imagej.write),
    ExportFormat((".svg",), "SVG outlines", svg.write),
    ExportFormat((".csv",), "Table of measurements", table.write),
    ExportFormat((".probabilities.tif",), "Probabilities, TIFF", maps.probabilities_tiff, False),
    ExportFormat((".probabilities.npy",), "Probabilities, NumPy", maps.probabilities_npy, False),
    ExportFormat((".uncertainty.tif",), "Uncertainty, TIFF", maps.uncertainty_tiff, False),
    ExportFormat((".uncertainty.npy",), "Uncertainty, NumPy", maps.uncertainty_npy, False),
    ExportFormat((".strokes.png",), "Strokes, PNG", png.write_strokes, False, False),
    ExportFormat((".strokes.tif",), "Strokes, TIFF", tiff.write_strokes, False, False),
    ExportFormat((".strokes.npy",), "Strokes, NumPy", npy.write_strokes, False, False),
)

_BY_ENDING = {ending: one for one in FORMATS for ending in one.extensions}


def format_for_path(path: str | Path) -> ExportFormat:
    """Return the format of a file by its extension.

    Raises
    ------
    InputError
        If the ending is not known.
    """
    ending = _ending(Path(path).name)
    if ending is None:
        raise unknown_extension_error(path, _BY_ENDING)
    return _BY_ENDING[ending]


def split_extension(path: Path) -> tuple[str, str]:
    """Split a path into its stem and extension, such as ``mask`` and ``.ome.tif``."""
    ending = _ending(path.name) or path.suffix
    return path.name[: len(path.name) - len(ending)], path.name[len(path.name) - len(ending) :]


def check_writable(path: str | Path) -> Path:
    """Raise an InputError unless a mask can be written there; nothing is written.

    Parameters
    ----------
    path : str or Path
        The file to be; its ending picks the format.

    Returns
    -------
    Path
    """
    target = Path(path)
    (check_directory_writable if format_for_path(path).is_directory else check_file_writable)(
        target
    )
    return target


def _ending(name: str) -> str | None:
    """Return the longest known extension that a stem precedes, or None."""
    fits = [e for e in _BY_ENDING if name.lower().endswith(e) and len(name) > len(e)]
    return max(fits, key=len, default=None)
