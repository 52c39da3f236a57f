"""Preferences of the user on the page ``Preferences > napari-isr``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_isr.lazy_arrays import MEMORY

__all__ = ["PLUGIN", "Preferences"]

log = logging.getLogger(__name__)

PLUGIN = "napari-isr"


@dataclass
class Preferences:
    """The values, which follow napari's settings while they are being changed.

    The names are those of the manifest's ``configurations``.

    Parameters
    ----------
    device : str
        Where fits run, as :class:`napari_isr.Segmenter` takes it.
    pause_ms : int
        Changes nearer to each other than this are fitted as one.
    memory : int
        Megabytes that pixels of an image that is not in memory may take.
    autosave : bool
        Whether strokes are saved as they are drawn.
    autosave_seconds : float
        A change is saved so long after it.
    shape, predictor, features : str
        What a new dock begins with.
    live : bool
        Whether a new dock fits after every stroke.
    """

    device: str = "auto"
    pause_ms: int = 30
    memory: int = int(MEMORY)
    autosave: bool = True
    autosave_seconds: float = 1.0
    shape: str = "convex"
    predictor: str = "auto"
    features: str = "auto"
    live: bool = True

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def __post_init__(self) -> None:
        self._followed: list[tuple[Any, Any]] = []

    @classmethod
    def from_napari(cls) -> Preferences:
        """Read and follow the settings of napari; the defaults where it knows none.

        That is so where the plugin is switched off, or was put on Python's path by hand.
        """
        found = cls()
        for page in _pages():
            for name in {one.name for one in fields(cls)} & set(type(page).model_fields):
                found._take(page, name)
                emitter, follow = page.events[name], partial(found._take, page, name)
                emitter.connect(follow)
                found._followed.append((emitter, follow))
        return found

    def close(self) -> None:
        """Follow no more."""
        for emitter, follow in self._followed:
            emitter.disconnect(follow)
        self._followed = []

    def _take(self, page: Any, name: str, event: Any = None) -> None:
        setattr(self, name, getattr(page, name))


def _pages() -> Iterator[Any]:
    """Yield the sections of the plugin settings, one for each configuration of the manifest."""
    try:
        from napari.settings import get_plugin_settings

        settings = get_plugin_settings(PLUGIN)
    except (ImportError, KeyError):
        return
    except Exception:  # a settings file that was written by hand may hold anything
        log.exception("napari's settings of this plugin could not be read")
        return
    for name in type(settings).model_fields:
        page = getattr(settings, name)
        if hasattr(page, "events"):
            yield page
