"""Which label the brush draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_isr.gui.basics.colours import swatch
from napari_isr.gui.basics.widgets import colour_icon
from napari_isr.gui.strokes import keys
from napari_isr.gui.strokes.scans import ask

__all__ = ["BrushSwitch", "arm"]

BACKGROUND, FIRST_OBJECT = 1, 2


class BrushSwitch(QWidget):
    """Which label the brush draws: an object, the background, or a new object."""

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._object = FIRST_OBJECT
        self.taken: Callable[[], Iterable[int]] = tuple  # labels of objects without strokes
        self.object = _flat("isr_brush_object", "Object", "Draw strokes on this object (S)")
        self.background = _flat("isr_brush_background", " Background", "Draw the background (S)")
        self.more = QPushButton("+")
        self.more.setObjectName("isr_brush_more")
        self.more.setFixedWidth(26)
        self.more.setToolTip("Draw one more object (N)")
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for button in (self.object, self.background):
            group.addButton(button)
            row.addWidget(button)
        row.addWidget(self.more)
        self.object.clicked.connect(lambda: self.pick(self._object))
        self.background.clicked.connect(lambda: self.pick(BACKGROUND))
        self.more.clicked.connect(self.add)
        self.watch(None)

    def watch(self, layer: Labels | None) -> None:
        """Follow a stroke layer and its keys."""
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._show)
            self._layer.events.colormap.disconnect(self._show)
            for key in (keys.SWITCH, keys.NEW):
                self._layer.bind_key(key, None)
        self._layer = layer
        self.setEnabled(layer is not None)
        if layer is not None:
            layer.events.selected_label.connect(self._show)
            layer.events.colormap.connect(self._show)
            layer.bind_key(keys.SWITCH, lambda _: self.switch(), overwrite=True)
            layer.bind_key(keys.NEW, lambda _: self.add(), overwrite=True)
        self._show()

    def pick(self, label: int) -> None:
        """Arm the brush with a label."""
        if self._layer is not None:
            self._layer.selected_label = label
            arm(self._layer)

    def switch(self) -> None:
        """Change between object and background."""
        if self._layer is not None:
            self.pick(self._object if self._layer.selected_label == BACKGROUND else BACKGROUND)

    def add(self) -> None:
        """Arm the brush with the first label that has no strokes."""
        if self._layer is not None:
            ask(self._layer.data, highest, partial(self._pick_after, self._layer))

    def _pick_after(self, layer: Labels, drawn: int) -> None:
        if layer is self._layer:
            self.pick(max([drawn, *self.taken()]) + 1)

    def _show(self, event: Any = None) -> None:
        layer = self._layer
        if layer is None:
            return
        label = int(layer.selected_label)
        if label >= FIRST_OBJECT:
            self._object = label
        self.object.setText(f" Object {self._object}")
        self.object.setIcon(colour_icon(swatch(layer.colormap, self._object)))
        self.background.setIcon(colour_icon(swatch(layer.colormap, BACKGROUND)))
        self.object.setChecked(label >= FIRST_OBJECT)
        self.background.setChecked(label == BACKGROUND)


def arm(layer: Labels) -> None:
    """Let the mouse draw strokes; a tool of napari that draws too stays."""
    if layer.mode in ("pan_zoom", "pick", "erase", "transform"):
        layer.mode = "paint"


def highest(data: Any) -> int:
    """The highest label that is drawn; 1, the background, if no object is."""
    return max(int(np.asarray(data).max(initial=BACKGROUND)), BACKGROUND)


def _flat(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setStyleSheet("padding: 3px 4px;")
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
