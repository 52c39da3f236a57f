"""The table of objects."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_isr.gui.colours import swatch
from napari_isr.gui.model import Row
from napari_isr.gui.widgets import Choice, colour_icon

__all__ = ["ObjectTable"]

COLUMNS = ("", "Shape", "Strokes", "Area", "")
NAME, SHAPE, STROKES, AREA, PROOF = range(5)
HOLDS, FAILS = QColor("#35a56a"), QColor("#e05d52")
INHERIT = "same"
ROW_HEIGHT = 24
TIPS = (
    "Click a row to draw strokes of its object",
    "The object's own shape; same: that of all objects, chosen above",
    "Pixels drawn on the object",
    "Area of the mask",
    "Whether the mask was checked to have its shape",
)


class ObjectTable(QTableWidget):
    """One row for each object that has strokes."""

    picked = Signal(int)
    reshaped = Signal(int, str)  # an empty shape: that of all objects

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setObjectName("isr_objects")
        self._labels: list[int] = []
        self._shapes: tuple[str, ...] = ("convex",)
        for column, (text, tip) in enumerate(zip(COLUMNS, TIPS, strict=True)):
            item = QTableWidgetItem(text)
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        for column in range(len(COLUMNS)):
            stretch = column == SHAPE
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if stretch else mode.ResizeToContents)
        self._fit_height()
        self.cellClicked.connect(lambda row, _: self.picked.emit(self._labels[row]))

    def offer(self, shapes: tuple[str, ...]) -> None:
        """Set the shapes to choose from."""
        self._shapes = shapes
        for row in range(self.rowCount()):
            self.cellWidget(row, SHAPE).offer((INHERIT, *shapes))

    def show_rows(self, rows: tuple[Row, ...], own_shapes: dict[int, str], colormap: Any) -> None:
        """Bring the table up to date, changing only what changed."""
        labels = [row.label for row in rows]
        if labels != self._labels:
            self._labels = labels
            self.setRowCount(0)
            self.setRowCount(len(rows))
            for index, row in enumerate(rows):
                self._fill(index, row.label)
            self._fit_height()
        for index, row in enumerate(rows):
            self._paint_name(self.item(index, NAME), swatch(colormap, row.label))
            self.cellWidget(index, SHAPE).word = own_shapes.get(row.label, INHERIT)
            _write(self.item(index, STROKES), f"{row.strokes:,}")
            _write(self.item(index, AREA), "–" if row.area is None else f"{row.area:,.0f}")
            proof = self.item(index, PROOF)
            _write(proof, {True: "✓", False: "✗", None: ""}[row.holds])
            proof.setForeground(HOLDS if row.holds else FAILS)
            proof.setToolTip(row.sentence)

    def select(self, label: int) -> None:
        """Mark the row of a label."""
        if label in self._labels:
            self.setCurrentCell(self._labels.index(label), NAME)
        else:
            self.clearSelection()
            self.setCurrentItem(None)

    def _paint_name(self, item: QTableWidgetItem, colour: tuple[int, int, int]) -> None:
        role = Qt.ItemDataRole.UserRole
        if item.data(role) != colour:
            item.setData(role, colour)
            item.setIcon(colour_icon(colour))

    def _fit_height(self) -> None:
        """As high as its rows, within reason."""
        rows = min(max(self.rowCount(), 2), 8)
        head = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(head + rows * ROW_HEIGHT + 2 * self.frameWidth())

    def _fill(self, index: int, label: int) -> None:
        for column in (NAME, STROKES, AREA, PROOF):
            item = QTableWidgetItem(str(label) if column == NAME else "")
            side = Qt.AlignmentFlag.AlignLeft if column == NAME else Qt.AlignmentFlag.AlignRight
            middle = column == PROOF
            item.setTextAlignment(
                Qt.AlignmentFlag.AlignCenter if middle else side | Qt.AlignmentFlag.AlignVCenter
            )
            self.setItem(index, column, item)
        choice = Choice(f"isr_shape_{label}", (INHERIT, *self._shapes), TIPS[SHAPE])
        choice.setFrame(False)
        choice.chosen.connect(
            lambda word: self.reshaped.emit(label, "" if word == INHERIT else word)
        )
        self.setCellWidget(index, SHAPE, choice)


def _write(item: QTableWidgetItem, text: str) -> None:
    """Set a text that is new; any change repaints."""
    if item.text() != text:
        item.setText(text)
