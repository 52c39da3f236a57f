"""Readers of sequences: folders or patterns of image files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_isr.errors import InputError
from napari_isr.io.chunked import is_zarr

__all__ = ["list_sequence_files", "read_sequence"]

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")
WILD = re.compile(r"[*?\[]")


def read_sequence(path: Path, read: Callable[[Path], Any], axes: str | None) -> Any:
    """Read one file, or a stack of those in a folder or of a pattern.

    Parameters
    ----------
    path : Path
        A file; a folder, whose pictures are the frames; or a pattern such as ``frames/*.png``.
    read : callable
        Reads one file.
    axes : str or None
        What the axes are; with three or more a folder or a pattern is read.

    Returns
    -------
    array
        As ``read`` gives it, or with the frames along a first axis: in the order of the numbers
        in their names.

    Raises
    ------
    InputError
        If there is no picture, or the pictures differ in size.
    """
    several = (path.is_dir() and not is_zarr(path)) or (
        not path.exists() and WILD.search(path.name) is not None
    )
    if not several:
        return read(path)
    if axes is None or len(axes) < 3:
        raise InputError(
            f"'{path}' is a folder or a pattern: name an image file, or add --axes tyx if its "
            "pictures are the frames of a sequence (zyx: the planes of a volume)"
        )
    frames = [(one, read(one)) for one in list_sequence_files(path)]
    first = frames[0][1]
    for name, frame in frames:
        if frame.shape != first.shape:
            raise InputError(
                f"the frame '{name}' has the size {frame.shape}, but the first one has "
                f"{first.shape}: bring all to one size"
            )
    return np.stack([frame for _, frame in frames])


def list_sequence_files(path: Path) -> list[Path]:
    """Files of a folder or a pattern, ``frame2.png`` before ``frame10.png``.

    Raises
    ------
    InputError
        If there is none.
    """
    found = path.iterdir() if path.is_dir() else path.parent.glob(path.name)
    pictures = [p for p in found if p.suffix.lower() in ENDINGS and p.is_file()]
    if not pictures:
        raise InputError(
            f"'{path}' holds no picture: name a file, a folder of frames (png, jpg, tif, npy) or a "
            "pattern in quotes, for example 'frames/*.png'"
        )
    return sorted(pictures, key=_in_order)


def _in_order(path: Path) -> list[tuple[int, int, str]]:
    """Numbers in a name count by their value."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]
