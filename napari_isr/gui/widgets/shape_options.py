"""The options of the chosen shape, each with its control, and what is held fixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_isr.gui.fitting.shape_spec_text import join_spec, same_shape, split_spec
from napari_isr.gui.widgets._common import WrappingLabel, make_button, make_row
from napari_isr.gui.widgets.option_editors import make_option_editor

if TYPE_CHECKING:
    from napari_isr.shapes.options import OptionSchema

__all__ = ["ShapeOptionsWidget"]

NUMBERS = ("int", "float")  # kinds of options
SHORT = 7  # letters


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
        """Tell which options each shape has."""
        text = self.shape
        self._known = options
        self._build()
        self.shape = text

    def show_fixed_options(self, label: int, names: list[str]) -> None:
        """Say what of an object is held fixed, if anything."""
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
    """Which options stand in one row: two numbers with short names, anything else by itself."""
    rows: list[list[str]] = []
    short: list[str] = []
    for info in infos:
        if info.kind in NUMBERS and len(info.name) <= SHORT:
            short.append(info.name)
        else:
            rows.append([info.name])
    return rows + [short[k : k + 2] for k in range(0, len(short), 2)]
