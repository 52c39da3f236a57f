"""Extensions that other packages offer through entry points."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

__all__ = ["PluginLoader", "load_plugins"]

log = logging.getLogger(__name__)


class PluginLoader:
    """Loads the entry points of one group on first use. It can be used by several threads.

    Parameters
    ----------
    group : str
        Group of the entry points.
    register : callable
        Called with each loaded object, see :func:`load_plugins`.

    Attributes
    ----------
    failures : dict of str to str
        One sentence for each entry point that failed, keyed by its name.
    """

    def __init__(self, group: str, register: Callable[[Any], object]) -> None:
        self.failures: dict[str, str] = {}
        self._group, self._register = group, register
        self._lock, self._loaded = threading.RLock(), False

    def load(self) -> None:
        """Load the entry points, unless that was done or is being done by this thread."""
        with self._lock:
            if not self._loaded:
                self._loaded = True
                self.failures.update(load_plugins(self._group, self._register))


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
