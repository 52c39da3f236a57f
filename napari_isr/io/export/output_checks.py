"""Checks of output paths."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from napari_isr.atomic_files import check_file_writable
from napari_isr.errors import InputError, suggest_name

__all__ = ["check_extension", "unknown_extension_error"]


def check_extension(path: str | Path, endings: Collection[str], what: str) -> Path:
    """Raise an InputError unless a file with a known ending can be written; nothing is written.

    Parameters
    ----------
    path : str or Path
        The file to be; its ending picks the format.
    endings : collection of str
        The known ones.
    what : str
        What is to be written, for the sentence.

    Returns
    -------
    Path
    """
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise unknown_extension_error(target, endings, f" for {what}")
    check_file_writable(target)
    return target


def unknown_extension_error(
    path: str | Path, endings: Collection[str], what: str = ""
) -> InputError:
    """Return the error for a file with an unknown extension."""
    ending = Path(path).suffix.lower()
    hint = suggest_name(ending, list(endings)) if ending else f"known: {', '.join(endings)}"
    return InputError(f"'{path}' has no known ending{what}: {hint}")
