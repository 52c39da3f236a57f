"""NPY and NPZ arrays without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData, ExportObject

__all__ = ["write", "write_array", "write_npz", "write_strokes"]

ROWS = 2**18  # points that are evaluated at once


def write(path: Path, content: ExportData) -> None:
    """Write the label image."""
    write_array(path, content.labels)


def write_array(path: Path, values: npt.NDArray[Any]) -> None:
    """Write an array under exactly this name: numpy would add an ending to a temporary one."""
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def write_strokes(path: Path, content: ExportData) -> None:
    """Write the strokes."""
    write(path, content.scribble_image())


def write_npz(path: Path, content: ExportData) -> None:
    """Write masks, logits, probabilities and parameters of all objects.

    ``labels``: the label image; ``objects`` (n,): labels; ``masks`` (n, ...) bool, of overlapping
    objects whole; ``logits`` (n, ...) float32 at the output's pixels; ``probabilities`` (n, ...)
    float32 at the image's; ``parameters``: JSON text; ``weights/<label>/<name>``: of the shapes.
    """
    if not content.objects:
        raise InputError("there is no object to write: the mask is empty")
    arrays: dict[str, Any] = {
        "labels": content.labels,
        "objects": np.array([one.label for one in content.objects], np.int64),
        "masks": np.stack([one.mask for one in content.objects]),
    }
    if content.result is not None:
        items = [(one, one.item) for one in content.objects if one.item is not None]
        arrays["logits"] = np.stack([_logits(one, content.size) for one, _ in items])
        arrays["probabilities"] = np.stack([item.probability for _, item in items])
        told = {str(one.label): {"name": one.name, **item.to_dict()} for one, item in items}
        arrays["parameters"] = np.array(json.dumps(told))
        for one, item in items:
            if item.shape is not None:
                for name, value in item.shape.state_dict().items():
                    arrays[f"weights/{one.label}/{name}"] = value.detach().cpu().numpy()
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _logits(one: ExportObject, size: tuple[int, ...]) -> Any:
    """Logits at the centres of the output's pixels, a few rows at a time."""
    from napari_isr.geometry.image import meshgrid_points  # which loads torch

    item = one.item
    assert item is not None
    frame = item.image_frame or item.frame
    scale = [n / m for n, m in zip(size, frame.shape, strict=True)]
    first, *rest = frame.axis_positions(scale)
    out = np.empty(size, np.float32)
    rows = max(1, ROWS // int(np.prod(size[1:])))
    for start in range(0, len(first), rows):
        part = first[start : start + rows]
        out[start : start + rows] = item.logit(meshgrid_points([part, *rest])).reshape(
            len(part), *size[1:]
        )
    return out
