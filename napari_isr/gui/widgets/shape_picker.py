"""Shape picker: a tile for each shape, and one line with its hint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_isr.gui.fitting.shape_spec_text import same_shape
from napari_isr.gui.shape_catalog import ShapeCard, shape_catalog
from napari_isr.gui.theme import theme_color, themed_icon
from napari_isr.gui.widgets._common import WrappingLabel

__all__ = ["ShapePicker", "Tile"]

# Pixels.
ICON_SIZE = 24
# Lines of text below the tiles. Their space is reserved, so that nothing moves.
HINT_LINES = 2
# Below a shape are its mirror-symmetric and its rotationally symmetric kind.
COLUMNS = 4
STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: -COLUMNS,
    Qt.Key.Key_Down: COLUMNS,
}
STYLE = """
QToolButton {{ border: 1px solid transparent; border-radius: 3px; background: {tile};
  padding: 1px 0px 0px 0px; font-size: 8pt; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:focus {{ border: 1px solid {focus}; }}
QToolButton:checked {{ background: {chosen}; color: {on}; }}
"""


class Tile(QToolButton):
    """Button of one shape, which reports when the mouse or the focus enters and leaves.

    Parameters
    ----------
    name : str
        Name of the shape.
    """

    pointed = Signal(str)
    left = Signal()
    stepped = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.card = shape_catalog().get(name, ShapeCard(name, f"{name.capitalize()}."))
        self.setObjectName(f"isr_tile_{name}")
        self.setText(self.card.title.replace(" + ", "\n+ "))
        self.setAccessibleName(f"shape {name}")
        self.setToolTip(f"{self.card.hint}\nArrow keys go from tile to tile.")
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(ICON_SIZE, ICON_SIZE))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        # A click must not take the keyboard from the canvas.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def update_icon(self, color: str, color_on: str) -> None:
        """Draw the icon in the colors of the theme."""
        drawing = self.card.icon or shape_catalog()["none"].icon
        self.setIcon(themed_icon(drawing, color_on if self.isChecked() else color, ICON_SIZE))

    def enterEvent(self, event: QEvent) -> None:
        """Report that the mouse entered."""
        super().enterEvent(event)
        self.pointed.emit(self.card.hint)

    def leaveEvent(self, event: QEvent) -> None:
        """Report that the mouse left."""
        super().leaveEvent(event)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step to a neighbor with the arrow keys."""
        step = STEPS.get(event.key())
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Report that the keyboard focus entered."""
        super().focusInEvent(event)
        self.pointed.emit(self.card.hint)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Report that the keyboard focus left."""
        super().focusOutEvent(event)
        self.left.emit()


class ShapePicker(QWidget):
    """Tiles of the shapes, one of which is chosen, above a line with its hint.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer whose theme the tiles follow.
    name : str
        Initially chosen shape.
    """

    chosen = Signal(str)

    def __init__(self, viewer: Any, name: str) -> None:
        super().__init__()
        self.setObjectName("isr_shape")
        self.setToolTip("What every object's mask shall be")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._viewer, self._name, self._n_choices, self._closed = viewer, name, 0, False
        self._tiles: dict[str, Tile] = {}
        self._group = QButtonGroup(self)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.line = WrappingLabel("isr_shape_when")
        self.line.setMinimumHeight(HINT_LINES * self.line.fontMetrics().lineSpacing())
        self.line.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(self._grid)
        column.addWidget(self.line)
        self._make_tiles(shape_catalog())
        viewer.events.theme.connect(self._apply_theme)

    @property
    def current_shape(self) -> str:
        """The name of the chosen shape."""
        return self._name

    @current_shape.setter
    def current_shape(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self._update_checked()
            self.chosen.emit(name)

    def count(self) -> int:
        """Return the number of shapes in the library, 0 before it is loaded."""
        return self._n_choices

    def set_choices(self, names: Iterable[str]) -> None:
        """Show the shapes of the library."""
        names = tuple(names)
        self._n_choices = len(names)
        if set(names) != set(self._tiles):
            self._make_tiles(names)

    def tile(self, name: str) -> Tile:
        """Return the tile of a shape."""
        return self._tiles[name]

    def close_down(self) -> None:
        """Disconnect from the viewer."""
        if not self._closed:
            self._closed = True
            self._viewer.events.theme.disconnect(self._apply_theme)

    def _make_tiles(self, names: Iterable[str]) -> None:
        for tile in self._tiles.values():
            self._group.removeButton(tile)
            tile.setParent(None)
            tile.deleteLater()
        self._tiles = {name: self._make_tile(name) for name in names}
        for index, tile in enumerate(self._tiles.values()):
            self._grid.addWidget(tile, *divmod(index, COLUMNS))
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self._update_checked()

    def _make_tile(self, name: str) -> Tile:
        tile = Tile(name)
        tile.clicked.connect(lambda: self._choose(name))
        tile.pointed.connect(self.line.set_message)
        tile.left.connect(self._show_hint)
        tile.stepped.connect(lambda step: self._step(name, step))
        self._group.addButton(tile)
        return tile

    def _choose(self, name: str) -> None:
        if not same_shape(name, self._name):
            self.current_shape = name

    def _step(self, name: str, step: int) -> None:
        """Choose the tile at a distance from another, if there is one."""
        names = list(self._tiles)
        index = names.index(name) + step
        if 0 <= index < len(names):
            self._tiles[names[index]].setFocus(Qt.FocusReason.TabFocusReason)
            self._tiles[names[index]].click()

    def _update_checked(self) -> None:
        """Highlight the tile of the chosen shape, or none for an unknown name."""
        self._group.setExclusive(False)
        for name, tile in self._tiles.items():
            tile.setChecked(same_shape(name, self._name))
        self._group.setExclusive(True)
        self._apply_theme()
        self._show_hint()

    def _show_hint(self) -> None:
        checked = [tile.card.hint for tile in self._tiles.values() if tile.isChecked()]
        self.line.set_message(checked[0] if checked else "")

    def _apply_theme(self) -> None:
        theme = str(self._viewer.theme)
        roles = {"tile": "foreground", "hover": "highlight", "focus": "icon", "chosen": "current"}
        colors = {name: theme_color(theme, role) for name, role in roles.items()}
        text, on = theme_color(theme, "icon"), theme_color(theme, "text")
        style = STYLE.format(**colors, on=on)
        if style != self.styleSheet():
            self.setStyleSheet(style)
        for tile in self._tiles.values():
            tile.update_icon(text, on)
