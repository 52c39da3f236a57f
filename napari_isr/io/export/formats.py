"""Registry of export formats, keyed by file extension."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_isr._plugins import PluginLoader
from napari_isr.atomic_files import check_directory_writable, check_file_writable
from napari_isr.io.export import coco, geojson, imagej, npy, png, svg, tiff
from napari_isr.io.export import csv as table
from napari_isr.io.export import ome_zarr as zarrs
from napari_isr.io.export import probability_maps as maps
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.output_checks import unknown_extension_error

__all__ = [
    "FORMATS",
    "PLUGIN_GROUP",
    "ExportFormat",
    "check_writable",
    "export_formats",
    "format_for_path",
    "register_export_format",
    "split_extension",
]

# Group of entry points whose objects are instances of ExportFormat.
PLUGIN_GROUP = "napari_isr.export_formats"
_EXTENSION = re.compile(r"(\.[a-z0-9]+)+")


@dataclass(frozen=True)
class ExportFormat:
    """Description of an export format.

    Parameters
    ----------
    extensions : tuple of str
        File extensions with their dots. The first one is the default. The longest extension of
        a file name selects the format.
    title : str
        Name for file dialogs.
    write : callable
        ``write(path, data)`` writes an :class:`ExportData` to a new file or an empty folder.
    accepts_labels : bool, optional
        Whether the format can store a label image without a result.
    per_object : bool, optional
        Whether one file for each object is possible.
    is_directory : bool, optional
        Whether the format is a folder.
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


def register_export_format(form: ExportFormat) -> ExportFormat:
    """Make a format available by its extensions in the API, the command line and the dock.

    A package can also name the format in an entry point of the group
    ``napari_isr.export_formats``.

    Parameters
    ----------
    form : ExportFormat

    Returns
    -------
    ExportFormat
        ``form``.

    Raises
    ------
    TypeError
        If ``form`` is no format.
    ValueError
        If an extension is invalid or in use.
    """
    candidate: Any = form
    if not isinstance(candidate, ExportFormat) or not form.extensions:
        raise TypeError(f"{form!r} is no ExportFormat with an extension")
    for extension in form.extensions:
        if not _EXTENSION.fullmatch(extension):
            raise ValueError(
                f"'{extension}' cannot be an extension: write a dot, small letters and digits"
            )
        known = _BY_ENDING.get(extension)
        if known is not None and (known in FORMATS or known.title != form.title):
            raise ValueError(f"there is a format for '{extension}' already: {known.title}")
    _BY_ENDING.update(dict.fromkeys(form.extensions, form))
    return form


_plugins = PluginLoader(PLUGIN_GROUP, register_export_format)


def export_formats() -> tuple[ExportFormat, ...]:
    """Return all formats, those of other packages last."""
    return tuple(dict.fromkeys(_formats_by_extension().values()))


def _formats_by_extension() -> dict[str, ExportFormat]:
    """Return the formats keyed by extension, and load those of other packages on first use."""
    _plugins.load()
    return _BY_ENDING


def format_for_path(path: str | Path) -> ExportFormat:
    """Return the format of a file by its extension.

    Raises
    ------
    InputError
        If the ending is not known.
    """
    ending = _ending(Path(path).name)
    if ending is None:
        raise unknown_extension_error(path, _formats_by_extension())
    return _formats_by_extension()[ending]


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
    fits = [e for e in _formats_by_extension() if name.lower().endswith(e) and len(name) > len(e)]
    return max(fits, key=len, default=None)
