"""The dock widget ``Scribble and refine``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import EmitLoopError
from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from napari_isr.gui import keybindings as keys
from napari_isr.gui._gc_control import gc_guard
from napari_isr.gui._qt_utils import (
    FirstPaintFilter,
    QueuedCallback,
    make_executor,
    make_single_shot_timer,
)
from napari_isr.gui.controller import Controller
from napari_isr.gui.fitting.scheduler import FitScheduler
from napari_isr.gui.fitting.worker import AvailableChoices, FitWorker
from napari_isr.gui.image_list.navigator import ImageNavigator
from napari_isr.gui.image_list.widget import ImageListWidget
from napari_isr.gui.layers.alignment import LayerAlignment
from napari_isr.gui.layers.utils import is_result_layer
from napari_isr.gui.models import DockModel
from napari_isr.gui.nd.tools_widget import AxisRoleWidget, CoordinateLayerComboBox, StackToolsWidget
from napari_isr.gui.objects.actions import ObjectActions
from napari_isr.gui.persistence.manager import PersistenceManager, RestoreBar
from napari_isr.gui.persistence.preferences import Preferences
from napari_isr.gui.persistence.session_actions import SessionActions, SessionButtons
from napari_isr.gui.repaint_scheduler import RepaintCoalescer, RepaintGate
from napari_isr.gui.result_presenter import ResultPresenter
from napari_isr.gui.scribbles.label_selector import LabelSelector
from napari_isr.gui.theme import BAD
from napari_isr.gui.viewer_adapter import NapariAdapter
from napari_isr.gui.widgets._common import (
    CollapsibleSection,
    LayerComboBox,
    StringComboBox,
    ThinProgressBar,
    VerticalScrollArea,
    WrappingLabel,
    bind_checkbox,
    bind_combo_box,
    make_button,
    make_checkbox,
    make_form_layout,
    make_row,
    setter,
)
from napari_isr.gui.widgets.certificate_panel import CertificatePanel
from napari_isr.gui.widgets.export import CopyAsCodeButtons, Exporter, ExportOptions
from napari_isr.gui.widgets.object_panel import ObjectPanel
from napari_isr.gui.widgets.shape_options import FixedOptionsRow, ShapeOptionsWidget
from napari_isr.gui.widgets.shape_picker import ShapePicker
from napari_isr.gui.widgets.welcome import WelcomePanel

if TYPE_CHECKING:
    import napari

__all__ = ["ScribbleWidget", "make_controller"]

MIN_WIDTH = 280  # pixels
SMALL_BUTTON_WIDTH = 30  # pixels


def make_controller(viewer: napari.Viewer) -> Controller:
    """Connect a controller to a viewer."""
    model, executor = DockModel(), make_executor()
    adapter = NapariAdapter(viewer, model, executor)
    return Controller(
        adapter,
        ResultPresenter(adapter, model, executor),
        model,
        FitScheduler(make_single_shot_timer, QueuedCallback),
        # Its executor stays open after the dock is closed, and then drops the segmenters.
        FitWorker(make_executor(), RepaintGate()),
        executor,
    )


def _setting(name: str, doc: str) -> Any:
    """Return a property that reads and sets a field of the settings."""

    def read(dock: ScribbleWidget) -> Any:
        return getattr(dock.controller.settings, name)

    def write(dock: ScribbleWidget, value: Any) -> None:
        kind = type(read(dock))
        setattr(dock.controller.settings, name, kind(value) if kind is bool else value)

    return property(read, write, doc=doc)


class ScribbleWidget(QWidget):
    """Dock widget that segments an image from scribbles, live, with guaranteed shapes.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it by this name.

    Attributes
    ----------
    updated : Signal
        Emitted after contours were drawn.
    settled : Signal
        Emitted after a fit has finished and its layers are written.
    """

    updated = Signal()
    settled = Signal()

    shape = _setting("shape", 'Shape of the objects, for example ``"convex:pieces=24"``.')
    predictor = _setting("predictor", 'Name of the predictor. ``"auto"`` is the most accurate one.')
    features = _setting("features", 'Names of the features, separated by commas, or ``"auto"``.')
    mode = _setting("mode", 'Order in which predictor and shape are optimized, or ``"auto"``.')
    live = _setting("live", "Whether every finished stroke starts a fit.")
    uncertainty = _setting("uncertainty", "Whether a layer shows the uncertainty of the predictor.")
    next_stroke = _setting("next_stroke", "Whether a ring marks the suggested next stroke.")
    axes = _setting("axes", 'Role of the first axis of a stack: ``"z"``, ``"t"``, or empty.')
    per_frame = _setting("per_frame", "Whether the frames of a sequence are fitted one by one.")
    coordinate = _setting("coordinate", "Name of the layer with a further coordinate, or empty.")

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.setObjectName("isr_dock")
        self.setMinimumWidth(MIN_WIDTH)
        self.controller = make_controller(napari_viewer)
        self.object_actions = ObjectActions(self.controller)
        self.persistence = PersistenceManager(self.controller, Preferences.from_napari())
        self._make_inputs(napari_viewer)
        self._make_method_widgets(napari_viewer)
        self._make_buttons()
        self._make_outputs()
        self._arrange()
        self._connect_widgets()
        self._connect_controller()
        self._show_model()
        self.repaint_coalescer = RepaintCoalescer(self, self.controller)
        FirstPaintFilter(self, self.controller.worker.load)

    # -------------------------------------------------------------------------- properties

    @property
    def image_layer(self) -> Image | None:
        """The segmented image."""
        return self.controller.image_layer

    @image_layer.setter
    def image_layer(self, layer: Image | None) -> None:
        self.controller.image_layer = layer

    @property
    def scribble_layer(self) -> Labels | None:
        """The Labels layer with the scribbles."""
        return self.controller.scribble_layer

    @scribble_layer.setter
    def scribble_layer(self, layer: Labels | None) -> None:
        self.controller.scribble_layer = layer

    @property
    def result(self) -> Any:
        """The last :class:`napari_isr.Result`, or None before the first fit."""
        return self.controller.result

    # ----------------------------------------------------------------------------- actions

    def run(self) -> None:
        """Start a fit."""
        self.controller.run()

    def cancel(self) -> None:
        """Cancel the running fit."""
        self.controller.cancel()

    def reset(self) -> None:
        """Drop everything that was fitted. The scribbles stay."""
        self.controller.reset()

    def export(self, path: str | Path | None = None, **options: Any) -> None:
        """Write masks, contours or tables to a file.

        Parameters
        ----------
        path : str or Path, optional
            Default: open a file dialog.
        **options
            ``scale`` and ``each``, see :class:`napari_isr.gui.widgets.export.Exporter`. Default:
            those that are chosen in the dock.
        """
        path = path or self.exporter.ask(self)
        if path:
            self.exporter.export(path, **options)

    def save_session(self, path: str | Path, *, embed: bool = False) -> None:
        """Save all work on the image to one ``.isr`` file."""
        self.sessions.save(path, embed=embed)

    def open_session(self, path: str | Path) -> None:
        """Open a file of :meth:`save_session`."""
        self.sessions.open(path)

    # ----------------------------------------------------------------------------- widgets

    def _make_inputs(self, viewer: Any) -> None:
        control = self.controller
        self.images = LayerComboBox(
            "isr_image",
            viewer,
            lambda layer: isinstance(layer, Image) and not is_result_layer(layer),
            "open an image",
        )
        self.images.setToolTip("The image to segment")
        self.navigator = ImageNavigator(control, lambda: self.persistence.preferences.autosave)
        self.image_list = ImageListWidget(self.navigator, self)
        self.stack = AxisRoleWidget(control)
        self.coordinates = CoordinateLayerComboBox(control)
        self.alignment = LayerAlignment(control)
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
        self.brush = LabelSelector(control.executor)
        self.brush.taken = lambda: control.imported_objects

    def _make_method_widgets(self, viewer: Any) -> None:
        chosen = self.controller.settings
        self.shapes = ShapePicker(viewer, chosen.shape)
        self.options = ShapeOptionsWidget()
        self.fixed_options_row = FixedOptionsRow(self.options, self.controller)
        self.predictors = StringComboBox(
            "isr_predictor", [chosen.predictor], "Learns from the strokes what is object"
        )
        self.blocks = StringComboBox("isr_features", [chosen.features], "What the predictor sees")
        self.modes = StringComboBox("isr_mode", [chosen.mode], "How predictor and shape are fitted")

    def _make_buttons(self) -> None:
        self.live_box = make_checkbox(
            "isr_live", "Live", "Fit after every stroke, undo (Ctrl+Z) and redo (Ctrl+Shift+Z)"
        )
        self.next_box = make_checkbox(
            "isr_next",
            "Next stroke",
            f"Ring the place where another stroke helps most; {keys.JUMP} brings it into view",
        )
        self.uncertainty_box = make_checkbox(
            "isr_uncertainty", "Uncertainty", "Highlight where the predictor is uncertain"
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
            small.setFixedWidth(SMALL_BUTTON_WIDTH)
        self.export_button = make_button(
            "isr_export",
            "Export mask…",
            "Masks, outlines, tables, probabilities, strokes to a file",
        )

    def _make_outputs(self) -> None:
        control = self.controller
        self.panel = ObjectPanel(control, self.object_actions)
        self.objects = self.panel.table
        self.stack_tools = StackToolsWidget(control)
        self.file_executor = make_executor(serial=True)
        self.exporter = Exporter(control, self.file_executor, ExportOptions())
        self.sessions = SessionActions(control, self.persistence, self.file_executor)
        self.bar = ThinProgressBar()
        self.status = WrappingLabel("isr_status")
        self.certificate_panel = CertificatePanel(control)
        self.certificate = self.certificate_panel.line
        self.advice = WrappingLabel("isr_advice")

    def _arrange(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        fields, scribbles_label = make_form_layout(), QLabel("Strokes")
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
        fields.addRow("Image", make_row(self.images, self.image_list.open))
        fields.addRow(self.image_list)
        fields.addRow(self.stack.label, self.stack)
        fields.addRow(scribbles_label, drawing[0])
        for part in (self.brush, self.shapes, drawing[1]):
            fields.addRow(part)
        need_an_image = (
            scribbles_label,
            *drawing,
            self.brush,
            self.panel,
            running,
            self.bar,
            guides,
            ending,
        )
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
            self.stack_tools,
            ending,
            SessionButtons(self.sessions, self),
            self._make_settings_section(),
        ):
            column.addWidget(part)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(VerticalScrollArea(body))

    def _make_settings_section(self) -> CollapsibleSection:
        content = QWidget()
        form = make_form_layout(content)
        form.addRow("Predictor", self.predictors)
        form.addRow("Features", self.blocks)
        form.addRow("Mode", self.modes)
        form.addRow(self.coordinates.label, self.coordinates)
        form.addRow("Export", self.exporter.options)
        form.addRow("Copy as", CopyAsCodeButtons(self.controller))
        self.more = CollapsibleSection("isr_settings", "Settings", content)
        return self.more

    # ------------------------------------------------------------------------- connections

    def _connect_widgets(self) -> None:
        control, chosen = self.controller, self.controller.settings
        self.images.chosen.connect(self._set_image)
        self.scribbles.chosen.connect(self._set_scribbles)
        self.shapes.chosen.connect(setter(chosen, "shape"))
        self.options.chosen.connect(setter(chosen, "shape"))
        self.options.problem.connect(lambda text: control.state.set_status("error", text))
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
        self.export_button.clicked.connect(lambda: self.export())
        self.panel.picked.connect(self._select_object)

    def _connect_controller(self) -> None:
        control, state = self.controller, self.controller.state
        control.layers.events.image.connect(self._show_image)
        control.layers.events.scribbles.connect(self._show_scribbles)
        control.settings.events.shape.connect(self._show_shape)
        control.presenter.history.changed.connect(self._show_history)
        for event in (state.events.message, state.events.kind):
            event.connect(self._show_message)
        state.events.advice.connect(self._show_advice)
        state.events.busy.connect(self._show_busy)
        state.events.progress.connect(self.bar.set_fraction)
        state.events.can_export.connect(self._show_can_export)
        control.choices_loaded.connect(self._show_choices)
        control.presenter.updated.connect(self._emit_updated)
        control.presenter.settled.connect(self._emit_settled)
        control.closing.connect(self.object_actions.close)
        QApplication.instance().aboutToQuit.connect(self.persistence.close)
        QApplication.instance().aboutToQuit.connect(control.close)
        # A plain function: at this signal the widget is deleted already.
        persistence = self.persistence
        self.destroyed.connect(lambda *_: _close(persistence, control))

    def _show_model(self) -> None:
        self._set_image(self.images.layer)
        self._set_scribbles(self.scribbles.layer)
        self._show_shape(self.controller.settings.shape)
        self._show_message()
        self._show_advice()
        self._show_busy()
        self._show_history()
        self._show_can_export(False)

    def changeEvent(self, event: QEvent) -> None:
        """Close when napari removes the widget from its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close()

    def closeEvent(self, event: QEvent) -> None:
        """Close the controller with the widget."""
        self._close()
        super().closeEvent(event)

    def _close(self) -> None:
        self.file_executor.close()
        self.persistence.close()
        self.controller.close()
        gc_guard().unregister(self.controller)
        self.brush.set_layer(None)
        self.fixed_options_row.close()
        for part in (
            self.panel,
            self.stack,
            self.stack_tools,
            self.coordinates,
            self.alignment,
            self.shapes,
        ):
            part.close_down()
        self.images.disconnect_events()
        self.scribbles.disconnect_events()

    def _set_image(self, layer: Image | None) -> None:
        self.controller.image_layer = layer

    def _set_scribbles(self, layer: Labels | None) -> None:
        self.controller.scribble_layer = layer

    def _select_object(self, label: int) -> None:
        layer = self.scribble_layer
        if layer is not None:
            self.controller.viewer.layers.selection.active = layer
            self.brush.select_label(label)

    # ------------------------------------------------------------------------------- views

    def _show_image(self, layer: Image | None) -> None:
        self.images.layer = layer

    def _show_scribbles(self, layer: Labels | None) -> None:
        self.scribbles.layer = layer
        self.brush.set_layer(layer)

    def _show_choices(self, choices: AvailableChoices) -> None:
        self.shapes.set_choices(choices.shapes)
        self.options.set_schemas(choices.options)
        self.predictors.set_choices(choices.predictors)
        self.blocks.set_choices(choices.features)
        self.modes.set_choices(choices.modes)
        self.objects.set_shape_choices(choices.shapes)
        gc_guard().register(self.controller)

    def _show_shape(self, shape: str) -> None:
        self.shapes.blockSignals(True)
        self.shapes.current_shape = shape.partition(":")[0]
        self.shapes.blockSignals(False)
        self.options.shape = shape

    def _show_message(self) -> None:
        state = self.controller.state
        self.status.set_message(state.message, BAD if state.kind == "error" else "")

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

    def _show_can_export(self, can_export: bool) -> None:
        self.export_button.setEnabled(can_export)

    def _emit_updated(self) -> None:
        self.updated.emit()

    def _emit_settled(self) -> None:
        self.settled.emit()


def _close(*parts: Any) -> None:
    """Close, also while Qt deletes its objects."""
    for part in parts:
        with suppress(RuntimeError, EmitLoopError):
            part.close()
