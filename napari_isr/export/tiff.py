"""TIFF: labels with any number of axes, losslessly compressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

__all__ = ["write"]


def write(path: Path, labels: npt.NDArray[np.integer[Any]]) -> None:
    """Write a label image."""
    dtype = np.uint8 if labels.max(initial=0) < 256 else np.uint16
    tifffile.imwrite(path, labels.astype(dtype), compression="zlib", photometric="minisblack")
