"""The formats, by the endings of file names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_isr.export import coco, geojson, imagej, maps, npy, png, svg, table, tiff, zarrs
from napari_isr.export.content import Content
from napari_isr.export.targets import unknown_ending
from napari_isr.files.atomic import check_folder_target, check_target

__all__ = ["FORMATS", "Format", "check_write_target", "format_of", "stem_of"]


@dataclass(frozen=True)
class Format:
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

    endings: tuple[str, ...]
    title: str
    write: Callable[[Path, Content], None]
    of_labels: bool = True
    each: bool = True
    folder: bool = False


FORMATS = (
    Format((".png",), "PNG with a palette", png.write),
    Format((".tif", ".tiff"), "TIFF", tiff.write),
    Format((".ome.tif", ".ome.tiff"), "OME-TIFF", tiff.write_ome),
    Format((".zarr",), "OME-Zarr, in chunks and levels", zarrs.write, folder=True),
    Format((".npy",), "NumPy array", npy.write),
    Format((".npz",), "NumPy arrays: masks, logits, parameters", npy.write_all),
    Format((".json",), "COCO with exact masks", coco.write),
    Format((".polygons.json",), "COCO with polygons", coco.write_polygons),
    Format((".geojson",), "GeoJSON for QuPath", geojson.write),
    Format((".zip",), "ImageJ ROIs", imagej.write),
    Format((".svg",), "SVG outlines", svg.write),
    Format((".csv",), "Table of measurements", table.write),
    Format((".probabilities.tif",), "Probabilities, TIFF", maps.probabilities_tiff, False),
    Format((".probabilities.npy",), "Probabilities, NumPy", maps.probabilities_npy, False),
    Format((".uncertainty.tif",), "Uncertainty, TIFF", maps.uncertainty_tiff, False),
    Format((".uncertainty.npy",), "Uncertainty, NumPy", maps.uncertainty_npy, False),
    Format((".strokes.png",), "Strokes, PNG", png.write_strokes, False, False),
    Format((".strokes.tif",), "Strokes, TIFF", tiff.write_strokes, False, False),
    Format((".strokes.npy",), "Strokes, NumPy", npy.write_strokes, False, False),
)

_BY_ENDING = {ending: one for one in FORMATS for ending in one.endings}


def format_of(path: str | Path) -> Format:
    """The format of a file, by its name.

    Raises
    ------
    InputError
        If the ending is not known.
    """
    ending = _ending(Path(path).name)
    if ending is None:
        raise unknown_ending(path, _BY_ENDING)
    return _BY_ENDING[ending]


def stem_of(path: Path) -> tuple[str, str]:
    """Name of a file and its ending, of which there may be two parts: ``mask``, ``.ome.tif``."""
    ending = _ending(path.name) or path.suffix
    return path.name[: len(path.name) - len(ending)], path.name[len(path.name) - len(ending) :]


def check_write_target(path: str | Path) -> Path:
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
    (check_folder_target if format_of(path).folder else check_target)(target)
    return target


def _ending(name: str) -> str | None:
    """The longest known ending, if there is something before it."""
    fits = [e for e in _BY_ENDING if name.lower().endswith(e) and len(name) > len(e)]
    return max(fits, key=len, default=None)
