"""The controls of the dock and how they are arranged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import (
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.basics.errands import Errands
from napari_isr.gui.basics.layer_choice import LayerChoice
from napari_isr.gui.basics.scrolling import ScrollColumn
from napari_isr.gui.basics.widgets import (
    Choice,
    Fold,
    Sentence,
    ThinBar,
    button,
    form,
    side_by_side,
    tick,
)
from napari_isr.gui.canvas.layers import is_ours
from napari_isr.gui.controller import Controller
from napari_isr.gui.images.alongside import Alongside
from napari_isr.gui.images.playlist_bar import PlaylistBar
from napari_isr.gui.images.switching import Switching
from napari_isr.gui.keeping.keeper import Keeper, RestoreBar
from napari_isr.gui.keeping.sessions import SessionButtons, Sessions
from napari_isr.gui.panels.copies import CopyButtons
from napari_isr.gui.panels.exporting import Exporter, ExportOptions
from napari_isr.gui.panels.hint import FirstHint
from napari_isr.gui.panels.object_panel import ObjectPanel
from napari_isr.gui.panels.picker import ShapePicker
from napari_isr.gui.panels.shape_options import ShapeOptions
from napari_isr.gui.panels.trust import TrustPanel
from napari_isr.gui.stacks.coordinates import CoordinateRow
from napari_isr.gui.stacks.stack_bar import StackBar
from napari_isr.gui.stacks.stack_tools import StackTools
from napari_isr.gui.strokes import keys
from napari_isr.gui.strokes.brush import BrushSwitch

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller
    from napari_isr.gui.keeping.keeper import Keeper

__all__ = ["DockParts"]


class DockParts:
    """Part of :class:`napari_isr.gui.dock.ScribbleAndRefine`: what it is made of."""

    controller: Controller
    keeper: Keeper

    def _make(self, viewer: Any) -> None:
        chosen = self.controller.settings
        self.images = LayerChoice(
            "isr_image",
            viewer,
            lambda layer: isinstance(layer, Image) and not is_ours(layer),
            "open an image",
        )
        self.images.setToolTip("The image to segment")
        self.switching = Switching(self.controller, lambda: self.keeper.preferences.autosave)
        self.playlist = PlaylistBar(self.switching, self)
        self.stack, self.stack_tools = StackBar(self.controller), StackTools(self.controller)
        self.coordinates = CoordinateRow(self.controller)
        self.alongside = Alongside(self.controller)
        self.scribbles = LayerChoice(
            "isr_scribbles",
            viewer,
            lambda layer: isinstance(layer, Labels) and not is_ours(layer),
            "click New",
        )
        self.scribbles.setToolTip("The strokes: label 1 background, 2, 3, … objects")
        self.new = button("isr_new_scribbles", "New", "Add a layer for strokes and take the brush")
        self.brush = BrushSwitch()
        self.shapes = ShapePicker(viewer, chosen.shape)
        self.options = ShapeOptions()
        self.predictors = Choice(
            "isr_predictor", [chosen.predictor], "Learns from the strokes what is object"
        )
        self.blocks = Choice("isr_features", [chosen.features], "What the predictor sees")
        self.modes = Choice("isr_mode", [chosen.mode], "How predictor and shape are fitted")
        self.panel = ObjectPanel(self.controller)
        self.objects = self.panel.table
        self.brush.taken = lambda: self.controller.given
        self.live_box = tick(
            "isr_live", "Live", "Fit after every stroke, undo (Ctrl+Z) and redo (Ctrl+Shift+Z)"
        )
        self.next_box = tick(
            "isr_next",
            "Next stroke",
            f"Ring the place where another stroke helps most; {keys.JUMP} brings it into view",
        )
        self.uncertainty_box = tick(
            "isr_uncertainty", "Uncertainty", "Let glow what the predictor is not sure of"
        )
        self.run_button = button("isr_run", "Run", f"Fit now ({keys.RUN})")
        self.cancel_button = button(
            "isr_cancel", "Cancel", f"Stop the fit; what is there stays ({keys.CANCEL})"
        )
        self.reset_button = button("isr_reset", "Reset", "Forget the fit; the strokes stay")
        self.undo_button = button(
            "isr_undo_fit", "↶", f"Back to the fit before ({keys.UNDO}); the strokes stay"
        )
        self.redo_button = button(
            "isr_redo_fit", "↷", f"Forward to the fit after ({keys.shown(keys.REDO)})"
        )
        for small in (self.undo_button, self.redo_button):
            small.setFixedWidth(30)
        self.export_button = button(
            "isr_export",
            "Export mask…",
            "Masks, outlines, tables, probabilities, strokes to a file",
        )
        self.files = Errands()
        self.exporter = Exporter(self.controller, self.files, ExportOptions())
        self.sessions = Sessions(self.controller, self.keeper, self.files)
        self.bar = ThinBar()
        self.status = Sentence("isr_status")
        self.trust = TrustPanel(self.controller)
        self.certificate = self.trust.line
        self.advice = Sentence("isr_advice")

    def _arrange(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        fields, strokes = form(), QLabel("Strokes")
        drawing = side_by_side(self.scribbles, self.new), side_by_side(self.options)
        running = side_by_side(self.live_box, self.run_button, self.cancel_button, stretch=(1, 2))
        guides = side_by_side(self.next_box, self.uncertainty_box, stretch=(1, 1))
        ending = side_by_side(
            self.undo_button,
            self.redo_button,
            self.reset_button,
            self.export_button,
            stretch=(0, 0, 0, 1),
        )
        need_an_image = strokes, *drawing, self.brush, self.panel, running, self.bar, guides, ending
        fields.addRow("Image", side_by_side(self.images, self.playlist.open))
        fields.addRow(self.playlist)
        fields.addRow(self.stack.label, self.stack)
        fields.addRow(strokes, drawing[0])
        for part in (self.brush, self.shapes, drawing[1]):
            fields.addRow(part)
        column.addWidget(RestoreBar(self.keeper.rescue))
        column.addWidget(FirstHint(self.controller, need_an_image))
        column.addLayout(fields)
        for part in (self.panel, running, self.bar, self.status, self.trust, guides, self.advice):
            column.addWidget(part)
        column.addWidget(self.stack_tools)
        column.addWidget(ending)
        column.addWidget(SessionButtons(self.sessions, self))
        more = QWidget()
        inner = form(more)
        inner.addRow("Predictor", self.predictors)
        inner.addRow("Features", self.blocks)
        inner.addRow("Mode", self.modes)
        inner.addRow(self.coordinates.label, self.coordinates)
        inner.addRow("Export", self.exporter.options)
        inner.addRow("Copy as", CopyButtons(self.controller))
        self.more = Fold("isr_settings", "Settings", more)
        column.addWidget(self.more)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(ScrollColumn(body))
