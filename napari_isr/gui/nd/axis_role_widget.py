"""What the axes of a stack are, in the dock; hidden for plain images."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_isr.gui.controller import Controller
from napari_isr.gui.layers.utils import image_shape
from napari_isr.gui.nd.axis_roles import DEPTH, TIME, resolve_axes
from napari_isr.gui.widgets._common import make_checkbox
from napari_isr.gui.widgets.binding import bind_checkbox

__all__ = ["AxisRoleWidget"]

WORDS = {DEPTH: "z (depth of a volume)", TIME: "t (time)"}
AXES_TIP = "What the slider of the image goes through: slices of a volume, or frames over time"
FRAME_TIP = "Fit each frame by itself, beginning with its neighbour's shape; else all frames as one"


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
        control.image_layer_changed.connect(self._follow)
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
