"""Weights and probabilities as safetensors: numbers only, nothing in them can run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError

__all__ = ["Tensors", "content_filename", "from_bytes", "to_bytes"]

Tensors = Mapping[str, npt.NDArray[np.generic]]


def to_bytes(tensors: Tensors) -> bytes:
    """Arrays by name as the content of a file."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def content_filename(content: bytes) -> str:
    """Name of the file with this content."""
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
