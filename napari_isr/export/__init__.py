"""Export: one format a file, and a registry by ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.atomic import written_beside
from napari_isr.errors import InputError
from napari_isr.export import npy, png, tiff
from napari_isr.export.targets import check_ending
from napari_isr.export.values import check_value_target, write_values

__all__ = [
    "check_label_target",
    "check_value_target",
    "label_endings",
    "write_labels",
    "write_values",
]

Labels = npt.NDArray[np.integer[Any]]

_WRITERS: dict[str, Callable[[Path, Labels], None]] = {
    ".png": png.write,
    ".tif": tiff.write,
    ".tiff": tiff.write,
    ".npy": npy.write,
}


def label_endings() -> list[str]:
    """File endings that :func:`write_labels` knows."""
    return list(_WRITERS)


def check_label_target(path: str | Path) -> Path:
    """Raise an InputError unless a label image can be written there; nothing is written.

    Parameters
    ----------
    path : str or Path
        The file to be; its ending picks the format.

    Returns
    -------
    Path
    """
    return check_ending(path, _WRITERS, "a label image")


def write_labels(path: str | Path, labels: Labels) -> Path:
    """Write a label image; the file is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        Its ending picks the format: ``.png`` (8 bit, or 16 above 255), ``.tif`` or ``.npy``.
    labels : (n1, ..., nd) integer array
        0 and the objects' labels.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If the ending is unknown, the format cannot hold the labels, or the place cannot be
        written to.
    """
    target = check_label_target(path)
    array = np.asarray(labels)
    if array.min(initial=0) < 0:
        raise InputError("labels below 0 cannot be written: they are no objects")
    with written_beside(target) as temporary:
        _WRITERS[target.suffix.lower()](temporary, array)
    return target
