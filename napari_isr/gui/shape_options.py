"""The line for the options of the chosen shape, hidden where there are none."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

__all__ = ["ShapeOptions"]


class ShapeOptions(QWidget):
    """Options as they are written after the colon: ``order=5,centre=120/88``."""

    chosen = Signal(str)  # the shape with its options

    def __init__(self) -> None:
        super().__init__()
        self._known: Mapping[str, Mapping[str, str]] = {}
        self._name = ""
        self.line = QLineEdit()
        self.line.setObjectName("isr_shape_options")
        self.line.editingFinished.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(QLabel("Options"))
        row.addWidget(self.line, 1)
        self._explain()

    @property
    def shape(self) -> str:
        """The shape with its options."""
        tail = self.line.text().strip()
        return f"{self._name}:{tail}" if tail else self._name

    @shape.setter
    def shape(self, text: str) -> None:
        self._name, _, tail = text.partition(":")
        if self.line.text().strip() != tail:
            self.line.setText(tail)
        self._explain()

    def offer(self, options: Mapping[str, Mapping[str, str]]) -> None:
        """Tell which options each shape has, and what each is for."""
        self._known = options
        self._explain()

    def _choose(self) -> None:
        self.chosen.emit(self.shape)

    def _explain(self) -> None:
        known = self._known.get(self._name, {})
        self.line.setPlaceholderText(", ".join(f"{key}=…" for key in known))
        told = "\n".join(f"{key}: {what}" for key, what in known.items())
        self.line.setToolTip(f"Options of this shape, separated by commas:\n{told}")
        self.setVisible(bool(known) or bool(self.line.text()))
