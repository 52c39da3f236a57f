"""The uncertainty in a file of any name, for which the formats have endings of their own."""

from __future__ import annotations

from pathlib import Path

from napari_isr.export import maps
from napari_isr.export.content import Content
from napari_isr.export.targets import check_ending
from napari_isr.files.atomic import written_beside

__all__ = ["check_value_target", "write_uncertainty"]

ENDINGS = (".tif", ".tiff", ".npy")


def check_value_target(path: str | Path) -> Path:
    """Raise an InputError unless numbers can be written there; nothing is written.

    Parameters
    ----------
    path : str or Path
        The file to be; its ending picks the format.

    Returns
    -------
    Path
    """
    return check_ending(path, ENDINGS, "a map of numbers")


def write_uncertainty(path: str | Path, content: Content) -> Path:
    """Write the largest entropy of all objects, in bits; the file is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        A ``.tif`` or ``.npy`` file.
    content : Content
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
    target = check_value_target(path)
    array = target.suffix.lower() == ".npy"
    with written_beside(target) as temporary:
        (maps.uncertainty_npy if array else maps.uncertainty_tiff)(temporary, content)
    return target
