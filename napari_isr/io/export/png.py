"""PNG label images: palette, or 16-bit gray for labels above 255."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.label_colors import palette_bytes

__all__ = ["write", "write_strokes"]


def write(path: Path, content: ExportData) -> None:
    """Write the label image; its values are labels, its palette shows them in colours."""
    content.require_2d("a PNG file")
    labels = content.labels
    highest = int(labels.max(initial=0))
    if highest > 65_535:
        raise InputError("a PNG file holds labels up to 65535: write .tif or .npy")
    picture = Image.fromarray(labels.astype(np.uint8 if highest < 256 else np.uint16))
    if highest < 256:
        picture.putpalette(palette_bytes())
    picture.save(path, format="PNG")


def write_strokes(path: Path, content: ExportData) -> None:
    """Write the strokes in the same way."""
    write(path, content.scribble_image())
