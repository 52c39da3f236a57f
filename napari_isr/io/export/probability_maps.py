"""Probability and uncertainty maps at the resolution of the image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.npy import write_array
from napari_isr.io.export.output_checks import check_extension
from napari_isr.io.export.tiff import write_values
from napari_isr.stroke_suggestion import elementwise_max

if TYPE_CHECKING:
    from napari_isr.results.result import ObjectResult

__all__ = [
    "check_map_writable",
    "probabilities_npy",
    "probabilities_tiff",
    "uncertainty_npy",
    "uncertainty_tiff",
    "write_uncertainty",
]

Values = npt.NDArray[np.float32]
ENDINGS = (".tif", ".tiff", ".npy")


def probabilities_npy(path: Path, content: ExportData) -> None:
    """Write probabilities as an array."""
    write_array(path, _probabilities(content).astype(np.float32))


def probabilities_tiff(path: Path, content: ExportData) -> None:
    """Write probabilities as TIFF."""
    _tiff(path, content, _probabilities(content))


def uncertainty_npy(path: Path, content: ExportData) -> None:
    """Write the largest entropy of all objects, in bits, as an array."""
    write_array(path, _uncertainty(content))


def uncertainty_tiff(path: Path, content: ExportData) -> None:
    """Write the largest entropy of all objects, in bits, as TIFF."""
    _tiff(path, content, _uncertainty(content))


def _probabilities(content: ExportData) -> Values:
    """Return the probabilities of one object (...), or of several (n, ...) by rising label."""
    maps = [item.probability for item in _items(content)]
    return maps[0] if len(maps) == 1 else np.stack(maps)


def _uncertainty(content: ExportData) -> Values:
    return elementwise_max(item.uncertainty for item in _items(content))


def _items(content: ExportData) -> list[ObjectResult]:
    found = [one.item for one in content.objects if one.item is not None]
    if not found:
        raise InputError("a label image holds no probabilities: write them from a result")
    return found


def _tiff(path: Path, content: ExportData, values: Any) -> None:
    size = values.shape[-content.ndim :]
    sides = zip(content.spacing, content.image_size, size, strict=True)
    step = tuple(s * n / m for s, n, m in sides)
    axes = content.axes if values.ndim == content.ndim else ""
    write_values(path, values.astype(np.float32), step, content.unit, axes)


def check_map_writable(path: str | Path) -> Path:
    """Raise an InputError unless numbers can be written there; nothing is written.

    Parameters
    ----------
    path : str or Path
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
    path : str or Path
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
        (uncertainty_npy if array else uncertainty_tiff)(temporary, content)
    return target
