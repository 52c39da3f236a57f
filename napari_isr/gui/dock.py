"""The dock widget ``Scribble and refine``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import EmitLoopError
from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import (
    QApplication,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui import keys
from napari_isr.gui.binding import bind_tick, bind_word, setter
from napari_isr.gui.brush import BrushSwitch
from napari_isr.gui.controller import Controller
from napari_isr.gui.coordinates import CoordinateRow
from napari_isr.gui.copies import CopyButtons
from napari_isr.gui.errands import Errands
from napari_isr.gui.exporting import Exporter, ExportOptions
from napari_isr.gui.held import HeldRow
from napari_isr.gui.hint import FirstHint
from napari_isr.gui.job import Names
from napari_isr.gui.keeper import Keeper, RestoreBar
from napari_isr.gui.layer_choice import LayerChoice
from napari_isr.gui.layers import is_ours
from napari_isr.gui.object_panel import ObjectPanel
from napari_isr.gui.picker import ShapePicker
from napari_isr.gui.playlist_bar import PlaylistBar
from napari_isr.gui.preferences import Preferences
from napari_isr.gui.properties import Properties
from napari_isr.gui.scrolling import ScrollColumn
from napari_isr.gui.sessions import SessionButtons, Sessions
from napari_isr.gui.shape_options import ShapeOptions
from napari_isr.gui.stack_bar import StackBar
from napari_isr.gui.stack_tools import StackTools
from napari_isr.gui.switching import Switching
from napari_isr.gui.tones import BAD
from napari_isr.gui.trust import TrustPanel
from napari_isr.gui.widgets import Choice, Fold, Sentence, ThinBar, button, form, side_by_side, tick

if TYPE_CHECKING:
    import napari

__all__ = ["ScribbleAndRefine"]

TONES = {"error": BAD}


class ScribbleAndRefine(Properties, QWidget):
    """Draw a few strokes, get masks whose shape is guaranteed, live.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it, by this name.
    """

    updated = Signal()  # an outline was drawn
    settled = Signal()  # the fit is finished and its layers are written

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.setObjectName("isr_dock")
        self.controller = Controller(napari_viewer)
        self.keeper = Keeper(self.controller, Preferences.of_napari())
        self._make(napari_viewer)
        self._arrange()
        self._connect()

    # ----------------------------------------------------------------------------- actions

    def run(self) -> None:
        """Fit now."""
        self.controller.run()

    def cancel(self) -> None:
        """Stop the running fit."""
        self.controller.cancel()

    def reset(self) -> None:
        """Forget all that was fitted; the strokes stay."""
        self.controller.reset()

    def export(self, path: str | Path | None = None, **options: Any) -> None:
        """Write masks, outlines or tables to a file; without a path, ask for one.

        ``scale`` and ``each`` are, if not given, what is chosen in the dock.
        """
        path = path or self.exporter.ask(self)
        if path:
            self.exporter.export(path, **options)

    def save_session(self, path: str | Path, *, embed: bool = False) -> None:
        """Save all work on the image to one ``.isr`` file."""
        self.sessions.save(path, embed=embed)

    def open_session(self, path: str | Path) -> None:
        """Open what was saved so."""
        self.sessions.open(path)

    # ------------------------------------------------------------------------------- parts

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
        self.setMinimumWidth(280)

    # ------------------------------------------------------------------------- connections

    def _connect(self) -> None:
        control, chosen, state = self.controller, self.controller.settings, self.controller.state
        self.images.chosen.connect(self._take_image)
        self.scribbles.chosen.connect(self._take_scribbles)
        control.image_changed.connect(self._show_image)
        control.scribbles_changed.connect(self._show_scribbles)
        self.shapes.chosen.connect(setter(chosen, "shape"))
        self.options.chosen.connect(setter(chosen, "shape"))
        self.held = HeldRow(self.options, control)
        self.options.problem.connect(lambda text: state.say("error", text))
        chosen.events.shape.connect(self._show_shape)
        bind_word(self.predictors, chosen, "predictor")
        bind_word(self.blocks, chosen, "features")
        bind_word(self.modes, chosen, "mode")
        bind_tick(self.live_box, chosen, "live")
        bind_tick(self.next_box, chosen, "next_stroke")
        bind_tick(self.uncertainty_box, chosen, "uncertainty")
        self.new.clicked.connect(control.new_scribbles)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.reset_button.clicked.connect(self.reset)
        self.undo_button.clicked.connect(control.undo_fit)
        self.redo_button.clicked.connect(control.redo_fit)
        control.desk.history.changed.connect(self._show_history)
        self._show_history()
        self.export_button.clicked.connect(lambda: self.export())
        self.panel.picked.connect(self._pick)
        for event in (state.events.message, state.events.kind):
            event.connect(self._show_message)
        state.events.advice.connect(self._show_advice)
        state.events.busy.connect(self._show_busy)
        state.events.progress.connect(self._show_progress)
        state.events.can_export.connect(self._show_can_export)
        control.names_known.connect(self._offer)
        control.updated.connect(self._emit_updated)
        control.settled.connect(self._emit_settled)
        QApplication.instance().aboutToQuit.connect(self.keeper.close)
        QApplication.instance().aboutToQuit.connect(control.close)
        # A plain function: when this is called, nothing is left of the widget.
        keeper = self.keeper
        self.destroyed.connect(lambda *_: _close(keeper, control))
        self._take_image(self.images.layer)
        self._take_scribbles(self.scribbles.layer)
        self._show_shape(chosen.shape)
        self._show_message()
        self._show_advice()
        self._show_busy()
        self.export_button.setEnabled(False)

    def changeEvent(self, event: QEvent) -> None:
        """Stop when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._shut()

    def closeEvent(self, event: QEvent) -> None:
        """Stop when the widget is closed."""
        self._shut()
        super().closeEvent(event)

    def _shut(self) -> None:
        self.files.close(lambda: None, 0)
        self.keeper.close()
        self.controller.close()
        self.brush.watch(None)
        self.held.close()
        self.panel.close_down()
        self.stack.close_down()
        self.stack_tools.close_down()
        self.coordinates.close_down()
        self.shapes.close_down()
        self.images.close_down()
        self.scribbles.close_down()

    def _take_image(self, layer: Image | None) -> None:
        self.controller.image_layer = layer

    def _take_scribbles(self, layer: Labels | None) -> None:
        self.controller.scribble_layer = layer

    def _show_image(self, layer: Image | None) -> None:
        self.images.layer = layer

    def _show_scribbles(self, layer: Labels | None) -> None:
        self.scribbles.layer = layer
        self.brush.watch(layer)

    def _pick(self, label: int) -> None:
        layer = self.scribble_layer
        if layer is not None:
            self.controller.viewer.layers.selection.active = layer
            self.brush.pick(label)

    def _offer(self, names: Names) -> None:
        self.shapes.offer(names.shapes)
        self.options.offer(names.options)
        self.predictors.offer(names.predictors)
        self.blocks.offer(names.features)
        self.modes.offer(names.modes)
        self.objects.offer(names.shapes)

    def _show_shape(self, shape: str) -> None:
        self.shapes.blockSignals(True)
        self.shapes.word = shape.partition(":")[0]
        self.shapes.blockSignals(False)
        self.options.shape = shape

    def _show_message(self) -> None:
        state = self.controller.state
        self.status.tell(state.message, TONES.get(state.kind, ""))

    def _show_advice(self) -> None:
        advice = self.controller.state.advice
        self.advice.tell(advice)
        self.advice.setVisible(bool(advice))

    def _show_busy(self) -> None:
        busy = self.controller.state.busy
        self.cancel_button.setEnabled(busy)
        if not busy:
            self.bar.show_share(0.0)

    def _show_history(self) -> None:
        history = self.controller.desk.history
        self.undo_button.setEnabled(history.can_undo)
        self.redo_button.setEnabled(history.can_redo)

    def _show_can_export(self, can: bool) -> None:
        self.export_button.setEnabled(can)

    def _show_progress(self, share: float) -> None:
        self.bar.show_share(share)

    def _emit_updated(self) -> None:
        self.updated.emit()

    def _emit_settled(self) -> None:
        self.settled.emit()


def _close(*parts: Any) -> None:
    """Close, even where Qt is being taken down with its timers."""
    for part in parts:
        with suppress(RuntimeError, EmitLoopError):
            part.close()
