"""Memory that is free, but that the C library keeps: given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

__all__ = ["trim_heap"]


def trim_heap() -> None:
    """Return what is free; on systems where the C library has no such call, nothing happens.

    The first look at an image takes and frees hundreds of megabytes in pieces of all sizes, of
    which glibc keeps nearly all: image after image the process grew. Takes some milliseconds, in
    the thread of the fits.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
