"""A column that scrolls where the window is too low for it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QFrame, QScrollArea, QWidget

__all__ = ["VerticalScrollArea"]

LEAST_HEIGHT = 240
WIDTH = 330  # to begin with
PAUSE_MS = 120  # every sentence asks for it: not while outlines are waited for


class VerticalScrollArea(QScrollArea):
    """Shows a widget in full width, and scrolls up and down only.

    Without it, the widget's height would be the least height of napari's whole window, which on a
    small screen then reaches below its edge.

    Parameters
    ----------
    content : QWidget
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setObjectName("isr_scroll")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setWidget(content)
        content.installEventFilter(self)
        self._later = QTimer(self)  # dies with the widget
        self._later.setSingleShot(True)
        self._later.setInterval(PAUSE_MS)
        self._later.timeout.connect(self._fit)
        self._fit()

    def sizeHint(self) -> QSize:
        """As large as the content likes to be, and not narrow to begin with."""
        wanted = self.widget().sizeHint()
        return QSize(max(WIDTH, self.minimumWidth()), wanted.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what the content needs; let the wheel scroll, not change what it passes over."""
        if watched is self.widget():
            if event.type() == QEvent.Type.LayoutRequest:
                self._later.start()
        elif event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        """Never be narrower than the content, the bar included."""
        for kind in (QComboBox, QAbstractSpinBox):
            for control in self.widget().findChildren(kind):
                control.installEventFilter(self)  # once, however often it is asked for
                if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(
            self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        )
