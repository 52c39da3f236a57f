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
    QWidget,
)

from napari_isr.gui._qt_utils import FirstPaintFilter
from napari_isr.gui.controller import Controller
from napari_isr.gui.dock_parts import DockParts
from napari_isr.gui.fitting.job import AvailableChoices
from napari_isr.gui.persistence.manager import PersistenceManager
from napari_isr.gui.persistence.preferences import Preferences
from napari_isr.gui.properties import Properties
from napari_isr.gui.repaint_scheduler import RepaintCoalescer
from napari_isr.gui.theme import BAD
from napari_isr.gui.widgets._common import bind_checkbox, bind_combo_box, setter
from napari_isr.gui.widgets.shape_options import FixedOptionsRow

if TYPE_CHECKING:
    import napari

__all__ = ["ScribbleWidget"]

TONES = {"error": BAD}


class ScribbleWidget(Properties, DockParts, QWidget):
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
        self.setMinimumWidth(280)
        self.controller = Controller(napari_viewer)
        self.persistence = PersistenceManager(self.controller, Preferences.from_napari())
        self._make(napari_viewer)
        self._arrange()
        self._connect()
        self.repaint_coalescer = RepaintCoalescer(self, self.controller)
        FirstPaintFilter(self, self.controller.worker.load)

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

    # ------------------------------------------------------------------------- connections

    def _connect(self) -> None:
        control, chosen, state = self.controller, self.controller.settings, self.controller.state
        self.images.chosen.connect(self._take_image)
        self.scribbles.chosen.connect(self._take_scribbles)
        control.image_layer_changed.connect(self._show_image)
        control.scribble_layer_changed.connect(self._show_scribbles)
        self.shapes.chosen.connect(setter(chosen, "shape"))
        self.options.chosen.connect(setter(chosen, "shape"))
        self.fixed_options_row = FixedOptionsRow(self.options, control)
        self.options.problem.connect(lambda text: state.set_status("error", text))
        chosen.events.shape.connect(self._show_shape)
        bind_combo_box(self.predictors, chosen, "predictor")
        bind_combo_box(self.blocks, chosen, "features")
        bind_combo_box(self.modes, chosen, "mode")
        bind_checkbox(self.live_box, chosen, "live")
        bind_checkbox(self.next_box, chosen, "next_stroke")
        bind_checkbox(self.uncertainty_box, chosen, "uncertainty")
        self.new.clicked.connect(control.new_scribbles)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.reset_button.clicked.connect(self.reset)
        self.undo_button.clicked.connect(control.undo_fit)
        self.redo_button.clicked.connect(control.redo_fit)
        control.presenter.history.changed.connect(self._show_history)
        self._show_history()
        self.export_button.clicked.connect(lambda: self.export())
        self.panel.picked.connect(self._pick)
        for event in (state.events.message, state.events.kind):
            event.connect(self._show_message)
        state.events.advice.connect(self._show_advice)
        state.events.busy.connect(self._show_busy)
        state.events.progress.connect(self._show_progress)
        state.events.can_export.connect(self._show_can_export)
        control.choices_loaded.connect(self._offer)
        control.updated.connect(self._emit_updated)
        control.settled.connect(self._emit_settled)
        QApplication.instance().aboutToQuit.connect(self.persistence.close)
        QApplication.instance().aboutToQuit.connect(control.close)
        # A plain function: when this is called, nothing is left of the widget.
        persistence = self.persistence
        self.destroyed.connect(lambda *_: _close(persistence, control))
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
        self.file_executor.close()
        self.persistence.close()
        self.controller.close()
        self.brush.set_layer(None)
        self.fixed_options_row.close()
        self.panel.close_down()
        self.stack.close_down()
        self.stack_tools.close_down()
        self.coordinates.close_down()
        self.alignment.close_down()
        self.shapes.close_down()
        self.images.disconnect_events()
        self.scribbles.disconnect_events()

    def _take_image(self, layer: Image | None) -> None:
        self.controller.image_layer = layer

    def _take_scribbles(self, layer: Labels | None) -> None:
        self.controller.scribble_layer = layer

    def _show_image(self, layer: Image | None) -> None:
        self.images.layer = layer

    def _show_scribbles(self, layer: Labels | None) -> None:
        self.scribbles.layer = layer
        self.brush.set_layer(layer)

    def _pick(self, label: int) -> None:
        layer = self.scribble_layer
        if layer is not None:
            self.controller.viewer.layers.selection.active = layer
            self.brush.select_label(label)

    def _offer(self, names: AvailableChoices) -> None:
        self.shapes.set_choices(names.shapes)
        self.options.set_schemas(names.options)
        self.predictors.set_choices(names.predictors)
        self.blocks.set_choices(names.features)
        self.modes.set_choices(names.modes)
        self.objects.set_shape_choices(names.shapes)

    def _show_shape(self, shape: str) -> None:
        self.shapes.blockSignals(True)
        self.shapes.current_shape = shape.partition(":")[0]
        self.shapes.blockSignals(False)
        self.options.shape = shape

    def _show_message(self) -> None:
        state = self.controller.state
        self.status.set_message(state.message, TONES.get(state.kind, ""))

    def _show_advice(self) -> None:
        advice = self.controller.state.advice
        self.advice.set_message(advice)
        self.advice.setVisible(bool(advice))

    def _show_busy(self) -> None:
        busy = self.controller.state.busy
        self.cancel_button.setEnabled(busy)
        if not busy:
            self.bar.set_fraction(0.0)

    def _show_history(self) -> None:
        history = self.controller.presenter.history
        self.undo_button.setEnabled(history.can_undo)
        self.redo_button.setEnabled(history.can_redo)

    def _show_can_export(self, can: bool) -> None:
        self.export_button.setEnabled(can)

    def _show_progress(self, share: float) -> None:
        self.bar.set_fraction(share)

    def _emit_updated(self) -> None:
        self.updated.emit()

    def _emit_settled(self) -> None:
        self.settled.emit()


def _close(*parts: Any) -> None:
    """Close, even where Qt is being taken down with its timers."""
    for part in parts:
        with suppress(RuntimeError, EmitLoopError):
            part.close()
