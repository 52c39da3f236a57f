"""Names of the readers in programs that version 0.1 copied from the dock."""

from __future__ import annotations

from napari_isr.io.readers import read_array, read_probability
from napari_isr.io.readers import read_image_eager as read_image
from napari_isr.io.readers import read_scribbles as read_scribbles

__all__ = ["read_array", "read_image", "read_probability", "read_scribbles"]
