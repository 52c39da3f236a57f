"""Selector of the label that the brush draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_isr.gui import keybindings as keys
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.theme import label_rgb
from napari_isr.gui.widgets._common import color_swatch_icon
from napari_isr.scribbles import BACKGROUND, FIRST_OBJECT

__all__ = ["ActiveObject", "LabelSelector", "activate_paint_mode"]


class LabelSelector(QWidget):
    """Selector of the label that the brush draws: an object, the background, or a new object.

    Parameters
    ----------
    executor : BackgroundExecutor
        Finds the highest label of a large layer.
    """

    def __init__(self, executor: BackgroundExecutor) -> None:
        super().__init__()
        self._executor = executor
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
        self.object.clicked.connect(lambda: self.select_label(self._object))
        self.background.clicked.connect(lambda: self.select_label(BACKGROUND))
        self.more.clicked.connect(self.select_new_label)
        self.set_layer(None)

    def set_layer(self, layer: Labels | None) -> None:
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
            layer.bind_key(keys.SWITCH, lambda _: self.toggle_background(), overwrite=True)
            layer.bind_key(keys.NEW, lambda _: self.select_new_label(), overwrite=True)
        self._show()

    def select_label(self, label: int) -> None:
        """Arm the brush with a label."""
        if self._layer is not None:
            self._layer.selected_label = label
            activate_paint_mode(self._layer)

    def toggle_background(self) -> None:
        """Change between object and background."""
        if self._layer is not None:
            self.select_label(
                self._object if self._layer.selected_label == BACKGROUND else BACKGROUND
            )

    def select_new_label(self) -> None:
        """Arm the brush with the first label that has no strokes."""
        if self._layer is not None:
            self._executor.scan(self._layer.data, max_label, partial(self._pick_after, self._layer))

    def _pick_after(self, layer: Labels, drawn: int) -> None:
        if layer is self._layer:
            self.select_label(max([drawn, *self.taken()]) + 1)

    def _show(self, event: Any = None) -> None:
        layer = self._layer
        if layer is None:
            return
        label = int(layer.selected_label)
        if label >= FIRST_OBJECT:
            self._object = label
        self.object.setText(f" Object {self._object}")
        self.object.setIcon(color_swatch_icon(label_rgb(layer.colormap, self._object)))
        self.background.setIcon(color_swatch_icon(label_rgb(layer.colormap, BACKGROUND)))
        self.object.setChecked(label >= FIRST_OBJECT)
        self.background.setChecked(label == BACKGROUND)


def activate_paint_mode(layer: Labels) -> None:
    """Activate the brush of napari, unless another drawing tool is active."""
    if layer.mode in ("pan_zoom", "pick", "erase", "transform"):
        layer.mode = "paint"


def max_label(data: Any) -> int:
    """Return the highest label, or 1 for the background alone."""
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


class ActiveObject:
    """Follows the selected label of a stroke layer."""

    changed = Signal()

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._label = FIRST_OBJECT

    @property
    def label(self) -> int:
        """The object's label."""
        return self._label

    def set_layer(self, layer: Labels | None) -> None:
        """Follow another layer, or none."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._look)
        self._layer = layer
        if layer is not None:
            layer.events.selected_label.connect(self._look)
            self._look()

    def _look(self) -> None:
        label = int(self._layer.selected_label) if self._layer is not None else 0
        if label >= FIRST_OBJECT and label != self._label:
            self._label = label
            self.changed.emit()
