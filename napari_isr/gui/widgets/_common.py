"""Small widgets of the dock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.models import DockSettings
from napari_isr.gui.theme import status_stylesheet

__all__ = [
    "CollapsibleSection",
    "LayerComboBox",
    "StringComboBox",
    "ThinProgressBar",
    "VerticalScrollArea",
    "WrappingLabel",
    "bind_checkbox",
    "bind_combo_box",
    "color_swatch_icon",
    "make_button",
    "make_checkbox",
    "make_form_layout",
    "make_row",
    "setter",
]

BAR = QColor(68, 138, 255)
LEAST_HEIGHT = 240
WIDTH = 330  # to begin with
PAUSE_MS = 120  # every sentence asks for it: not while outlines are waited for
LEAST_WIDTH = 80


def color_swatch_icon(rgb: tuple[int, int, int], size: int = 12) -> QIcon:
    """Make a square of one colour."""
    square = QPixmap(size, size)
    square.fill(QColor(*rgb))
    return QIcon(square)


class CollapsibleSection(QWidget):
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
        self.button.toggled.connect(self.set_expanded)
        self.set_expanded(False)

    def set_expanded(self, on: bool) -> None:
        """Show or hide the content."""
        self.button.setChecked(on)
        self.button.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._content.setVisible(on)


class WrappingLabel(QLabel):
    """A line of text that wraps, and can be copied."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._tone = self._style = ""

    def minimumSizeHint(self) -> QSize:
        """Return the height of one line. The number of lines depends on the width."""
        return QSize(0, self.fontMetrics().lineSpacing())

    def set_message(self, text: str, meaning: str = "") -> None:
        """Show a text in the theme's colour, or in one of :mod:`napari_isr.gui.theme`."""
        self._tone = meaning
        self._dress()
        if text != self.text():
            self.setText(text)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._dress()

    def _dress(self) -> None:
        style = status_stylesheet(self._tone, self.parentWidget() or self)
        # Setting a style sheet costs milliseconds, the same one again as well.
        if style != self._style:
            self._style = style
            self.setStyleSheet(style)


class ThinProgressBar(QWidget):
    """A progress bar that is a line.

    A QProgressBar repaints at once when its value changes, and next to an OpenGL canvas that
    means the whole window.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("isr_progress")
        self.setFixedHeight(3)
        self._share = 0.0

    def set_fraction(self, share: float) -> None:
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


class StringComboBox(QComboBox):
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
    def current_text(self) -> str:
        """Selected text."""
        return str(self.currentText())

    @current_text.setter
    def current_text(self, word: str) -> None:
        if word == self.currentText():
            return
        if self.findText(word) < 0:
            self.addItem(word)
        self.setCurrentText(word)

    def set_choices(self, words: Iterable[str]) -> None:
        """Replace the list; what is chosen stays chosen."""
        now = self.current_text
        self.blockSignals(True)
        self.clear()
        self.addItems(list(words))
        if now and self.findText(now) < 0:
            self.addItem(now)
        self.setCurrentText(now)
        self.blockSignals(False)


def make_button(name: str, text: str, tip: str) -> QPushButton:
    """Make a push button."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    return made


def make_checkbox(name: str, text: str, tip: str) -> QCheckBox:
    """Make a box to tick."""
    made = QCheckBox(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    return made


def make_form_layout(parent: QWidget | None = None) -> QFormLayout:
    """Make a compact form."""
    made = QFormLayout(parent)
    made.setContentsMargins(0, 0, 0, 0)
    made.setHorizontalSpacing(8)
    made.setVerticalSpacing(4)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return made


def make_row(*widgets: QWidget, stretch: tuple[int, ...] = (1,)) -> QWidget:
    """Put widgets side by side; ``stretch`` for the first ones."""
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, stretch[index] if index < len(stretch) else 0)
    return box


class VerticalScrollArea(QScrollArea):
    """Shows a widget in full width, and scrolls up and down only.

    Without it, the widget's height would be the least height of napari's whole window, which on a
    small screen then reaches below its edge.

    Parameters
    ----------
    content : QWidget
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setObjectName("isr_scroll")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setWidget(content)
        content.installEventFilter(self)
        self._later = QTimer(self)  # dies with the widget
        self._later.setSingleShot(True)
        self._later.setInterval(PAUSE_MS)
        self._later.timeout.connect(self._fit)
        self._fit()

    def sizeHint(self) -> QSize:
        """Return the preferred size of the content, with a minimal width."""
        wanted = self.widget().sizeHint()
        return QSize(max(WIDTH, self.minimumWidth()), wanted.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what the content needs; let the wheel scroll, not change what it passes over."""
        if watched is self.widget():
            if event.type() == QEvent.Type.LayoutRequest:
                self._later.start()
        elif event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        """Never be narrower than the content, the bar included."""
        for kind in (QComboBox, QAbstractSpinBox):
            for control in self.widget().findChildren(kind):
                control.installEventFilter(self)  # once, however often it is asked for
                if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(
            self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        )


def setter(target: Any, name: str) -> Callable[[Any], None]:
    """Make a function that sets the attribute ``name`` of ``target``, for a signal."""
    return lambda value: setattr(target, name, value)


def bind_combo_box(box: StringComboBox, chosen: DockSettings, name: str) -> None:
    """Bind a combo box to the setting ``name`` in both directions."""
    box.chosen.connect(setter(chosen, name))
    chosen.events[name].connect(setter(box, "current_text"))


def bind_checkbox(box: QCheckBox, chosen: DockSettings, name: str) -> None:
    """Bind a checkbox to the setting ``name`` in both directions."""
    box.setChecked(getattr(chosen, name))
    box.toggled.connect(setter(chosen, name))
    chosen.events[name].connect(lambda on: box.setChecked(on))


class LayerComboBox(QComboBox):
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

    def minimumSizeHint(self) -> QSize:
        """Leave space for a button beside it in a narrow dock, however long the names are."""
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())

    @property
    def layer(self) -> Layer | None:
        """Selected layer."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        self.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)

    def disconnect_events(self) -> None:
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
