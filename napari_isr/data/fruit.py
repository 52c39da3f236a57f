"""Painted tomatoes behind leaves, with the true outlines of their hidden parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_isr.data.sample import Sample

__all__ = ["fruit"]

FILES = Path(__file__).parent / "files"
LABELS = (2, 3)


def fruit() -> Sample:
    """Load two tomatoes that leaves and stems partly hide, (512, 512, 3) RGB.

    ``tools/write_fruit_sample.py`` paints the files.

    Returns
    -------
    sample : Sample
        Objects 2 and 3. The truth of each is convex and includes the hidden parts.

    Examples
    --------
    >>> from napari_isr.data import load_sample
    >>> sample = load_sample("fruit")
    >>> sample.image.shape, sorted(sample.truth)
    ((512, 512, 3), [2, 3])
    """
    return Sample(
        name="fruit",
        title="Fruit behind leaves",
        image=_read("fruit.png"),
        scribbles=_read("fruit-scribbles.png"),
        truth={label: _read(f"fruit-truth-{label}.png") > 0 for label in LABELS},
        shapes=dict.fromkeys(LABELS, "convex"),
    )


def _read(name: str) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(FILES / name) as image:
        return np.array(image, dtype=np.uint8)
