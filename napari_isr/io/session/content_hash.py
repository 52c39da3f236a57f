"""Content hashes that identify images and arrays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.io.readers import read_image_eager
from napari_isr.lazy_arrays import is_lazy, iter_chunks

__all__ = ["DIGEST", "array_digest", "image_key"]

DIGEST = r"[0-9a-f]{32}"
WHOLE = 64 * 2**20  # bytes: of larger images, rows spread over the whole are looked at
ROWS = 256
READ = 16 * 2**20  # bytes at once


def image_key(image: Any) -> str:
    """Key of an image: the same for the same pixels, whatever its name and place.

    Parameters
    ----------
    image : array or path
        Pixels, or a file of an image. Of arrays over 64 MB, of which a dask or zarr array need
        not be in memory, 256 rows spread over the image are looked at.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    InputError
        If a file cannot be read as an image.
    """
    array = read_image_eager(Path(image)) if isinstance(image, str | Path) else image
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        array = np.asarray(array)
    size = int(np.prod(array.shape)) * array.dtype.itemsize
    if size <= WHOLE or not array.shape:
        return array_digest(np.asarray(array))
    while array.shape[0] == 1 and len(array.shape) > 1:
        array = array[0]
    rows = np.unique(np.linspace(0, array.shape[0] - 1, ROWS).astype(int))
    share = max(1, size // array.shape[0] * len(rows) // WHOLE)
    if is_lazy(array) and len(array.shape) <= 3:
        seen = _rows(array, rows).reshape(len(rows), -1)[:, ::share]
    else:
        seen = np.stack([np.asarray(array[int(row)]).reshape(-1)[::share] for row in rows])
    return array_digest(seen, about=str(tuple(array.shape)))


def _rows(array: Any, rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """Return some rows of an image, and read every chunk once."""
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for window in iter_chunks(array, READ):
        first, last = np.searchsorted(rows, [window[0].start, window[0].stop])
        if first < last:
            part = np.asarray(array[window])
            found[(slice(first, last), *window[1:])] = part[rows[first:last] - window[0].start]
    return found


def array_digest(array: npt.NDArray[Any], about: str = "") -> str:
    """Hash of an array's type, size and content.

    Parameters
    ----------
    array : array
    about : str, optional
        What else makes it differ.
    """
    plain = np.ascontiguousarray(array)
    known = hashlib.blake2b(f"{plain.dtype.str} {plain.shape} {about}".encode(), digest_size=16)
    known.update(plain.reshape(-1).view(np.uint8).data)
    return known.hexdigest()
