"""Bounding boxes of objects as a text file."""

import numpy as np

from napari_isr import ExportFormat


def write_boxes(path, data):
    """Write label, name, first and last row and column of each object."""
    lines = []
    for one in data.objects:
        pixels = np.argwhere(one.mask)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        numbers = np.stack([low, high], axis=1).ravel()
        lines.append(" ".join(map(str, [one.label, *numbers])))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


BOXES = ExportFormat((".boxes",), "Bounding boxes", write_boxes)
