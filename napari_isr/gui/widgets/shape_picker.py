"""The shape picker: a tile for each shape, and one line that says when to choose it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_isr.gui.fitting.shape_spec_text import same_shape
from napari_isr.gui.theme import ICONS, theme_color, themed_icon
from napari_isr.gui.widgets._common import WrappingLabel

__all__ = ["TILES", "ShapePicker", "Tile"]

ICON_SIZE = 24
LINES = 2  # of text under the tiles, kept free so that nothing jumps


class TileText(NamedTuple):
    """What a tile says: a short name, and when to choose the shape."""

    text: str
    when: str


# Four to a row: below a shape are its mirror-symmetric and its rotationally symmetric kind.
TILES = {
    "none": TileText("none", "None: the predictor's mask as it is, nothing is promised."),
    "convex": TileText("convex", "Convex: no dents. Cells, fruit, stones, balls."),
    "star": TileText("star", "Star: seen whole from one point inside. Starfish, leaves, hands."),
    "connected": TileText(
        "connected", "Connected: one piece without holes. Animals, roads, vessels."
    ),
    "mirror": TileText("mirror", "Mirror: two equal halves. Butterflies, faces, vases."),
    "convex+mirror": TileText(
        "convex\n+ mirror", "Convex + mirror: no dents, two equal halves. Eggs, nuts."
    ),
    "star+mirror": TileText(
        "star\n+ mirror", "Star + mirror: a star of two equal halves. Leaves, beetles."
    ),
    "periodic": TileText(
        "periodic", "Periodic: it repeats on a lattice. Windows, tiles, crystals."
    ),
    "rotational": TileText(
        "rotational", "Rotational: repeats in a turn. Flowers, wheels, propellers."
    ),
    "convex+rotational": TileText(
        "convex\n+ rotation", "Convex + rotational: no dents, repeats in a turn. Coins, signs."
    ),
    "star+rotational": TileText(
        "star\n+ rotation", "Star + rotational: a star that repeats in a turn. Starfish, gears."
    ),
}
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
    """One shape; tells when the mouse or the focus comes and goes."""

    pointed = Signal(str)
    left = Signal()
    stepped = Signal(int)  # by so many tiles

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        card = TILES.get(name, TileText(name, f"{name.capitalize()}."))
        self.when = card.when
        self.setObjectName(f"isr_tile_{name}")
        self.setText(card.text)
        self.setAccessibleName(f"shape {name}")
        self.setToolTip(f"{card.when}\nArrow keys go from tile to tile.")
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(ICON_SIZE, ICON_SIZE))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        # A click must not take the keyboard from the canvas.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def update_icon(self, color: str, color_on: str) -> None:
        """Draw the icon in the theme's colours."""
        name = self.name if (ICONS / f"{self.name}.svg").is_file() else "none"
        self.setIcon(themed_icon(name, color_on if self.isChecked() else color, ICON_SIZE))

    def enterEvent(self, event: QEvent) -> None:
        """The mouse is on the tile."""
        super().enterEvent(event)
        self.pointed.emit(self.when)

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse has gone."""
        super().leaveEvent(event)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys go to the neighbours."""
        step = STEPS.get(event.key())
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The keyboard is on the tile."""
        super().focusInEvent(event)
        self.pointed.emit(self.when)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The keyboard has gone."""
        super().focusOutEvent(event)
        self.left.emit()


class ShapePicker(QWidget):
    """Tiles of the shapes, one of which is chosen.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme is followed.
    word : str
        The shape that is chosen at first.
    """

    chosen = Signal(str)

    def __init__(self, viewer: Any, word: str) -> None:
        super().__init__()
        self.setObjectName("isr_shape")
        self.setToolTip("What every object's mask shall be")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._viewer, self._word, self._offered, self._closed = viewer, word, 0, False
        self._tiles: dict[str, Tile] = {}
        self._group = QButtonGroup(self)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.line = WrappingLabel("isr_shape_when")
        self.line.setMinimumHeight(LINES * self.line.fontMetrics().lineSpacing())
        self.line.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(self._grid)
        column.addWidget(self.line)
        self._lay(TILES)
        viewer.events.theme.connect(self._dress)

    @property
    def current_shape(self) -> str:
        """The name of the chosen shape."""
        return self._word

    @current_shape.setter
    def current_shape(self, word: str) -> None:
        if word != self._word:
            self._word = word
            self._mark()
            self.chosen.emit(word)

    def count(self) -> int:
        """How many shapes the library offered; 0 before it is loaded."""
        return self._offered

    def set_choices(self, names: Iterable[str]) -> None:
        """Show the shapes that there are."""
        names = tuple(names)
        self._offered = len(names)
        if set(names) != set(self._tiles):
            known = [name for name in TILES if name in names]
            self._lay([*known, *(name for name in names if name not in TILES)])

    def tile(self, name: str) -> Tile:
        """The tile of a shape."""
        return self._tiles[name]

    def close_down(self) -> None:
        """Let go of the viewer."""
        if not self._closed:
            self._closed = True
            self._viewer.events.theme.disconnect(self._dress)

    def _lay(self, names: Iterable[str]) -> None:
        for tile in self._tiles.values():
            self._group.removeButton(tile)
            tile.setParent(None)
            tile.deleteLater()
        self._tiles = {name: self._make(name) for name in names}
        for index, tile in enumerate(self._tiles.values()):
            self._grid.addWidget(tile, *divmod(index, COLUMNS))
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self._mark()

    def _make(self, name: str) -> Tile:
        tile = Tile(name)
        tile.clicked.connect(lambda: self._choose(name))
        tile.pointed.connect(self.line.set_message)
        tile.left.connect(self._tell)
        tile.stepped.connect(lambda step: self._go(name, step))
        self._group.addButton(tile)
        return tile

    def _choose(self, name: str) -> None:
        if not same_shape(name, self._word):
            self.current_shape = name

    def _go(self, name: str, step: int) -> None:
        """Choose the tile so many tiles on, if there is one."""
        names = list(self._tiles)
        index = names.index(name) + step
        if 0 <= index < len(names):
            self._tiles[names[index]].setFocus(Qt.FocusReason.TabFocusReason)
            self._tiles[names[index]].click()

    def _mark(self) -> None:
        """Highlight the chosen tile; none for a name that there is not."""
        self._group.setExclusive(False)
        for name, tile in self._tiles.items():
            tile.setChecked(same_shape(name, self._word))
        self._group.setExclusive(True)
        self._dress()
        self._tell()

    def _tell(self) -> None:
        """Say when to choose the chosen shape."""
        on = [tile.when for tile in self._tiles.values() if tile.isChecked()]
        self.line.set_message(on[0] if on else "")

    def _dress(self) -> None:
        theme = str(self._viewer.theme)
        roles = {"tile": "foreground", "hover": "highlight", "focus": "icon", "chosen": "current"}
        colors = {name: theme_color(theme, role) for name, role in roles.items()}
        text, on = theme_color(theme, "icon"), theme_color(theme, "text")
        style = STYLE.format(**colors, on=on)
        if style != self.styleSheet():
            self.setStyleSheet(style)
        for tile in self._tiles.values():
            tile.update_icon(text, on)
