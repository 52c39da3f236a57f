"""PNG: one grey value per label, 8 bit, or 16 where there are labels above 255."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_isr.errors import InputError

__all__ = ["write"]


def write(path: Path, labels: npt.NDArray[np.integer[Any]]) -> None:
    """Write a 2-dimensional label image."""
    if labels.ndim != 2:
        raise InputError(
            f"a PNG file holds 2 axes, but the labels have {labels.ndim}: write .tif or .npy"
        )
    if labels.max(initial=0) > 65_535:
        raise InputError("a PNG file holds labels up to 65535: write .tif or .npy")
    dtype = np.uint8 if labels.max(initial=0) < 256 else np.uint16
    Image.fromarray(labels.astype(dtype)).save(path, format="PNG")
