"""Reader of sessions for napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_isr.gui.layers.utils import METADATA_KIND
from napari_isr.gui.theme import scribble_colormap
from napari_isr.io.session import ENDING, Session, load_session

__all__ = ["get_reader", "session_layers"]

LayerData = tuple[Any, ...]
NOTHING: list[LayerData] = [(None,)]  # what napari takes for "read, and there is no layer to add"


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Give the reader of a session; None for other files.

    Parameters
    ----------
    path : str or list of str
    """
    if isinstance(path, str) and path.lower().endswith(ENDING):
        return read
    return None


def read(path: str) -> list[LayerData]:
    """Open a session in the dock of napari's window; without a window, as layers."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return session_layers(load_session(path))
    from napari_isr.gui.launch import get_or_create_dock

    get_or_create_dock(viewer).open_session(path)
    return NOTHING


def session_layers(session: Session) -> list[LayerData]:
    """Image, strokes and masks, as napari takes layers.

    The image is left out if its file is not there and it is not embedded.
    """
    about = session.snapshot.image
    where: dict[str, Any] = {}
    for name in ("scale", "translate", "units"):
        value = getattr(about, name)
        if len(value) == len(about.shape):
            where[name] = value
    found: list[LayerData] = []
    name = about.name or "image"
    if session.pixels is not None:
        rgb = session.pixels.ndim > len(about.shape)
        found.append((session.pixels, {"name": name, "rgb": rgb, **where}, "image"))
    elif about.path and Path(about.path).is_file():
        array = session.image()
        found.append(
            (array, {"name": name, "rgb": array.ndim > len(about.shape), **where}, "image")
        )
    if session.strokes is not None:
        drawn = {"metadata": {METADATA_KIND: "strokes"}, "colormap": scribble_colormap(), **where}
        strokes = np.asarray(session.strokes)
        found.append((strokes, {"name": f"{name} [strokes]", **drawn}, "labels"))
    if session.result is not None:
        masks = session.result.labels(shape=about.shape)
        found.append((masks, {"name": f"{name} [isr]", **where}, "labels"))
    return found
