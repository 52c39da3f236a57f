"""Widget of the image list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui import keybindings as keys
from napari_isr.gui.image_list.model import ENDINGS, ImageListEntry
from napari_isr.gui.image_list.navigator import ImageNavigator
from napari_isr.gui.widgets._common import make_button, make_checkbox, make_row

__all__ = ["ImageListWidget"]

DONE, WRONG = "✓", "✗"


class ImageListWidget(QWidget):
    """One small button; with several images, what leads from one to the other.

    Parameters
    ----------
    navigator : ImageNavigator
    dock : QWidget
        Files that are dropped on it become the list.
    """

    def __init__(self, navigator: ImageNavigator, dock: QWidget) -> None:
        super().__init__()
        self.navigator = navigator
        self._make()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.way = make_row(self.previous, self.names, self.next, stretch=(0, 1))
        self.marks = make_row(self.carry, self.done, stretch=(1, 0))
        for part in (self.way, self.marks):
            column.addWidget(part)
        self._drop = _Drop(dock, navigator)
        navigator.list.changed.connect(self._show)
        self._show()

    def _make(self) -> None:
        navigator = self.navigator
        self.open = make_button(
            "isr_open_folder",
            "Images…",
            "Go through many images: choose a folder or files, or drop them here",
        )
        self.open.setStyleSheet("QPushButton::menu-indicator { image: none; width: 0; }")
        menu = QMenu(self.open)
        menu.addAction("Folder…").triggered.connect(lambda: self._ask_folder())
        menu.addAction("Files…").triggered.connect(lambda: self._ask_files())
        self.open.setMenu(menu)
        self.previous = make_button(
            "isr_previous",
            "◀",
            f"The image before ({keys.format_key(keys.PREVIOUS)}); nothing gets lost",
        )
        self.next = make_button(
            "isr_next_image",
            "▶",
            f"The next image ({keys.format_key(keys.NEXT)}); nothing gets lost",
        )
        for small in (self.previous, self.next):
            small.setFixedWidth(30)
        self.names = QComboBox()
        self.names.setObjectName("isr_playlist")
        self.names.setToolTip(f"All images; {DONE} is done, {WRONG} cannot be read")
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.names.setSizeAdjustPolicy(policy)
        self.names.setMinimumContentsLength(6)
        self.names.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.names.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.done = make_checkbox("isr_done", "Done", f"Mark this image as done ({keys.DONE})")
        self.carry = make_checkbox(
            "isr_carry",
            "Carry what was learned",
            "The next image is segmented by what the strokes on the images before taught, with no "
            "stroke of its own; more strokes refine it",
        )
        self.previous.clicked.connect(navigator.previous)
        self.next.clicked.connect(navigator.next)
        self.names.activated.connect(navigator.show_index)
        self.done.clicked.connect(navigator.list.set_done)
        self.carry.clicked.connect(navigator.set_transfer_enabled)

    # ------------------------------------------------------------------------------- shown

    def _show(self) -> None:
        """Bring all up to date."""
        images = self.navigator.list
        several = len(images.entries) > 1
        self.way.setVisible(several)
        self.marks.setVisible(several)
        self.setVisible(several)
        self.names.blockSignals(True)
        if self.names.count() != len(images.entries):
            self.names.clear()
            self.names.addItems([""] * len(images.entries))
        for place, entry in enumerate(images.entries):
            text = _line(place, len(images.entries), entry)
            if self.names.itemText(place) != text:
                self.names.setItemText(place, text)
        self.names.setCurrentIndex(images.place)
        self.names.blockSignals(False)
        self.previous.setEnabled(images.place > 0)
        self.next.setEnabled(images.place + 1 < len(images.entries))
        self.done.setChecked(images.current is not None and images.current.done)
        self.done.setEnabled(images.current is not None)
        self.carry.setChecked(images.transfer_enabled)

    # -------------------------------------------------------------------------------- asks

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of images")
        if folder:
            self.navigator.open([folder])

    def _ask_files(self) -> None:
        kinds = " ".join(f"*{ending}" for ending in ENDINGS)
        files, _ = QFileDialog.getOpenFileNames(self, "Images", "", f"Images ({kinds})")
        if files:
            self.navigator.open(files)


class _Drop(QObject):
    """Takes files that are dropped on a widget."""

    def __init__(self, widget: QWidget, navigator: ImageNavigator) -> None:
        super().__init__(widget)
        self._switching = navigator
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept files and folders of this machine; leave all else alone."""
        if event.type() not in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            return False
        paths = _paths(event)
        if not paths:
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._switching.open(paths)
        return True


def _paths(event: Any) -> list[Path]:
    urls = event.mimeData().urls() if event.mimeData().hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


def _line(place: int, count: int, entry: ImageListEntry) -> str:
    mark = WRONG if entry.problem else DONE if entry.done else ""
    return f"{place + 1} of {count}  {mark + ' ' if mark else ''}{entry.name}"
