"""Editors of the options of the selected shape, and its fixed options."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.controller import Controller
from napari_isr.gui.fitting.shape_spec_text import (
    clear_fixed_options,
    fixed_options,
    join_spec,
    same_shape,
    shape_of,
    split_spec,
)
from napari_isr.gui.scribbles.label_selector import ActiveObject
from napari_isr.gui.widgets._common import WrappingLabel, make_button, make_row

if TYPE_CHECKING:
    from napari_isr.shapes.options import OptionSchema

__all__ = ["FixedOptionsRow", "OptionEditor", "ShapeOptionsWidget", "make_option_editor"]

NUMBERS = ("int", "float")  # kinds of options
SHORT = 7  # letters
UNBOUNDED_OPTION = 10**6
# Two stand side by side in a narrow dock; napari's own are twice as wide.
NARROW = """
QAbstractSpinBox { min-width: 30px; padding: 1px 0px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 15px; }
"""
AUTO = "auto"
FOUND = "found by the fit"


class ShapeOptionsWidget(QWidget):
    """Controls made from what the library tells of the shape's options."""

    chosen = Signal(str)  # the shape with its options
    problem = Signal(str)  # a sentence: what cannot be
    released = Signal()  # the fit shall find again what was held

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("isr_shape_options")
        self._known: Mapping[str, tuple[OptionSchema, ...]] = {}
        self._name = ""
        self._rest: dict[str, str] = {}  # options without a control
        self._controls: dict[str, Any] = {}
        self._grid_of = QWidget()
        self._held = WrappingLabel("isr_held")
        self.release_button = make_button(
            "isr_release", "Release", "Let the fit find it again (or double-click the handle)"
        )
        self.release_button.clicked.connect(self.released)
        self._held_row = make_row(self._held, self.release_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self._grid_of)
        self._column.addWidget(self._held_row)
        self.show_fixed_options(0, [])

    @property
    def shape(self) -> str:
        """The shape with its options."""
        own = {name: control.value_text for name, control in self._controls.items()}
        return join_spec(self._name, {k: v for k, v in {**self._rest, **own}.items() if v})

    @shape.setter
    def shape(self, text: str) -> None:
        name, options = split_spec(text)
        if not same_shape(name, self._name):
            self._name = name
            self._build()
        self._name = name
        self._rest = {k: v for k, v in options.items() if k not in self._controls}
        for key, control in self._controls.items():
            control.value_text = options.get(key, "")

    def set_schemas(self, options: Mapping[str, tuple[OptionSchema, ...]]) -> None:
        """Set the options of each shape."""
        text = self.shape
        self._known = options
        self._build()
        self.shape = text

    def show_fixed_options(self, label: int, names: list[str]) -> None:
        """Show the fixed options of an object."""
        self._held.set_message(f"Object {label}: {' and '.join(names)} held" if names else "")
        self._held_row.setVisible(bool(names))
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._controls) or self._held_row.isVisibleTo(self))

    def _build(self) -> None:
        """Make the controls of the shape; those of another one go."""
        self._column.removeWidget(self._grid_of)
        self._grid_of.setParent(None)
        self._grid_of.deleteLater()
        known = (opts for name, opts in self._known.items() if same_shape(name, self._name))
        infos: tuple[OptionSchema, ...] = next(known, ())
        self._controls = {info.name: make_option_editor(info) for info in infos}
        self._grid_of = QWidget()
        grid = QGridLayout(self._grid_of)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        for row, names in enumerate(_rows(infos)):
            for place, name in enumerate(names):
                self._add(grid, name, row, 2 * place)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self._grid_of.setVisible(bool(self._controls))
        self._column.insertWidget(0, self._grid_of)
        self._show()

    def _add(self, grid: QGridLayout, name: str, row: int, column: int) -> None:
        control = self._controls[name]
        control.edited.connect(self._choose)
        if hasattr(control, "problem"):
            control.problem.connect(self.problem)
        if control.info.kind == "bool":  # has its name beside the tick
            grid.addWidget(control, row, 0, 1, 4)
            return
        label = QLabel(name)
        label.setToolTip(control.toolTip())
        label.setBuddy(control)
        grid.addWidget(label, row, column)
        grid.addWidget(control, row, column + 1, 1, 1 if control.info.kind in NUMBERS else 3)

    def _choose(self) -> None:
        self.chosen.emit(self.shape)


def _rows(infos: Iterable[OptionSchema]) -> list[list[str]]:
    """Group options in rows: two numbers with short names, or one of any kind."""
    rows: list[list[str]] = []
    short: list[str] = []
    for info in infos:
        if info.kind in NUMBERS and len(info.name) <= SHORT:
            short.append(info.name)
        else:
            rows.append([info.name])
    return rows + [short[k : k + 2] for k in range(0, len(short), 2)]


class FixedOptionsRow:
    """Keeps the row up to date with the object that the brush is on.

    Parameters
    ----------
    options : ShapeOptionsWidget
        Has the row.
    controller : Controller
    """

    def __init__(self, options: ShapeOptionsWidget, controller: Controller) -> None:
        self._options, self._controller = options, controller
        self._active = ActiveObject()
        self._active.changed.connect(self._show)
        settings = controller.settings
        settings.events.shape.connect(self._show)
        settings.events.own_shapes.connect(self._show)
        controller.layers.events.scribbles.connect(self._active.set_layer)
        options.released.connect(self._release)
        self._active.set_layer(controller.scribble_layer)
        self._show()

    def close(self) -> None:
        """Release the scribble layer."""
        self._active.set_layer(None)

    def _show(self) -> None:
        label = self._active.label
        self._options.show_fixed_options(
            label, fixed_options(shape_of(self._controller.settings, label))
        )

    def _release(self, *_: Any) -> None:
        alone = len(self._controller.state.rows) <= 1
        clear_fixed_options(self._controller.settings, self._active.label, alone=alone)


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
    """Base class of editors of numbers. Their lowest step may mean ``auto``."""

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
        """Text of the value, empty for the default."""
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
