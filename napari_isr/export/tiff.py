"""TIFF: labels with any number of axes, losslessly compressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_isr.errors import InputError

__all__ = ["write"]


def write(path: Path, labels: npt.NDArray[np.integer[Any]]) -> None:
    """Write a label image."""
    dtype = np.min_scalar_type(max(int(labels.max(initial=0)), 0))
    if dtype.itemsize > 4:
        raise InputError("a TIFF file holds labels up to 4294967295: write .npy")
    tifffile.imwrite(path, labels.astype(dtype), compression="zlib", photometric="minisblack")
