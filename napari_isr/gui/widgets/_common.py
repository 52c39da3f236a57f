"""Small widgets of the dock."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.tones import status_stylesheet

__all__ = [
    "CollapsibleSection",
    "StringComboBox",
    "ThinProgressBar",
    "WrappingLabel",
    "color_swatch_icon",
    "make_button",
    "make_checkbox",
    "make_form_layout",
    "make_row",
]

BAR = QColor(68, 138, 255)


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
        """One line: how many there are depends on the width, which the layout asks for."""
        return QSize(0, self.fontMetrics().lineSpacing())

    def set_message(self, text: str, meaning: str = "") -> None:
        """Show a text in the theme's colour, or in one of :mod:`napari_isr.gui.tones`."""
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
        """What is chosen."""
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
