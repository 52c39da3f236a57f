"""Shapes as text, ``star:center=120/88``: parsed and changed without the library; no Qt.

The text is not validated here. The library does that in a background thread.
"""

from __future__ import annotations

from collections.abc import Mapping

from napari_isr.gui.models import DockSettings
from napari_isr.gui.shape_catalog import OPTION_ALIASES, pose_options

__all__ = [
    "clear_fixed_options",
    "fixed_options",
    "join_spec",
    "same_shape",
    "set_shape_of",
    "shape_of",
    "split_spec",
]


def split_spec(text: str) -> tuple[str, dict[str, str]]:
    """Return the name of a shape and its options."""
    name, _, tail = text.partition(":")
    pairs = (item.partition("=") for item in tail.split(",") if item.strip())
    options = {key.strip(): value.strip() for key, _, value in pairs}
    return name.strip(), {OPTION_ALIASES.get(k, k): value for k, value in options.items()}


def join_spec(name: str, options: Mapping[str, str]) -> str:
    """Return the text of a shape. Inverse of :func:`split_spec`."""
    tail = ",".join(f"{key}={value}" for key, value in options.items())
    return f"{name}:{tail}" if tail else name


def same_shape(one: str, other: str) -> bool:
    """Return whether two names mean one shape. The parts of a sum may come in any order."""
    return {part.strip() for part in one.split("+")} == {part.strip() for part in other.split("+")}


def fixed_options(text: str) -> list[str]:
    """Return the names of the options that fix a position."""
    return [key for key in split_spec(text)[1] if key in pose_options()]


def shape_of(settings: DockSettings, label: int) -> str:
    """Return the shape of an object, its own or the common one."""
    return settings.own_shapes.get(label, settings.shape)


def set_shape_of(settings: DockSettings, label: int, text: str, *, alone: bool) -> None:
    """Set the shape of an object, or that of all objects if it is the only one.

    A position that is right for one object is wrong for others.
    """
    if alone and label not in settings.own_shapes:
        settings.shape = text
        return
    own = {k: v for k, v in settings.own_shapes.items() if k != label}
    if text != settings.shape:
        own[label] = text
    if own != settings.own_shapes:
        settings.own_shapes = own


def clear_fixed_options(settings: DockSettings, label: int, *, alone: bool) -> None:
    """Remove the options that fix a position of an object, so that the fit finds it."""
    name, options = split_spec(shape_of(settings, label))
    free = {key: value for key, value in options.items() if key not in pose_options()}
    set_shape_of(settings, label, join_spec(name, free), alone=alone)
