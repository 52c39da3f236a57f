"""One control for each option of a shape: spin boxes, ticks, lists of words, places."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

if TYPE_CHECKING:
    from napari_isr.shapes.options import OptionSchema

__all__ = ["OptionEditor", "make_option_editor"]

UNBOUNDED_OPTION = 10**6
# Two stand side by side in a narrow dock; napari's own are twice as wide.
NARROW = """
QAbstractSpinBox { min-width: 30px; padding: 1px 0px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 15px; }
"""
AUTO = "auto"
FOUND = "found by the fit"


class OptionEditor:
    """A control with its option; a mixin for widgets that have ``edited``.

    The value is the text after the ``=``, empty for the default.
    """

    info: OptionSchema

    def apply_schema(self, info: OptionSchema) -> None:
        """Take name and tooltip from the option."""
        self.info = info
        widget: Any = self
        widget.setObjectName(f"isr_option_{info.name}")
        widget.setAccessibleName(info.name)
        tip = f"{info.description[:1].upper()}{info.description[1:]}"
        widget.setToolTip(f"{tip}." if tip else info.name)

    @property
    def default(self) -> str:
        """The default as it is written."""
        value = self.info.default
        return AUTO if value is None and self.info.auto else str(value)


class NumberBox(OptionEditor):
    """What whole and other numbers have in common; the lowest step is ``auto`` where it may be."""

    edited = Signal()

    def set_up(self, info: OptionSchema, step: float) -> None:
        """Set limits, and the default."""
        box: Any = self
        self.apply_schema(info)
        kind = int if info.kind == "int" else float
        low = kind(-UNBOUNDED_OPTION if info.minimum is None else info.minimum)
        box.setRange(low - step if info.auto else low, kind(info.maximum or UNBOUNDED_OPTION))
        box.setSingleStep(step)
        if info.auto:
            box.setSpecialValueText(AUTO)
        box.setKeyboardTracking(False)  # 24 is not 2 first
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.setStyleSheet(NARROW)
        self.value_text = ""
        box.valueChanged.connect(lambda _: self.edited.emit())

    @property
    def value_text(self) -> str:
        """The number as it is written; empty for the default."""
        box: Any = self
        text = AUTO if self._is_auto() else f"{box.value():g}"
        return "" if text == self.default else text

    @value_text.setter
    def value_text(self, text: str) -> None:
        box: Any = self
        text = text or self.default
        kind = int if self.info.kind == "int" else float
        try:
            value = box.minimum() if text == AUTO else kind(text)
        except ValueError:
            return  # the library says what is wrong with it
        box.blockSignals(True)
        box.setValue(value)
        box.blockSignals(False)

    def _is_auto(self) -> bool:
        box: Any = self
        return self.info.auto and box.value() == box.minimum()


class IntBox(NumberBox, QSpinBox):
    """A whole number."""

    edited = Signal()

    def __init__(self, info: OptionSchema) -> None:
        QSpinBox.__init__(self)
        self.set_up(info, 1)


class FloatBox(NumberBox, QDoubleSpinBox):
    """A number."""

    edited = Signal()

    def __init__(self, info: OptionSchema) -> None:
        QDoubleSpinBox.__init__(self)
        self.setDecimals(3)
        self.set_up(info, 0.1)


class BoolBox(OptionEditor, QCheckBox):
    """Yes or no."""

    edited = Signal()

    def __init__(self, info: OptionSchema) -> None:
        QCheckBox.__init__(self, info.name)
        self.apply_schema(info)
        self.setChecked(bool(info.default))
        self.toggled.connect(lambda _: self.edited.emit())

    @property
    def value_text(self) -> str:
        """``true`` or ``false``; empty for the default."""
        return "" if self.isChecked() == self.info.default else str(self.isChecked()).lower()

    @value_text.setter
    def value_text(self, text: str) -> None:
        self.blockSignals(True)
        self.setChecked((text or str(self.info.default)).lower() in ("true", "1", "yes", "on"))
        self.blockSignals(False)


class ChoiceBox(OptionEditor, QComboBox):
    """One of several words."""

    edited = Signal()

    def __init__(self, info: OptionSchema) -> None:
        QComboBox.__init__(self)
        self.apply_schema(info)
        self.addItems([*([AUTO] if info.auto else []), *info.choices])
        self.value_text = ""
        self.currentTextChanged.connect(lambda _: self.edited.emit())

    @property
    def value_text(self) -> str:
        """The word; empty for the default."""
        return "" if self.currentText() == self.default else str(self.currentText())

    @value_text.setter
    def value_text(self, text: str) -> None:
        self.blockSignals(True)
        self.setCurrentText(text or self.default)
        self.blockSignals(False)


class TextBox(OptionEditor, QLineEdit):
    """A place as numbers with slashes, or any text."""

    edited = Signal()
    problem = Signal(str)

    def __init__(self, info: OptionSchema) -> None:
        QLineEdit.__init__(self)
        self.apply_schema(info)
        self._told = ""
        self.setPlaceholderText(FOUND if info.auto else str(info.default))
        self.editingFinished.connect(self._finish)

    @property
    def value_text(self) -> str:
        """What is written; empty for the default."""
        return "".join(str(self.text()).split())

    @value_text.setter
    def value_text(self, text: str) -> None:
        self._told = text
        if text != self.value_text:
            self.setText(text)

    def _finish(self) -> None:
        text = self.value_text
        if text == self._told:
            return
        self._told = text
        if self.info.kind == "place" and text and not _is_place(text):
            self.problem.emit(
                f"{self.info.name.capitalize()} takes numbers with a slash between them, "
                "for example 120.5/88; leave it empty and the fit finds it."
            )
        else:
            self.edited.emit()


def make_option_editor(info: OptionSchema) -> QWidget:
    """Make the control that fits an option."""
    made = {"int": IntBox, "float": FloatBox, "bool": BoolBox, "choice": ChoiceBox}
    kind: Any = made.get(info.kind, TextBox)
    return kind(info)


def _is_place(text: str) -> bool:
    try:
        return all(math.isfinite(float(part)) for part in text.split("/"))
    except ValueError:
        return False
