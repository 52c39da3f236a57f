"""Extensions that other packages offer through entry points."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

__all__ = ["load_plugins"]

log = logging.getLogger(__name__)


def load_plugins(group: str, register: Callable[[Any], object]) -> dict[str, str]:
    """Load all entry points of a group and register the objects that they name.

    An entry point that raises is skipped, so that it does not disable the others.

    Parameters
    ----------
    group : str
        Group of the entry points, for example ``"napari_isr.shapes"``.
    register : callable
        Called with each loaded object. It raises if the object is not a valid extension.

    Returns
    -------
    dict of str to str
        One sentence for each entry point that failed, keyed by its name. Each sentence is also
        logged as a warning.
    """
    failures: dict[str, str] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        try:
            register(point.load())
        except Exception as error:
            package = point.dist.name if point.dist is not None else "an unknown package"
            reason = " ".join(str(error).split()) or type(error).__name__
            sentence = (
                f"the extension '{point.name}' of the package '{package}' is left out, because "
                f"loading '{point.value}' failed: {reason}"
            )
            log.warning("%s%s.", sentence[:1].upper(), sentence[1:])
            failures[point.name] = sentence
    return failures
