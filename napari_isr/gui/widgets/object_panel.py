"""Panel of objects: their table and the import of masks."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget

from napari_isr.gui.controller import Controller
from napari_isr.gui.objects.actions import ObjectActions
from napari_isr.gui.objects.layer_import import can_import
from napari_isr.gui.widgets._common import make_button, make_row
from napari_isr.gui.widgets.object_table import ObjectTable
from napari_isr.gui.widgets.object_table_rows import build_rows

__all__ = ["ObjectPanel"]

IMPORT_TIP = "Make objects of a mask or of probabilities in another layer; they need no strokes"
NOTHING = "No other Labels or Image layer of the image's size"


class ObjectPanel(QWidget):
    """Shows the objects and lets them be changed.

    Parameters
    ----------
    control : Controller
    actions : ObjectActions
        Whose objects these are.
    """

    picked = Signal(int)  # the label of the row that was clicked

    def __init__(self, control: Controller, actions: ObjectActions) -> None:
        super().__init__()
        self._control, self._actions, self._strokes = control, actions, None
        self._image: Any = None
        self.table = ObjectTable()
        self.add = make_button("isr_import", "Import…", IMPORT_TIP)
        self.menu = QMenu(self.add)
        self.add.setMenu(self.menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.table)
        column.addWidget(make_row(self.add, QWidget(), stretch=(0, 1)))
        self._connect()

    def _connect(self) -> None:
        control, act = self._control, self._actions
        self.menu.aboutToShow.connect(self._offer_layers)
        self.table.picked.connect(self.picked.emit)
        self.table.renamed.connect(act.rename)
        self.table.reshaped.connect(act.set_shape)
        self.table.hidden.connect(act.hide)
        self.table.only.connect(self._show_only)
        self.table.deleted.connect(act.delete)
        control.state.events.rows.connect(self._show)
        for name in ("names", "shape", "own_shapes", "hidden"):
            control.settings.events[name].connect(self._show)
        control.imports.changed.connect(self._show)
        control.layers.events.image.connect(self._follow)
        control.layers.events.scribbles.connect(self._follow)
        self._follow()

    def close_down(self) -> None:
        """Follow no layer any more."""
        self._let_go()

    def _follow(self, _: Any = None) -> None:
        """Follow the colours and the armed label of the strokes, and the units of the image."""
        self._let_go()
        self._strokes, self._image = self._control.scribble_layer, self._control.image_layer
        for event in self._events():
            event.connect(self._show)
        self._show()

    def _let_go(self) -> None:
        for event in self._events():
            event.disconnect(self._show)
        self._strokes = self._image = None

    def _events(self) -> list[Any]:
        found = []
        if self._strokes is not None:
            events = self._strokes.events
            found += [events.selected_label, events.colormap]
        if self._image is not None:
            found += [self._image.events.scale, self._image.events.units]
        return found

    def _show(self, _: Any = None) -> None:
        strokes, image, control = self._strokes, self._image, self._control
        if strokes is None:
            self.table.set_rows([], None)
            return
        place = {"scale": image.scale, "units": image.units} if image is not None else {}
        armed = int(strokes.selected_label)
        rows = control.state.rows
        self.table.set_rows(
            build_rows(rows, control.settings, armed, control.imported_objects, **place),
            strokes.colormap,
        )
        self.table.select(armed)

    def _show_only(self, label: int) -> None:
        control = self._control
        labels = {row.label for row in control.state.rows} | set(control.imported_objects)
        control.settings.hidden = tuple(sorted(labels - {label}))

    def _offer_layers(self) -> None:
        control = self._control
        self.menu.clear()
        for layer in reversed(control.viewer.layers):
            if can_import(layer, control.image_layer):
                self._offer_layer(layer)
        if not self.menu.actions():
            self.menu.addAction(NOTHING).setEnabled(False)

    def _offer_layer(self, layer: Layer) -> None:
        action = self.menu.addAction(layer.name.replace("&", "&&"))
        action.triggered.connect(lambda: self._actions.import_layer(layer))
