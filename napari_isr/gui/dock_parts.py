"""The controls of the dock and how they are arranged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import (
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui import keybindings as keys
from napari_isr.gui._qt_utils import make_executor
from napari_isr.gui.controller import Controller
from napari_isr.gui.image_list.navigator import ImageNavigator
from napari_isr.gui.image_list.widget import ImageListWidget
from napari_isr.gui.layers.alignment import LayerAlignment
from napari_isr.gui.layers.utils import is_result_layer
from napari_isr.gui.nd.tools_widget import AxisRoleWidget, CoordinateLayerComboBox, StackToolsWidget
from napari_isr.gui.persistence.manager import PersistenceManager, RestoreBar
from napari_isr.gui.persistence.session_actions import SessionActions, SessionButtons
from napari_isr.gui.scribbles.label_selector import LabelSelector
from napari_isr.gui.widgets._common import (
    CollapsibleSection,
    LayerComboBox,
    StringComboBox,
    ThinProgressBar,
    VerticalScrollArea,
    WrappingLabel,
    make_button,
    make_checkbox,
    make_form_layout,
    make_row,
)
from napari_isr.gui.widgets.certificate_panel import CertificatePanel
from napari_isr.gui.widgets.export import CopyAsCodeButtons, Exporter, ExportOptions
from napari_isr.gui.widgets.object_panel import ObjectPanel
from napari_isr.gui.widgets.shape_options import ShapeOptionsWidget
from napari_isr.gui.widgets.shape_picker import ShapePicker
from napari_isr.gui.widgets.welcome import WelcomePanel

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller
    from napari_isr.gui.persistence.manager import PersistenceManager

__all__ = ["DockParts"]


class DockParts:
    """Part of :class:`napari_isr.gui.dock_widget.ScribbleWidget`: what it is made of."""

    controller: Controller
    persistence: PersistenceManager

    def _make(self, viewer: Any) -> None:
        chosen = self.controller.settings
        self.images = LayerComboBox(
            "isr_image",
            viewer,
            lambda layer: isinstance(layer, Image) and not is_result_layer(layer),
            "open an image",
        )
        self.images.setToolTip("The image to segment")
        self.navigator = ImageNavigator(
            self.controller, lambda: self.persistence.preferences.autosave
        )
        self.image_list = ImageListWidget(self.navigator, self)
        self.stack, self.stack_tools = (
            AxisRoleWidget(self.controller),
            StackToolsWidget(self.controller),
        )
        self.coordinates = CoordinateLayerComboBox(self.controller)
        self.alignment = LayerAlignment(self.controller)
        self.scribbles = LayerComboBox(
            "isr_scribbles",
            viewer,
            lambda layer: isinstance(layer, Labels) and not is_result_layer(layer),
            "click New",
        )
        self.scribbles.setToolTip("The strokes: label 1 background, 2, 3, … objects")
        self.new = make_button(
            "isr_new_scribbles", "New", "Add a layer for strokes and take the brush"
        )
        self.brush = LabelSelector(self.controller.executor)
        self.shapes = ShapePicker(viewer, chosen.shape)
        self.options = ShapeOptionsWidget()
        self.predictors = StringComboBox(
            "isr_predictor", [chosen.predictor], "Learns from the strokes what is object"
        )
        self.blocks = StringComboBox("isr_features", [chosen.features], "What the predictor sees")
        self.modes = StringComboBox("isr_mode", [chosen.mode], "How predictor and shape are fitted")
        self.panel = ObjectPanel(self.controller)
        self.objects = self.panel.table
        self.brush.taken = lambda: self.controller.imported_objects
        self.live_box = make_checkbox(
            "isr_live", "Live", "Fit after every stroke, undo (Ctrl+Z) and redo (Ctrl+Shift+Z)"
        )
        self.next_box = make_checkbox(
            "isr_next",
            "Next stroke",
            f"Ring the place where another stroke helps most; {keys.JUMP} brings it into view",
        )
        self.uncertainty_box = make_checkbox(
            "isr_uncertainty", "Uncertainty", "Let glow what the predictor is not sure of"
        )
        self.run_button = make_button("isr_run", "Run", f"Fit now ({keys.RUN})")
        self.cancel_button = make_button(
            "isr_cancel", "Cancel", f"Stop the fit; what is there stays ({keys.CANCEL})"
        )
        self.reset_button = make_button("isr_reset", "Reset", "Forget the fit; the strokes stay")
        self.undo_button = make_button(
            "isr_undo_fit", "↶", f"Back to the fit before ({keys.UNDO}); the strokes stay"
        )
        self.redo_button = make_button(
            "isr_redo_fit", "↷", f"Forward to the fit after ({keys.format_key(keys.REDO)})"
        )
        for small in (self.undo_button, self.redo_button):
            small.setFixedWidth(30)
        self.export_button = make_button(
            "isr_export",
            "Export mask…",
            "Masks, outlines, tables, probabilities, strokes to a file",
        )
        self.file_executor = make_executor(serial=True)
        self.exporter = Exporter(self.controller, self.file_executor, ExportOptions())
        self.sessions = SessionActions(self.controller, self.persistence, self.file_executor)
        self.bar = ThinProgressBar()
        self.status = WrappingLabel("isr_status")
        self.certificate_panel = CertificatePanel(self.controller)
        self.certificate = self.certificate_panel.line
        self.advice = WrappingLabel("isr_advice")

    def _arrange(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        fields, strokes = make_form_layout(), QLabel("Strokes")
        drawing = make_row(self.scribbles, self.new), make_row(self.options)
        running = make_row(self.live_box, self.run_button, self.cancel_button, stretch=(1, 2))
        guides = make_row(self.next_box, self.uncertainty_box, stretch=(1, 1))
        ending = make_row(
            self.undo_button,
            self.redo_button,
            self.reset_button,
            self.export_button,
            stretch=(0, 0, 0, 1),
        )
        need_an_image = strokes, *drawing, self.brush, self.panel, running, self.bar, guides, ending
        fields.addRow("Image", make_row(self.images, self.image_list.open))
        fields.addRow(self.image_list)
        fields.addRow(self.stack.label, self.stack)
        fields.addRow(strokes, drawing[0])
        for part in (self.brush, self.shapes, drawing[1]):
            fields.addRow(part)
        column.addWidget(RestoreBar(self.persistence.recovery))
        column.addWidget(WelcomePanel(self.controller, need_an_image))
        column.addLayout(fields)
        for part in (
            self.panel,
            running,
            self.bar,
            self.status,
            self.certificate_panel,
            guides,
            self.advice,
        ):
            column.addWidget(part)
        column.addWidget(self.stack_tools)
        column.addWidget(ending)
        column.addWidget(SessionButtons(self.sessions, self))
        more = QWidget()
        inner = make_form_layout(more)
        inner.addRow("Predictor", self.predictors)
        inner.addRow("Features", self.blocks)
        inner.addRow("Mode", self.modes)
        inner.addRow(self.coordinates.label, self.coordinates)
        inner.addRow("Export", self.exporter.options)
        inner.addRow("Copy as", CopyAsCodeButtons(self.controller))
        self.more = CollapsibleSection("isr_settings", "Settings", more)
        column.addWidget(self.more)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(VerticalScrollArea(body))
