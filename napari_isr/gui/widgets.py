"""Small widgets of the dock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.colours import swatch

__all__ = ["BrushSwitch", "Choice", "Fold", "LayerChoice", "Sentence", "ThinBar", "colour_icon"]

BACKGROUND, FIRST_OBJECT = 1, 2
BAR = QColor(68, 138, 255)


def colour_icon(rgb: tuple[int, int, int], size: int = 12) -> QIcon:
    """Make a square of one colour."""
    square = QPixmap(size, size)
    square.fill(QColor(*rgb))
    return QIcon(square)


class Fold(QWidget):
    """A heading that shows or hides what is under it, hidden at first."""

    def __init__(self, name: str, title: str, content: QWidget) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setObjectName(name)
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setStyleSheet("QToolButton { border: none; background: transparent; }")
        self._content = content
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.button)
        column.addWidget(content)
        self.button.toggled.connect(self.unfold)
        self.unfold(False)

    def unfold(self, on: bool) -> None:
        """Show or hide the content."""
        self.button.setChecked(on)
        self.button.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._content.setVisible(on)


class Sentence(QLabel):
    """A line of text that wraps, and can be copied."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._colour = ""

    def tell(self, text: str, colour: str = "") -> None:
        """Show a text in a colour, or in the theme's."""
        # Setting a style sheet costs milliseconds, the same one again as well.
        if colour != self._colour:
            self._colour = colour
            self.setStyleSheet(f"color: {colour};" if colour else "")
        if text != self.text():
            self.setText(text)


class ThinBar(QWidget):
    """A progress bar that is a line.

    A QProgressBar repaints at once when its value changes, and next to an OpenGL canvas that
    means the whole window.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("isr_progress")
        self.setFixedHeight(3)
        self._share = 0.0

    def show_share(self, share: float) -> None:
        """Show how much is done, 0 to 1."""
        if share != self._share:
            self._share = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(128, 128, 128, 60))
        done = self.rect()
        done.setWidth(round(self.width() * self._share))
        painter.fillRect(done, BAR)
        painter.end()


class Choice(QComboBox):
    """A combo box of words; a word that it is given is added if it is not there."""

    chosen = Signal(str)

    def __init__(self, name: str, words: Iterable[str], tip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)
        self.addItems(list(words))
        self.currentTextChanged.connect(self.chosen)

    @property
    def word(self) -> str:
        """What is chosen."""
        return str(self.currentText())

    @word.setter
    def word(self, word: str) -> None:
        if word == self.currentText():
            return
        if self.findText(word) < 0:
            self.addItem(word)
        self.setCurrentText(word)

    def offer(self, words: Iterable[str]) -> None:
        """Replace the list; what is chosen stays chosen."""
        now = self.word
        self.blockSignals(True)
        self.clear()
        self.addItems(list(words))
        if now and self.findText(now) < 0:
            self.addItem(now)
        self.setCurrentText(now)
        self.blockSignals(False)


class LayerChoice(QComboBox):
    """A combo box of the viewer's layers of one kind, always up to date.

    Parameters
    ----------
    name : str
        The objectName.
    viewer : napari.Viewer
    accepts : callable
        Says of a layer whether it is listed.
    empty : str
        What is shown while there is no such layer.
    """

    chosen = Signal(object)

    def __init__(
        self, name: str, viewer: Any, accepts: Callable[[Layer], bool], empty: str
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setPlaceholderText(empty)
        self._viewer, self._accepts = viewer, accepts
        self._layers: list[Layer] = []
        self._events = viewer.layers.events
        for signal in (self._events.inserted, self._events.removed, self._events.reordered):
            signal.connect(self._on_layers)
        self._named: list[Layer] = []
        self.currentIndexChanged.connect(self._on_index)
        self._on_layers()

    @property
    def layer(self) -> Layer | None:
        """What is chosen."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        self.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)

    def close_down(self) -> None:
        """Stop following the layers."""
        for signal in (self._events.inserted, self._events.removed, self._events.reordered):
            signal.disconnect(self._on_layers)
        for layer in self._named:
            layer.events.name.disconnect(self._on_names)

    def _on_layers(self, event: Any = None) -> None:
        before = self.layer
        self._layers = [layer for layer in self._viewer.layers if self._accepts(layer)]
        for layer in self._named:
            layer.events.name.disconnect(self._on_names)
        for layer in self._layers:
            layer.events.name.connect(self._on_names)
        self._named = list(self._layers)
        now = before if before in self._layers else next(iter(self._layers), None)
        self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        self.setCurrentIndex(self._layers.index(now) if now is not None else -1)
        self.blockSignals(False)
        if now != before:
            self.chosen.emit(now)

    def _on_names(self, event: Any = None) -> None:
        for index, layer in enumerate(self._layers):
            self.setItemText(index, layer.name)

    def _on_index(self, index: int) -> None:
        self.chosen.emit(self.layer)


class BrushSwitch(QWidget):
    """Which label the brush draws: an object, the background, or a new object."""

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._object = FIRST_OBJECT
        self.object = _flat("isr_brush_object", "Object", "Draw strokes on this object (S)")
        self.background = _flat("isr_brush_background", "Background", "Draw the background (S)")
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
            for key in ("S", "N"):
                self._layer.bind_key(key, None)
        self._layer = layer
        self.setEnabled(layer is not None)
        if layer is not None:
            layer.events.selected_label.connect(self._show)
            layer.events.colormap.connect(self._show)
            layer.bind_key("S", lambda _: self.switch(), overwrite=True)
            layer.bind_key("N", lambda _: self.add(), overwrite=True)
        self._show()

    def pick(self, label: int) -> None:
        """Arm the brush with a label."""
        if self._layer is not None:
            self._layer.selected_label = label
            if self._layer.mode in ("pan_zoom", "pick", "erase", "transform"):
                self._layer.mode = "paint"

    def switch(self) -> None:
        """Change between object and background."""
        if self._layer is not None:
            self.pick(self._object if self._layer.selected_label == BACKGROUND else BACKGROUND)

    def add(self) -> None:
        """Arm the brush with the first label that has no strokes."""
        if self._layer is not None:
            highest = int(self._layer.data.max(initial=0))
            self.pick(max(highest + 1, FIRST_OBJECT))

    def _show(self, event: Any = None) -> None:
        layer = self._layer
        if layer is None:
            return
        label = int(layer.selected_label)
        if label >= FIRST_OBJECT:
            self._object = label
        self.object.setText(f"Object {self._object}")
        self.object.setIcon(colour_icon(swatch(layer.colormap, self._object)))
        self.background.setIcon(colour_icon(swatch(layer.colormap, BACKGROUND)))
        self.object.setChecked(label >= FIRST_OBJECT)
        self.background.setChecked(label == BACKGROUND)


def _flat(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setStyleSheet("padding: 3px 4px;")
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
