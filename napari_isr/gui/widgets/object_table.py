"""The table of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QInputDialog,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
)

from napari_isr.gui.colors import label_rgb
from napari_isr.gui.tones import BAD, DOUBT, GOOD
from napari_isr.gui.widgets.object_shape_combo_box import ObjectShapeComboBox
from napari_isr.gui.widgets.object_table_delegates import (
    COLOR,
    DETAILS,
    HIDDEN,
    TONE,
    NameDelegate,
    StatusDelegate,
    VisibilityDelegate,
)
from napari_isr.gui.widgets.object_table_rows import ObjectTableRow

__all__ = ["ObjectTable"]

COLUMNS = ("", "Object", "Shape", "", "")
EYE, NAME, SHAPE, PROOF, DELETE = range(5)
ROW_HEIGHT, FEWEST, MOST = 36, 1, 5
NARROW, SHAPE_WIDTH = 20, 84
MARKS = {True: ("✓", GOOD), False: ("✗", BAD), None: ("", BAD)}
CHOSEN = """
QTableView { selection-background-color: transparent; }
QTableView::item:selected { background: rgba(68, 138, 255, 75); }
QHeaderView::section { border: none; padding: 3px; }
"""  # the bar's blue; marks of any colour can be read on it, in a dark and in a light theme.
# With no border, Qt keeps a picture of the header for each time that it is painted, up to 10 MB.
TIPS = (
    "Show or hide the object's outline and mask",
    "Click a row to draw strokes of its object, double-click to rename it",
    "What each object is fitted with; in italics: it follows the shape chosen above",
    "Whether the mask was checked to have its shape",
    "Delete the object; Ctrl+Z on the stroke layer brings its strokes back",
)


class ObjectTable(QTableWidget):
    """One row for each object."""

    picked = Signal(int)
    reshaped = Signal(int, str)  # an empty shape: that of all objects
    renamed = Signal(int, str)
    hidden = Signal(int, bool)
    only = Signal(int)  # hide all others
    deleted = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setObjectName("isr_objects")
        self._labels: list[int] = []
        self._shapes: tuple[str, ...] = ("convex",)
        self._set_up()
        self._name_cell, self._eye_cell = NameDelegate(self), VisibilityDelegate(self)
        self._mark_cell = StatusDelegate(self)
        self.setItemDelegateForColumn(NAME, self._name_cell)
        self.setItemDelegateForColumn(EYE, self._eye_cell)
        self.setItemDelegateForColumn(PROOF, self._mark_cell)
        self._name_cell.renamed.connect(lambda row, name: self.renamed.emit(self._at(row), name))
        self._fit_height()
        self.cellClicked.connect(self._on_click)
        self.customContextMenuRequested.connect(self._on_menu)

    def _set_up(self) -> None:
        for column, (text, tip) in enumerate(zip(COLUMNS, TIPS, strict=True)):
            item = QTableWidgetItem(text)
            item.setToolTip(tip)
            if column == NAME:
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, item)
        self.setStyleSheet(CHOSEN)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header, mode = self.horizontalHeader(), QHeaderView.ResizeMode
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        for column in range(len(COLUMNS)):
            header.setSectionResizeMode(column, mode.Stretch if column == NAME else mode.Fixed)
            self.setColumnWidth(column, SHAPE_WIDTH if column == SHAPE else NARROW)

    def set_shape_choices(self, shapes: tuple[str, ...]) -> None:
        """Set the shapes to choose from."""
        self._shapes = shapes
        for row in range(self.rowCount()):
            self.cellWidget(row, SHAPE).set_choices(shapes)

    def set_rows(self, lines: Sequence[ObjectTableRow], colormap: Any) -> None:
        """Bring the table up to date, changing only what changed."""
        labels = [line.label for line in lines]
        if labels != self._labels:
            self._labels = labels
            self.setRowCount(0)
            self.setRowCount(len(lines))
            for row, label in enumerate(labels):
                self._fill(row, label)
            self._fit_height()
        for row, line in enumerate(lines):
            name = self.item(row, NAME)
            _put(name, Qt.ItemDataRole.EditRole, line.name)
            _put(name, COLOR, label_rgb(colormap, line.label))
            _put(name, DETAILS, line.details)
            _put(name, HIDDEN, line.hidden)
            _put(name, Qt.ItemDataRole.ToolTipRole, line.tip)
            _put(self.item(row, EYE), HIDDEN, line.hidden)
            self.cellWidget(row, SHAPE).show_shape(line.shape, line.general)
            proof = self.item(row, PROOF)
            mark, meaning = ("–", DOUBT) if line.stale else MARKS[line.holds]
            _put(proof, Qt.ItemDataRole.EditRole, mark)
            _put(proof, TONE, meaning)
            _put(proof, Qt.ItemDataRole.ToolTipRole, line.sentence)

    def select(self, label: int) -> None:
        """Mark the row of a label."""
        if label not in self._labels:
            self.clearSelection()
            self.setCurrentItem(None)
        elif self.currentRow() != (row := self._labels.index(label)):
            self.setCurrentCell(row, NAME)

    def _at(self, row: int) -> int:
        """The label of a row."""
        return self._labels[row]

    def _on_click(self, row: int, column: int) -> None:
        label = self._at(row)
        if column == EYE:
            self.hidden.emit(label, not self.item(row, EYE).data(HIDDEN))
        elif column == DELETE:
            self.deleted.emit(label)
        else:
            self.picked.emit(label)

    def _on_menu(self, place: QPoint) -> None:
        row = self.rowAt(place.y())
        if row >= 0:
            menu = self.build_context_menu(row)
            menu.popup(self.viewport().mapToGlobal(place))

    def build_context_menu(self, row: int) -> QMenu:
        """What can be done with a row's object."""
        label, hidden = self._at(row), bool(self.item(row, EYE).data(HIDDEN))
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, act in (
            ("Rename", lambda: self.editItem(self.item(row, NAME))),
            ("Shape with options…", lambda: self._ask_shape(row)),
            ("Show" if hidden else "Hide", lambda: self.hidden.emit(label, not hidden)),
            ("Show only this one", lambda: self.only.emit(label)),
            ("Delete", lambda: self.deleted.emit(label)),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, act=act: act())
        return menu

    def _ask_shape(self, row: int) -> None:
        label = self._at(row)
        text, agreed = QInputDialog.getText(
            self,
            "Shape of one object",
            "For example star:center=120/88 or rotational:order=5; empty: that of all objects",
            text=self.cellWidget(row, SHAPE).own,
        )
        if agreed:
            self.reshaped.emit(label, text.strip())

    def _fit_height(self) -> None:
        """As high as its rows, within reason."""
        rows = min(max(self.rowCount(), FEWEST), MOST)
        head = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(head + rows * ROW_HEIGHT + 2 * self.frameWidth())

    def _fill(self, row: int, label: int) -> None:
        editable = Qt.ItemFlag.ItemIsEditable
        for column in (EYE, NAME, PROOF, DELETE):
            item = QTableWidgetItem("✕" if column == DELETE else "")
            if column != NAME:
                item.setFlags(item.flags() & ~editable)
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            item.setToolTip(TIPS[column])
            self.setItem(row, column, item)
        choice = ObjectShapeComboBox(label, self._shapes)
        choice.chosen.connect(lambda _: self.reshaped.emit(label, choice.object_shape))
        self.setCellWidget(row, SHAPE, choice)


def _put(item: QTableWidgetItem, role: Any, value: Any) -> None:
    """Set a value that is new; any change repaints."""
    if item.data(role) != value:
        item.setData(role, value)
