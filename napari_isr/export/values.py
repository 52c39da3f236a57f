"""Maps of numbers, such as an uncertainty, as TIFF or NPY."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.atomic import written_beside
from napari_isr.export import npy, tiff
from napari_isr.export.targets import check_ending

__all__ = ["check_value_target", "write_values"]

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


def write_values(path: str | Path, values: npt.NDArray[np.floating[Any]]) -> Path:
    """Write numbers as float32; the file is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        A ``.tif`` or ``.npy`` file.
    values : (n1, ..., nd) array
        The numbers.

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
    single = np.asarray(values, np.float32)
    with written_beside(target) as temporary:
        if target.suffix.lower() == ".npy":
            npy.write_array(temporary, single)
        else:
            tiff.write_values(temporary, single)
    return target
