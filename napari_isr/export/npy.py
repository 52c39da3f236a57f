"""NPY: the label array as numpy keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["write"]


def write(path: Path, labels: npt.NDArray[np.integer[Any]]) -> None:
    """Write a label image."""
    with path.open("wb") as file:
        np.save(file, labels, allow_pickle=False)
