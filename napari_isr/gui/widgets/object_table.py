"""Table of objects with its delegates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import QModelIndex, QPoint, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_isr.gui.fitting.shape_spec_text import split_spec
from napari_isr.gui.theme import BAD, DOUBT, GOOD, label_rgb, status_color
from napari_isr.gui.widgets._common import StringComboBox
from napari_isr.gui.widgets.object_table_rows import ObjectTableRow

__all__ = [
    "COLOR",
    "DETAILS",
    "FOLLOW",
    "HIDDEN",
    "TONE",
    "NameDelegate",
    "ObjectShapeComboBox",
    "ObjectTable",
    "StatusDelegate",
    "VisibilityDelegate",
]

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
COLOR = Qt.ItemDataRole.UserRole  # (red, green, blue)
DETAILS = Qt.ItemDataRole.UserRole + 1  # the second line
HIDDEN = Qt.ItemDataRole.UserRole + 2  # whether the object is hidden
TONE = Qt.ItemDataRole.UserRole + 3  # what a mark means, see gui/basics/tones.py
SQUARE, GAP = 12, 6
DIMMED_ALPHA = 150  # alpha of the second line
FOLLOW = "as chosen above"  # the first entry of the list
MARGIN, ARROW = 4, 16  # pixels left of the text, and for the arrow
SMALLER = 0.85  # font of a long name, and of a sum, which takes two lines
LIST_WIDTH = 150
STYLE = "QComboBox { background: transparent; padding: 0px 2px; }"  # beside names, not above them


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
        """Return the label of a row."""
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
        """Build the menu of the object of a row."""
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
        """Fit the height to the rows, up to a limit."""
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


class NameDelegate(QStyledItemDelegate):
    """A colour, the name, and below it strokes and area."""

    renamed = Signal(int, str)  # row, new name

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint the cell."""
        color, box = _begin(self, painter, option, index)
        name = QRect(box.left() + 2, box.top() + 2, box.width() - 4, box.height() // 2 - 1)
        square = QRect(name.left(), name.center().y() - SQUARE // 2 + 1, SQUARE, SQUARE)
        swatch = QColor(*(index.data(COLOR) or (128, 128, 128)))
        if index.data(HIDDEN):
            swatch.setAlpha(70)
            color.setAlpha(DIMMED_ALPHA)
        painter.fillRect(square, swatch)
        right = name.adjusted(SQUARE + GAP, 0, 0, 0)
        _write(painter, right, option.font, color, str(index.data() or ""))
        small = QFont(option.font)
        small.setPointSizeF(max(6.0, option.font.pointSizeF() * 0.8))
        color.setAlpha(DIMMED_ALPHA)
        below = name.translated(0, name.height() - 1)
        _write(painter, below, small, color, str(index.data(DETAILS) or ""))
        painter.restore()

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Set the geometry of the editor to the whole cell."""
        editor.setGeometry(option.rect)

    def setModelData(self, editor: QWidget, model: Any, index: QModelIndex) -> None:
        """Emit the new name. The table shows it when it is in the settings."""
        if isinstance(editor, QLineEdit):
            self.renamed.emit(index.row(), editor.text())


class VisibilityDelegate(QStyledItemDelegate):
    """An eye, struck out where the object is hidden."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint the cell."""
        color, box = _begin(self, painter, option, index)
        hidden = bool(index.data(HIDDEN))
        color.setAlpha(110 if hidden else 220)
        middle = QRectF(box).center()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color, 1.3))
        left, right = middle - QPointF(7, 0), middle + QPointF(7, 0)
        lids = QPainterPath(left)
        lids.quadTo(middle - QPointF(0, 8), right)
        lids.quadTo(middle + QPointF(0, 8), left)
        painter.drawPath(lids)
        painter.setBrush(color)
        painter.drawEllipse(middle, 1.8, 1.8)
        if hidden:
            painter.drawLine(middle + QPointF(-6, 5), middle + QPointF(6, -5))
        painter.restore()


class StatusDelegate(QStyledItemDelegate):
    """A sign that keeps its own colour in the selected row, too."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint the cell."""
        _, box = _begin(self, painter, option, index)
        meaning = index.data(TONE)
        if meaning is not None:
            bold = QFont(option.font)
            bold.setBold(True)
            painter.setFont(bold)
            painter.setPen(QColor(status_color(meaning, option.widget)))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(index.data() or ""))
        painter.restore()


def _begin(
    cell: QStyledItemDelegate, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
) -> tuple[QColor, QRect]:
    """Paint the background; the colour to write in, and where. The painter is to be restored."""
    shown = QStyleOptionViewItem(option)
    cell.initStyleOption(shown, index)
    shown.text = ""
    widget = option.widget
    widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, widget)
    painter.save()
    return QColor(widget.palette().color(QPalette.ColorRole.Text)), option.rect


def _write(painter: QPainter, box: QRect, font: QFont, color: QColor, text: str) -> None:
    painter.setFont(font)
    painter.setPen(color)
    short = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)


class ObjectShapeComboBox(StringComboBox):
    """Offers the shapes for one object.

    While it follows the shape of all objects, that shape's name is written faintly and in italics,
    so that the column tells what each object is fitted with.

    Parameters
    ----------
    label : int
        Of the object.
    shapes : iterable of str
        What there is to choose from.
    """

    def __init__(self, label: int, shapes: Iterable[str]) -> None:
        super().__init__(f"isr_shape_{label}", (FOLLOW, *shapes), "")
        self._general = ""
        self.setFrame(False)
        self.setStyleSheet(STYLE)
        self.view().setMinimumWidth(LIST_WIDTH)
        self.currentTextChanged.connect(self._explain)

    @property
    def object_shape(self) -> str:
        """The object's own shape; empty if it follows that of all."""
        return "" if self.current_text == FOLLOW else self.current_text

    @property
    def shown(self) -> str:
        """The name that is written."""
        return split_spec(self.object_shape or self._general)[0]

    def show_shape(self, own: str, general: str) -> None:
        """Show what is chosen for the object, and for all."""
        self.current_text = own or FOLLOW
        if general != self._general:
            self._general = general
            self.update()
        self._explain()

    def set_choices(self, shapes: Iterable[str]) -> None:
        """Replace the shapes to choose from."""
        super().set_choices((FOLLOW, *shapes))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Write the name; the list's first entry is too long for a narrow column."""
        painter = QPainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        self.style().drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option, painter, self)
        color = self.palette().color(QPalette.ColorRole.Text)
        font = self.font()
        if not self.object_shape:
            color.setAlpha(DIMMED_ALPHA)
            font.setItalic(True)
        painter.setPen(color)
        box = self.rect().adjusted(MARGIN, 0, -ARROW, 0)
        lines = self.shown.replace("+", "\n+ ").splitlines()
        painter.setFont(font)
        if max(painter.fontMetrics().horizontalAdvance(line) for line in lines) > box.width() or (
            len(lines) > 1
        ):
            font.setPointSizeF(SMALLER * font.pointSizeF())
            painter.setFont(font)
        metrics = painter.fontMetrics()
        fitting = [metrics.elidedText(x, Qt.TextElideMode.ElideRight, box.width()) for x in lines]
        painter.drawText(
            box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "\n".join(fitting)
        )
        painter.end()

    def _explain(self) -> None:
        what = (
            f"The object's own shape: {self.object_shape}"
            if self.object_shape
            else (f"Follows the shape chosen above for all objects: {self._general}")
        )
        self.setToolTip(f"{what}\nChoose another one here for this object alone")
