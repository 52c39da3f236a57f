"""Widgets of a stack: axis roles, coordinate layer, surface and temporal upsampling."""

from __future__ import annotations

import weakref
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import COORDINATE, image_shape
from napari_isr.gui.nd.axis_roles import DEPTH, TIME, resolve_axes
from napari_isr.gui.nd.job_inputs import can_be_coordinate, coordinate_layer
from napari_isr.gui.nd.surface_layer import SurfaceLayer
from napari_isr.gui.nd.temporal_upsampling import TemporalUpsampler
from napari_isr.gui.widgets._common import (
    StringComboBox,
    bind_checkbox,
    make_button,
    make_checkbox,
    make_row,
)

__all__ = ["AxisRoleWidget", "CoordinateLayerComboBox", "StackToolsWidget"]

SURFACE_TIP = "Show the surface of the objects in three dimensions; off: back to the slices"
FACTOR_TIP = "How many times the frames"
FINER_TIP = "Make a new layer with masks between the frames too, from the shape itself"
STOP_TIP = "Stop; no layer is made"
LEAST, MOST, USUAL = 2, 32, 4
LEAST_WIDTH = 80
FINER, STOP = "Super-resolve in time", "Stop"
WORDS = {DEPTH: "z (depth of a volume)", TIME: "t (time)"}
AXES_TIP = "What the slider of the image goes through: slices of a volume, or frames over time"
FRAME_TIP = "Fit each frame by itself, beginning with its neighbour's shape; else all frames as one"
NONE = "none"
TIP = (
    "A map of the image's size whose values are a further coordinate: with a depth, convex means"
    " convex in (row, column, depth)"
)


