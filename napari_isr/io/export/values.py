"""The uncertainty in a file of any name, for which the formats have endings of their own."""

from __future__ import annotations

from pathlib import Path

from napari_isr.atomic_files import atomic_write
from napari_isr.io.export import probability_maps as maps
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.output_checks import check_extension

__all__ = ["check_map_writable", "write_uncertainty"]

ENDINGS = (".tif", ".tiff", ".npy")


def check_map_writable(path: str | Path) -> Path:
    """Raise an InputError unless numbers can be written there; nothing is written.

    Parameters
    ----------
    path : str or BoxTrack
        The file to be; its ending picks the format.

    Returns
    -------
    Path
    """
    return check_extension(path, ENDINGS, "a map of numbers")


def write_uncertainty(path: str | Path, content: ExportData) -> Path:
    """Write the largest entropy of all objects, in bits; the file is there whole or not at all.

    Parameters
    ----------
    path : str or BoxTrack
        A ``.tif`` or ``.npy`` file.
    content : ExportData
        A result, made ready to be written.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If the ending is unknown or the place cannot be written to.
    """
    target = check_map_writable(path)
    array = target.suffix.lower() == ".npy"
    with atomic_write(target) as temporary:
        (maps.uncertainty_npy if array else maps.uncertainty_tiff)(temporary, content)
    return target
