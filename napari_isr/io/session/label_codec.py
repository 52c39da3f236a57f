"""Codecs of label images (PNG blocks) and of tensors (safetensors).

A block that did not change since it was last written is not written again, so that saving after a
stroke costs what the stroke costs, also in a very large image.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_isr.errors import InputError
from napari_isr.io.session.content_hash import array_digest
from napari_isr.io.session.schema import LabelBlock, LabelImageRecord

__all__ = [
    "Tensors",
    "content_filename",
    "decode_labels",
    "encode_labels",
    "from_bytes",
    "to_bytes",
]

BLOCK = 1024
MOST = 2**32 - 1  # what fits the four bytes of a pixel
Write = Callable[[str, Callable[[], bytes]], None]  # a file's name, and how to make its content
Read = Callable[[str], bytes]
Tensors = Mapping[str, npt.NDArray[np.generic]]


def encode_labels(array: Any, write: Write) -> LabelImageRecord:
    """Write an array of whole numbers as blocks.

    Parameters
    ----------
    array : (..., H, W) integer or bool array
    write : callable
        ``write(name, make)`` writes what ``make()`` gives, or leaves out a file that is there.

    Returns
    -------
    PictureRecord
    """
    kind = "bool" if array.dtype.kind == "b" else array.dtype.str[1:]
    blocks = []
    for offset, part in _blocks(array):
        plain = _narrow(part)
        name = f"{array_digest(plain)}.png"
        write(name, lambda plain=plain: _encode(plain))  # type: ignore[misc]
        blocks.append(LabelBlock(file=name, offset=offset, size=part.shape))
    return LabelImageRecord(shape=array.shape, dtype=kind, blocks=tuple(blocks))


def decode_labels(record: LabelImageRecord, read: Read) -> npt.NDArray[Any]:
    """Read what :func:`encode_labels` wrote.

    Raises
    ------
    InputError
        If a block is not what it was.
    """
    try:
        array = np.zeros(record.shape, np.dtype(record.dtype))
    except MemoryError:
        raise InputError("a picture does not fit the memory of this machine") from None
    for block in record.blocks:
        plain = _decode(read(block.file), block)
        if f"{array_digest(plain)}.png" != block.file:
            raise InputError(f"the file '{block.file}' is not what was saved")
        if not np.can_cast(plain.dtype, array.dtype) and plain.max() > _largest(array.dtype):
            raise InputError(f"the file '{block.file}' holds labels that its picture cannot")
        row, column = block.offset[-2:]
        height, width = block.size
        array[block.offset[:-2]][..., row : row + height, column : column + width] = plain
    return array


def _largest(dtype: np.dtype[Any]) -> int:
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _blocks(array: Any) -> Iterator[tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """Offset and content of each block that is not empty, cut to what is not zero."""
    height, width = array.shape[-2:]
    starts = range(0, height, BLOCK), range(0, width, BLOCK)
    for *front, row, column in product(*(range(n) for n in array.shape[:-2]), *starts):
        where = (*front, slice(row, row + BLOCK), slice(column, column + BLOCK))
        # A copy, for the user may go on drawing while it is looked at.
        part = np.array(array[where])
        rows, columns = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
        if len(rows):
            cut = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            yield (*front, row + int(rows[0]), column + int(columns[0])), cut


def _narrow(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert integers to the smallest type that a PNG can store."""
    low, high = int(part.min()), int(part.max())
    if low < 0 or high > MOST:
        raise InputError(f"labels are kept from 0 to {MOST}, not {low if low < 0 else high}")
    kind = np.uint8 if high < 2**8 else np.uint16 if high < 2**16 else np.uint32
    return np.ascontiguousarray(part, kind)


def _encode(plain: npt.NDArray[Any]) -> bytes:
    if plain.dtype == np.uint32:
        plain = plain.astype("<u4").view(np.uint8).reshape(*plain.shape, 4)
    file = io.BytesIO()
    Image.fromarray(plain).save(file, "png", compress_level=1)
    return file.getvalue()


def _decode(content: bytes, block: LabelBlock) -> npt.NDArray[Any]:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.size != block.size[::-1]:
                raise InputError(f"the file '{block.file}' has another size than was saved")
            plain = np.array(picture)
    except InputError:
        raise
    except Exception:  # a broken file makes Pillow raise almost anything
        raise InputError(f"the file '{block.file}' is no picture any more") from None
    if plain.ndim == 3 and plain.shape[-1] == 4:
        return np.ascontiguousarray(plain).view("<u4")[..., 0].astype(np.uint32)
    return plain.astype(np.uint16) if plain.dtype.kind == "i" else plain


def to_bytes(tensors: Tensors) -> bytes:
    """Arrays by name as the content of a file."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def content_filename(content: bytes) -> str:
    """Return the name of the file with this content."""
    return f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.safetensors"


def from_bytes(content: bytes, name: str) -> dict[str, npt.NDArray[np.generic]]:
    """Read what :func:`to_bytes` made.

    Raises
    ------
    InputError
        If the content is not what was saved under ``name``, or not all numbers are finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if content_filename(content) != name:
        raise InputError(f"the file '{name}' is not what was saved")
    try:
        tensors: dict[str, npt.NDArray[np.generic]] = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise InputError(f"the file '{name}' is no safetensors file") from None
    if not all(np.isfinite(value).all() for value in tensors.values()):
        raise InputError(f"the file '{name}' holds numbers that are not finite")
    return tensors
