"""Welcome panel of a dock without an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from napari_isr.gui.controller import Controller
from napari_isr.gui.sample_data import add_sample, sample_layers
from napari_isr.gui.widgets._common import make_button

__all__ = ["WelcomePanel"]

SAMPLE = "fruit"
STEPS = (
    "<b>1</b>&nbsp; Open an image: drop a file on the window.",
    "<b>2</b>&nbsp; Click <b>New</b>, draw a stroke on the object; press <b>S</b> and draw one on "
    "the background.",
    "<b>3</b>&nbsp; The outline follows each stroke. Choose a shape; stop when it is right.",
)


class WelcomePanel(QFrame):
    """Three steps and a sample to try them on; gone as soon as there is an image.

    Parameters
    ----------
    control : Controller
        Whose image and strokes are looked at, and get those of the sample.
    others : iterable of QWidget
        Are shown when there is an image.
    """

    def __init__(self, control: Controller, others: Iterable[QWidget] = ()) -> None:
        super().__init__()
        self._others = tuple(others)
        self.setObjectName("isr_hint")
        self._control = control
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(6)
        for step in STEPS:
            line = QLabel(step)
            line.setWordWrap(True)
            column.addWidget(line)
        self.sample = make_button(
            "isr_try_sample", "Try the sample", "Open a fruit behind leaves, with a few strokes"
        )
        self.sample.clicked.connect(self._try)
        column.addWidget(self.sample)
        control.layers.events.image.connect(self._look)
        self._look()

    def _look(self, *_: Any) -> None:
        empty = self._control.image_layer is None
        self.setVisible(empty)
        for part in self._others:
            part.setVisible(not empty)

    def _try(self) -> None:
        # It is painted leaf by leaf, which takes longer than a frame.
        self.sample.setEnabled(False)
        self._control.executor.submit(lambda: sample_layers(SAMPLE), self._show)

    def _show(self, layers: Any) -> None:
        self.sample.setEnabled(True)
        control = self._control
        if control.image_layer is not None:  # the user was quicker
            return
        image, strokes = add_sample(control.viewer, layers)
        control.image_layer, control.scribble_layer = image, strokes
        control.run()
