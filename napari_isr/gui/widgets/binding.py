"""A control and a setting that follow each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QCheckBox

from napari_isr.gui.models import DockSettings
from napari_isr.gui.widgets._common import StringComboBox

__all__ = ["bind_checkbox", "bind_combo_box", "setter"]


def setter(target: Any, name: str) -> Callable[[Any], None]:
    """Make a function that sets the attribute ``name`` of ``target``, for a signal."""
    return lambda value: setattr(target, name, value)


def bind_combo_box(box: StringComboBox, chosen: DockSettings, name: str) -> None:
    """Let a drop-down list and the setting ``name``, a word, follow each other."""
    box.chosen.connect(setter(chosen, name))
    chosen.events[name].connect(setter(box, "current_text"))


def bind_checkbox(box: QCheckBox, chosen: DockSettings, name: str) -> None:
    """Let a tick box and the setting ``name``, which is on or off, follow each other."""
    box.setChecked(getattr(chosen, name))
    box.toggled.connect(setter(chosen, name))
    chosen.events[name].connect(lambda on: box.setChecked(on))
