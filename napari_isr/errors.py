"""Exceptions for invalid input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["IncompatibleShapeError", "InputError", "suggest_name"]


class InputError(ValueError):
    """Bad input, told in one sentence that says what is wrong and how to mend it.

    The CLI prints the sentence and exits with status 2; the dock shows it in its status line.
    """


class IncompatibleShapeError(InputError):
    """A kept shape has the form that an earlier version gave it."""


def suggest_name(name: str, known: Iterable[str]) -> str:
    """List the known names, the closest match first.

    Parameters
    ----------
    name : str
        What the user typed.
    known : iterable of str
        The names that would have been right.

    Returns
    -------
    str
        For example ``"did you mean 'convex'? Known: convex, none"``.
    """
    known = list(known)
    listing = f"known: {', '.join(known)}"
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{match[0]}'? ({listing})" if match else listing
