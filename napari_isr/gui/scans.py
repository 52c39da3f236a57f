"""Questions about all pixels of a layer, which for a large one a thread answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from napari_isr.gui.fitting.worker import run_in_thread

__all__ = ["ASYNC_QUERY_BYTES", "any_nonzero", "compute_async_if_large"]

ASYNC_QUERY_BYTES = 2**22  # bytes

Found = TypeVar("Found")


def compute_async_if_large(
    data: Any, question: Callable[[Any], Found], answer: Callable[[Found], None]
) -> None:
    """Compute something of an array, and give it to ``answer`` in this thread.

    Parameters
    ----------
    data : array
        Of any library. One that is small is looked at before this returns; a larger one would keep
        the window from being drawn meanwhile, so it is looked at in another thread.
    question : callable
        ``question(data)``.
    answer : callable
        Is given what was found; it has to look whether that is still asked for.
    """
    if getattr(data, "nbytes", ASYNC_QUERY_BYTES) < ASYNC_QUERY_BYTES:
        answer(question(data))
    else:
        run_in_thread(lambda: question(data), answer)


def any_nonzero(data: Any) -> bool:
    """Whether any pixel is not 0."""
    return bool(np.any(data))
