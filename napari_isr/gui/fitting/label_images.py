"""The masks of all objects as label images, without those that are hidden; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_isr.results.result import Result

__all__ = ["compose_label_images"]


def compose_label_images(
    result: Result, hidden: Collection[int] = ()
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Paint the masks over each other, the higher label on top.

    Parameters
    ----------
    result : Result
    hidden : collection of int
        Labels that are left out: what they cover comes to light.

    Returns
    -------
    raw, isr : (H, W) integer arrays
        The predictor's masks and the shapes', values are labels.
    """
    objects = sorted(result.objects.items())
    size = objects[0][1].frame.shape
    dtype = np.uint8 if objects[-1][0] < 256 else np.uint16
    raw, isr = np.zeros(size, dtype), np.zeros(size, dtype)
    for label, item in objects:
        if label not in hidden:
            raw[item.probability > 0.5] = label
            isr[item.mask] = label
    return raw, isr
