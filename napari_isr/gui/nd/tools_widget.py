"""What is made of a fitted stack: a surface in three dimensions, masks between its frames."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import image_shape
from napari_isr.gui.nd.axis_roles import TIME, resolve_axes
from napari_isr.gui.nd.surface_layer import SurfaceLayer
from napari_isr.gui.nd.temporal_upsampling import TemporalUpsampler
from napari_isr.gui.widgets._common import make_button, make_checkbox, make_row

__all__ = ["StackToolsWidget"]

SURFACE_TIP = "Show the surface of the objects in three dimensions; off: back to the slices"
FACTOR_TIP = "How many times the frames"
FINER_TIP = "Make a new layer with masks between the frames too, from the shape itself"
STOP_TIP = "Stop; no layer is made"
LEAST, MOST, USUAL = 2, 32, 4
LEAST_WIDTH = 80
FINER, STOP = "Super-resolve in time", "Stop"


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
        control.image_layer_changed.connect(self._follow)
        control.settings.events.axes.connect(self._show)
        control.state.events.can_export.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
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
