"""Colours with a meaning, which can be read on a dark and on a light theme."""

from __future__ import annotations

from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget

__all__ = [
    "ALARM",
    "BAD",
    "DOUBT",
    "GOOD",
    "ON_DARK",
    "status_color",
    "status_colors",
    "status_stylesheet",
]

GOOD, BAD, DOUBT, ALARM = "good", "bad", "doubt", "alarm"
ON_DARK = {GOOD: "#3dbb7a", BAD: "#ec7268", DOUBT: "#e0a030"}
ON_LIGHT = {GOOD: "#17703f", BAD: "#b3261e", DOUBT: "#855300"}

# White on red in any theme.
ALARMING = (
    "QLabel { background: #b3261e; color: white; font-weight: bold;"
    " padding: 4px 6px; border-radius: 3px; }"
)


def status_color(name: str, widget: QWidget) -> str:
    """The colour of a meaning as ``#rrggbb``, for what is written on a widget.

    Parameters
    ----------
    name : {"good", "bad", "doubt"}
    widget : QWidget
        Whose theme counts; one that has a colour of its own does not tell it.
    """
    return status_colors(widget)[name]


def status_colors(widget: QWidget) -> dict[str, str]:
    """The colours of all meanings."""
    text = widget.palette().color(QPalette.ColorRole.WindowText)
    return ON_DARK if text.lightness() > 127 else ON_LIGHT


def status_stylesheet(name: str, around: QWidget) -> str:
    """The style sheet of a sentence: empty where it has no meaning of its own.

    Parameters
    ----------
    name : {"", "good", "bad", "doubt", "alarm"}
    around : QWidget
        What the sentence stands on.
    """
    if name == ALARM:
        return ALARMING
    return f"color: {status_color(name, around)};" if name else ""
