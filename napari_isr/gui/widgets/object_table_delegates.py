"""How the cells of the objects table are painted."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPainter, QPainterPath, QPalette, QPen
from qtpy.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_isr.gui.tones import status_color

__all__ = [
    "COLOR",
    "DETAILS",
    "HIDDEN",
    "TONE",
    "NameDelegate",
    "StatusDelegate",
    "VisibilityDelegate",
]

COLOR = Qt.ItemDataRole.UserRole  # (red, green, blue)
DETAILS = Qt.ItemDataRole.UserRole + 1  # the second line
HIDDEN = Qt.ItemDataRole.UserRole + 2  # whether the object is hidden
TONE = Qt.ItemDataRole.UserRole + 3  # what a mark means, see gui/basics/tones.py
SQUARE, GAP = 12, 6
DIMMED_ALPHA = 150  # alpha of the second line


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
        """Let the whole cell be the editor."""
        editor.setGeometry(option.rect)

    def setModelData(self, editor: QWidget, model: Any, index: QModelIndex) -> None:
        """Tell the new name; the table shows it when it is in the settings."""
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
