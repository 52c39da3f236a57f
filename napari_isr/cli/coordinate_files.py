"""Further coordinates from files: ``--coordinate depth=depth.png``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import CoordinateMap
from napari_isr.io.readers import read_array

__all__ = ["read_coordinates"]


def read_coordinates(texts: Sequence[str]) -> dict[str, CoordinateMap]:
    """Read ``NAME=FILE``, ``NAME:WEIGHT=FILE`` or ``NAME:WEIGHT:UNIT=FILE``.

    Parameters
    ----------
    texts : sequence of str
        One for each coordinate; files of one number for each pixel.

    Returns
    -------
    dict of str to Coordinate

    Raises
    ------
    InputError
        If a text is not of that form, a name is given twice, or a file cannot be used.

    Examples
    --------
    >>> read_coordinates(["depth"])
    Traceback (most recent call last):
    ...
    napari_isr.errors.InputError: --coordinate depth: write NAME=FILE or NAME:WEIGHT=FILE, for \
example depth=depth.png or depth:2=depth.png
    """
    found: dict[str, CoordinateMap] = {}
    for text in texts:
        head, equals, path = text.partition("=")
        name, *more = (part.strip() for part in head.split(":"))
        if not equals or not path or not name or len(more) > 2:
            raise _malformed(text)
        if name in found:
            raise InputError(f"--coordinate {text}: '{name}' is given twice")
        try:
            weight = float(more[0]) if more and more[0] else 1.0
        except ValueError:
            raise _malformed(text) from None
        found[name] = CoordinateMap(read_array(Path(path)), weight, *more[1:])
    return found


def _malformed(text: str) -> InputError:
    return InputError(
        f"--coordinate {text}: write NAME=FILE or NAME:WEIGHT=FILE, for example depth=depth.png "
        "or depth:2=depth.png"
    )