class StackToolsWidget(QWidget):
    """Buttons for a stack that is fitted; hidden for plain images.

    Parameters
    ----------
    control : Controller
    """

    def __init__(self, control: Controller) -> None:
        super().__init__()
        self._control = control
        self.surface_view = SurfaceLayer(control)
        self.resolver = TemporalUpsampler(control)
        self.surface = make_checkbox("isr_surface", "3-D surface", SURFACE_TIP)
        self.factor = QSpinBox()
        self.factor.setObjectName("isr_super_resolve_factor")
        self.factor.setToolTip(FACTOR_TIP)
        self.factor.setRange(LEAST, MOST)
        self.factor.setPrefix("× ")
        self.factor.setValue(USUAL)
        self.finer = make_button("isr_super_resolve", FINER, FINER_TIP)
        self.finer.setMinimumWidth(LEAST_WIDTH)  # a narrow dock stays narrow
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.surface)
        column.addWidget(make_row(self.finer, self.factor))
        self.surface.toggled.connect(lambda on: setattr(self.surface_view, "enabled", on))
        self.finer.clicked.connect(self._on_finer)
        self.resolver.busy.connect(self._show_busy)
        control.layers.events.image.connect(self._follow)
        control.settings.events.axes.connect(self._show)
        control.state.events.can_export.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Release the viewer."""
        self.resolver.close()
        self.surface_view.close()

    def _follow(self, _: Any) -> None:
        self.surface.setChecked(False)
        self.resolver.cancel()
        self._show()

    def _show(self, _: Any = None) -> None:
        """Show what there is for the axes of the image; it needs a result."""
        image, can = self._control.image_layer, self._control.state.can_export
        ndim = len(image_shape(image)) if image is not None else 2
        axes = resolve_axes(image, self._control.settings.axes) if image is not None else "yx"
        self.surface.setVisible(ndim == 3)
        self.surface.setEnabled(can or self.surface.isChecked())
        for widget in (self.finer, self.factor):
            widget.setVisible(axes.startswith(TIME))
            widget.setEnabled(can)
        self.setVisible(ndim > 2)

    def _on_finer(self) -> None:
        if self.finer.text() == STOP:
            self.resolver.cancel()
        else:
            self.resolver.start(self.factor.value())

    def _show_busy(self, busy: bool) -> None:
        self.finer.setText(STOP if busy else FINER)
        self.finer.setToolTip(STOP_TIP if busy else FINER_TIP)


class AxisRoleWidget(QWidget):
    """The role of a stack's first axis, and whether frames are fitted one by one.

    Parameters
    ----------
    control : Controller

    Attributes
    ----------
    label : QLabel
        What goes before it.
    """

    def __init__(self, control: Controller) -> None:
        super().__init__()
        self._control, self.label = control, QLabel("Slices")
        self._image: Image | None = None
        self.axes = QComboBox()
        self.axes.setObjectName("isr_axes")
        self.axes.setToolTip(AXES_TIP)
        self.axes.addItems(list(WORDS.values()))
        self.axes.setMinimumContentsLength(4)
        self.axes.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.per_frame = make_checkbox("isr_per_frame", "By frame", FRAME_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.axes, 1)
        row.addWidget(self.per_frame)
        self.axes.activated.connect(self._choose)
        bind_checkbox(self.per_frame, control.settings, "per_frame")
        control.layers.events.image.connect(self._follow)
        control.settings.events.axes.connect(self._show)
        self._follow(control.image_layer)

    def close_down(self) -> None:
        """Follow no layer any more."""
        self._watch(None)

    def _follow(self, image: Image | None) -> None:
        """Go to another image: what its axes are, the layer says, until the user does."""
        if image is not self._image:
            # The choice was about the stack before.
            if self._image is not None and image is not None:
                self._control.settings.axes = ""
            self._watch(image)
        self._show()

    def _watch(self, image: Image | None) -> None:
        for layer, act in ((self._image, "disconnect"), (image, "connect")):
            if layer is not None:
                for event in (layer.events.axis_labels, layer.events.units):
                    getattr(event, act)(self._show)
        self._image = image

    def _show(self, _: Any = None) -> None:
        image = self._image
        ndim = len(image_shape(image)) if image is not None else 2
        axes = resolve_axes(image, self._control.settings.axes) if image is not None else "yx"
        if ndim == 3:
            self.axes.setCurrentIndex(list(WORDS).index(axes[0]))
        self.axes.setEnabled(ndim == 3)
        self.per_frame.setVisible(axes.startswith(TIME))
        for widget in (self, self.label):
            widget.setVisible(ndim > 2)
        if ndim == 4:
            self.axes.setCurrentIndex(list(WORDS).index(TIME))

    def _choose(self, index: int) -> None:
        self._control.settings.axes = list(WORDS)[index]


class CoordinateLayerComboBox(StringComboBox):
    """A list of the layers that can be a coordinate; hidden while there is none.

    Parameters
    ----------
    control : Controller

    Attributes
    ----------
    label : QLabel
        What goes before it.
    """

    def __init__(self, control: Controller) -> None:
        super().__init__("isr_coordinate", [NONE], TIP)
        self._control, self.label = control, QLabel("Coordinate")
        self._layer: Any = None
        self._known: weakref.WeakSet[Image] = weakref.WeakSet()  # maps that were chosen unasked
        events = control.viewer.layers.events
        self._events = (events.inserted, events.removed, events.reordered)
        for event in self._events:
            event.connect(self._offer)
        self.chosen.connect(self._choose)
        control.settings.events.coordinate.connect(self._offer)
        control.layers.events.image.connect(self._offer)
        self._offer()

    def close_down(self) -> None:
        """Follow the layers no more."""
        for event in self._events:
            event.disconnect(self._offer)
        self._watch(None)

    def _choose(self, word: str) -> None:
        self._control.settings.coordinate = "" if word == NONE else word

    def _offer(self, _: Any = None) -> None:
        """Bring the list up to date; a layer that is gone is no coordinate any more."""
        control = self._control
        maps = [x for x in control.viewer.layers if can_be_coordinate(x, control.image_layer)]
        names = [x.name for x in maps]
        if new := [x for x in maps if COORDINATE in x.metadata and x not in self._known]:
            self._known.update(new)  # the user may choose another one, and that stays
            if not control.settings.coordinate:
                control.settings.coordinate = new[0].name
                return  # which asks again
        layer = coordinate_layer(control.viewer, control.image_layer, control.settings.coordinate)
        if control.settings.coordinate and layer is None and control.image_layer is not None:
            control.settings.coordinate = ""
            return  # which asks again
        self._watch(layer)
        self.blockSignals(True)
        self.clear()
        self.addItems([NONE, *names])
        self.setCurrentText(layer.name if layer is not None else NONE)
        self.blockSignals(False)
        self.setVisible(bool(names))
        self.label.setVisible(bool(names))

    def _watch(self, layer: Image | None) -> None:
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_data)
            self._layer.events.name.disconnect(self._on_name)
        self._layer = layer
        if layer is not None:
            layer.events.data.connect(self._on_data)
            layer.events.name.connect(self._on_name)

    def _on_data(self, _: Any = None) -> None:
        """Request a fit after the values of the coordinate layer changed."""
        self._control.refit()

    def _on_name(self, _: Any = None) -> None:
        """Under another name it is still the coordinate."""
        self._control.settings.coordinate = self._layer.name
