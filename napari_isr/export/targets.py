"""Whether a file of some kind can be written somewhere."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from napari_isr.errors import InputError, nearest
from napari_isr.files.atomic import check_target

__all__ = ["check_ending", "unknown_ending"]


def check_ending(path: str | Path, endings: Collection[str], what: str) -> Path:
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
        raise unknown_ending(target, endings, f" for {what}")
    check_target(target)
    return target


def unknown_ending(path: str | Path, endings: Collection[str], what: str = "") -> InputError:
    """The error for a file whose ending is none of these."""
    ending = Path(path).suffix.lower()
    hint = nearest(ending, list(endings)) if ending else f"known: {', '.join(endings)}"
    return InputError(f"'{path}' has no known ending{what}: {hint}")
