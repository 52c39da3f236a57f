"""The shape of one object in the table: its own, or the one that is chosen for all."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QStyle, QStyleOptionComboBox

from napari_isr.gui.fitting.shape_spec_text import split_spec
from napari_isr.gui.widgets._common import StringComboBox

__all__ = ["FOLLOW", "ObjectShapeComboBox"]

FOLLOW = "as chosen above"  # the first entry of the list
DIMMED_ALPHA = 150  # alpha of a shape that is not the object's own
MARGIN, ARROW = 4, 16  # pixels left of the text, and for the arrow
SMALLER = 0.85  # font of a long name, and of a sum, which takes two lines
LIST_WIDTH = 150
STYLE = "QComboBox { background: transparent; padding: 0px 2px; }"  # beside names, not above them


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
