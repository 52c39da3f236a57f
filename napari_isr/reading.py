"""The former home of the readers, for programs that the dock copied before 25 November 2026.

Their lasting names are ``napari_isr.read_image``, ``read_strokes``, ``read_array`` and
``read_probability``.
"""

from __future__ import annotations

from napari_isr.io.readers import read_array, read_probability
from napari_isr.io.readers import read_image_eager as read_image
from napari_isr.io.readers import read_scribbles as read_scribbles

__all__ = ["read_array", "read_image", "read_probability", "read_scribbles"]
