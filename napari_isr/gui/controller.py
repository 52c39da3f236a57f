"""Controller of the live loop: scribbles start fits, and fits update the presenter; no Qt.

The controller uses the viewer through :class:`ViewerAdapter`, and treats layers as opaque objects
with an attribute ``data``. Tests run it without a window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from psygnal import Signal, SignalInstance

from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.fitting.job import DeferredTransfer, FitJob
from napari_isr.gui.fitting.scheduler import FitScheduler
from napari_isr.gui.fitting.worker import AvailableChoices, FitWorker
from napari_isr.gui.hints import DRAW_BOTH, NO_IMAGE, NO_SCRIBBLES
from napari_isr.gui.models import FIT_SETTINGS, DockModel
from napari_isr.io.session import ShapeState
from napari_isr.lazy_arrays import is_lazy

__all__ = ["Controller", "Presenter", "ViewerAdapter"]

READY = DRAW_BOTH
DRAWN = "Draw another stroke, or press Run."
LOADING = "Loading PyTorch, once …"
CANCELLED = "Cancelled; the next fit goes on from here."


class ViewerAdapter(Protocol):
    """The viewer as the controller uses it. It follows the selected layers of the model."""

    viewer: Any
    scribbles_edited: SignalInstance
    image_edited: SignalInstance
    colors_edited: SignalInstance
    layer_removed: SignalInstance

    @property
    def is_painting(self) -> bool:
        """Whether the mouse draws with the brush, up to its release."""

    def bind_actions(self, actions: Mapping[str, Callable[[], Any]]) -> None:
        """Bind keys of the scribble layer to actions, keyed by name."""

    def check_layers(self, image: Any, scribbles: Any) -> None:
        """Raise TypeError if a layer has the wrong type. Both may be None."""

    def own_layer(self, layer: Any) -> Any:
        """Return the layer itself for a proxy that napari passes to plugins."""

    def image_problem(self, image: Any) -> str:
        """Return the reason why an image cannot be segmented, or an empty string."""

    def no_image_hint(self) -> str:
        """Return a hint for a viewer without an image."""

    def no_scribbles_hint(self, image: Any) -> str:
        """Return a hint for an image without a scribble layer."""

    def add_scribbles(self, image: Any) -> Any:
        """Add an empty scribble layer over an image, and activate its brush."""

    def mark_scribbles_seen(self) -> None:
        """Take the present scribbles as known."""

    def center_on(self, point: tuple[float, ...]) -> None:
        """Move a pixel of the image into the middle of the canvas."""

    def job_inputs(self) -> dict[str, Any]:
        """Return the fields of a fit job that depend on the axes of the image."""

    def close(self) -> None:
        """Release the viewer and the layers."""


class Presenter(Protocol):
    """The display of results as the controller uses it."""

    result: Any
    history: Any
    choosing: bool
    updated: SignalInstance  # contours were drawn: a set of (kind, label)
    settled: SignalInstance  # the fit has finished and its layers are written
    drawing: SignalInstance  # layers change before the next repaint; whether it is the last

    @property
    def warm_start_result(self) -> Any:
        """Result that the next fit starts from, or None for that of the last fit."""

    @property
    def next_stroke(self) -> Any:
        """Suggested next stroke, or None."""

    def handle_event(self, news: Any) -> None:
        """Show an event of the running fit."""

    def on_ended(self) -> None:
        """Handle the end of all fits."""

    def set_final_status(self, kind: Any, message: str) -> None:
        """Show the outcome of a fit."""

    def discard_pending(self) -> None:
        """Drop contours that are not drawn yet."""

    def restore(self, fit: Any) -> None:
        """Show an earlier fit, or a later one again."""

    def remove_object(self, label: int) -> None:
        """Remove an object from the result and from the display."""

    def clear_history(self) -> None:
        """Drop the result and all earlier ones."""

    def drop_views(self, *, masks: bool = False) -> None:
        """Remove the display of the result, and its masks if required."""

    def update_colors(self) -> None:
        """Apply the colors of the scribbles."""

    def close(self) -> None:
        """Release the viewer."""


class Controller:
    """Runs the live loop of one viewer.

    Parameters
    ----------
    adapter : ViewerAdapter
    presenter : Presenter
    model : DockModel
    scheduler : FitScheduler
        Emits when a requested fit is due.
    worker : FitWorker
        Runs the fits.
    executor : BackgroundExecutor
        Runs all other work in the background.

    Attributes
    ----------
    memory : float or None
        Megabytes for the pixels of an image that is not in memory, or None for the default.
    initial_shapes : dict of int to ShapeState
        Shapes of an earlier session, from which the first fit starts.
    transfer : callable
        Returns the transfer from other images, or None if there is none.
    """

    choices_loaded = Signal(object)
    fit_started = Signal(bool)  # whether the fit is queued until the library is loaded
    closing = Signal()  # layers and result are still available

    def __init__(
        self,
        adapter: ViewerAdapter,
        presenter: Presenter,
        model: DockModel,
        scheduler: FitScheduler,
        worker: FitWorker,
        executor: BackgroundExecutor,
    ) -> None:
        self.adapter, self.presenter, self.executor = adapter, presenter, executor
        self.scheduler, self.worker = scheduler, worker
        self.settings, self.state = model.settings, model.state
        self.layers, self.imports = model.layers, model.imports
        self.memory: float | None = None
        self.initial_shapes: dict[int, ShapeState] = {}
        self.transfer: Callable[[], DeferredTransfer | None] = lambda: None
        self._device = "auto"
        self._closed = False
        adapter.bind_actions(
            {
                "show_suggestion": self.show_suggestion,
                "run": self.run,
                "cancel": self.cancel,
                "undo_fit": self.undo_fit,
                "redo_fit": self.redo_fit,
            }
        )
        adapter.scribbles_edited.connect(self._on_scribbles_edited)
        adapter.image_edited.connect(self._on_image_edited)
        adapter.colors_edited.connect(presenter.update_colors)
        adapter.layer_removed.connect(self._on_layer_removed)
        presenter.drawing.connect(worker.repaint_gate.close_until_painted)
        scheduler.due.connect(self._start_fit)
        worker.news.connect(presenter.handle_event)
        worker.ended.connect(presenter.on_ended)
        worker.loaded.connect(self._on_loaded)
        for name in (*FIT_SETTINGS, "live"):
            self.settings.events[name].connect(self.refit)
        self.imports.changed.connect(self._on_imports_changed)
        worker.warm_up()
        self._show_hint()

    @property
    def viewer(self) -> Any:
        """The viewer that the adapter wraps."""
        return self.adapter.viewer

    @property
    def result(self) -> Any:
        """The last :class:`napari_isr.Result`, or None."""
        return self.presenter.result

    @property
    def device(self) -> str:
        """Device of the fits. A new value starts another fit."""
        return self._device

    @device.setter
    def device(self, name: str) -> None:
        if name != self._device:
            self._device = name
            self.refit()

    # ------------------------------------------------------------------------------ layers

    @property
    def image_layer(self) -> Any:
        """The segmented image, or None."""
        return self.layers.image

    @image_layer.setter
    def image_layer(self, layer: Any) -> None:
        layer = self.adapter.own_layer(layer)
        self.adapter.check_layers(layer, None)
        if layer is self.layers.image:
            return
        self.cancel()
        if self.layers.image is not None:
            self.presenter.drop_views()
            self.presenter.clear_history()
        self.initial_shapes = {}
        self.layers.image = layer
        self._show_hint()

    @property
    def scribble_layer(self) -> Any:
        """The layer with the scribbles, or None."""
        return self.layers.scribbles

    @scribble_layer.setter
    def scribble_layer(self, layer: Any) -> None:
        layer = self.adapter.own_layer(layer)
        self.adapter.check_layers(None, layer)
        if layer is self.layers.scribbles:
            return
        self.cancel()
        self.layers.scribbles = layer
        self._show_hint()

    @property
    def imported_objects(self) -> dict[int, Any]:
        """Masks or probabilities of imported objects, keyed by label. The dict is a copy.

        They are stored for each scribble layer. Assign a dict to replace them.
        """
        return self.imports.masks

    @imported_objects.setter
    def imported_objects(self, masks: dict[int, Any]) -> None:
        self.imports.masks = masks

    def new_scribbles(self) -> None:
        """Add an empty scribble layer and activate its brush."""
        image = self.image_layer
        if image is None:
            self.state.set_status("error", NO_IMAGE)
        elif problem := self.adapter.image_problem(image):
            self.state.set_status("error", problem)
        else:
            self.scribble_layer = self.adapter.add_scribbles(image)

    # -------------------------------------------------------------------------------- fits

    def run(self) -> None:
        """Start a fit."""
        self.scheduler.request(live=False)

    def request_fit(self) -> None:
        """Start a fit as after a stroke: missing scribbles are a hint, not an error."""
        self.scheduler.request(live=True)

    def refit(self) -> None:
        """Start a fit after a change of something else than scribbles.

        Do nothing if the dock is not live, or if nothing is fitted yet.
        """
        if self.settings.live and self.result is not None and not self.presenter.choosing:
            self.request_fit()

    def fit_if_possible(self) -> None:
        """Start a fit of a new image if it has scribbles, or if there is a transfer for it."""
        layer = self.scribble_layer
        if not self.settings.live:
            return
        if self.transfer() is not None:
            self.request_fit()
        elif layer is not None:
            self.executor.scan(layer.data, np.any, partial(self._fit_if_drawn, layer))

    def make_job(self, *, live: bool) -> FitJob | None:
        """Return the job of a fit that would start now, or None if none can."""
        return self._make_job(live, time.perf_counter())

    def stop(self) -> None:
        """Cancel the running fit without a message."""
        self.scheduler.cancel()
        self.worker.cancel()

    def cancel(self) -> None:
        """Cancel the running fit at its next step. What is fitted so far stays."""
        self.stop()
        self.presenter.discard_pending()
        if self.state.busy:
            self.state.busy = False
            self.state.set_status("hint", CANCELLED)

    def reset(self) -> None:
        """Drop everything that was fitted. The scribbles stay."""
        self.cancel()
        self.worker.reset()
        self.presenter.drop_views(masks=True)
        self.presenter.clear_history()
        self.initial_shapes = {}
        self._show_hint()

    def undo_fit(self) -> None:
        """Show the previous fit. The scribbles stay."""
        self.cancel()
        self.presenter.restore(self.presenter.history.undo())

    def redo_fit(self) -> None:
        """Show the following fit."""
        self.cancel()
        self.presenter.restore(self.presenter.history.redo())

    def show_suggestion(self) -> None:
        """Move the position of the suggested next stroke into the middle of the canvas."""
        stroke = self.presenter.next_stroke
        if stroke is not None and self.image_layer is not None:
            self.adapter.center_on(stroke.point)

    def remove_object(self, label: int) -> None:
        """Remove an object from the result and from the display."""
        self.presenter.remove_object(label)

    def close(self) -> None:
        """Release the viewer. A running fit is cancelled at its next step."""
        if self._closed:
            return
        self._closed = True
        self.closing.emit()
        self.scheduler.close()
        self.worker.close()
        self.adapter.close()
        self.imports.close()
        self.presenter.close()
        self.executor.close()

    # ------------------------------------------------------------------------------ events

    def _on_scribbles_edited(self) -> None:
        if self.settings.live:
            self.scheduler.request(live=True, drawn=self.adapter.is_painting)

    def _on_image_edited(self) -> None:
        self.stop()
        self.worker.reset()  # Its segmenters hold the former pixels.
        self.presenter.history.clear()
        self.refit()

    def _on_layer_removed(self, layer: Any) -> None:
        if layer is self.image_layer:
            self.image_layer = None
        elif layer is self.scribble_layer:
            self.scribble_layer = None

    def _on_imports_changed(self) -> None:
        if self.settings.live and self.scribble_layer is not None and self.image_layer is not None:
            self.request_fit()

    def _on_loaded(self, choices: AvailableChoices | str) -> None:
        if isinstance(choices, str):
            self.presenter.set_final_status("error", choices)
        else:
            self.choices_loaded.emit(choices)

    def _start_fit(self, live: bool, requested_at: float) -> None:
        job = self._make_job(live, requested_at)
        if job is None:
            return
        self.state.busy = True
        if self.worker.is_loading:
            self.state.set_status("busy", LOADING)
        self.fit_started.emit(self.worker.is_loading)
        self.worker.start(job)

    def _make_job(self, live: bool, requested_at: float) -> FitJob | None:
        """Return the job of a fit, or set an error message and return None."""
        image, scribbles = self.image_layer, self.scribble_layer
        if image is None or scribbles is None:
            self.state.set_status("error", NO_IMAGE if image is None else NO_SCRIBBLES)
            return None
        if problem := self.adapter.image_problem(image):
            self.state.set_status("error", problem)
            return None
        chosen = {name: getattr(self.settings, name) for name in FIT_SETTINGS}
        return FitJob(
            image=image.data,
            scribbles=scribbles.data,
            live=live,
            uncertainty=self.settings.uncertainty,
            imported=self.imported_objects,
            hidden=self.settings.hidden,
            requested_at=requested_at,
            start_result=self.presenter.warm_start_result,
            device=self.device,
            memory=self.memory if is_lazy(image.data) else None,
            initial_shapes=self.initial_shapes,
            transfer=self.transfer(),
            **{**chosen, **self.adapter.job_inputs()},
        )

    def _fit_if_drawn(self, layer: Any, drawn: bool) -> None:
        if drawn and layer is self.scribble_layer and not self._closed:
            self.request_fit()

    # ------------------------------------------------------------------------------- hints

    def _show_hint(self) -> None:
        """Set a message about the next step of the user."""
        image, scribbles = self.image_layer, self.scribble_layer
        if image is None:
            self.state.set_status("hint", self.adapter.no_image_hint())
        elif problem := self.adapter.image_problem(image):
            self.state.set_status("error", problem)
        elif scribbles is None:
            self.state.set_status("hint", self.adapter.no_scribbles_hint(image))
        else:
            self.state.set_status("hint", READY)
            self.executor.scan(scribbles.data, np.any, partial(self._show_drawn_hint, scribbles))

    def _show_drawn_hint(self, layer: Any, drawn: bool) -> None:
        if drawn and layer is self.scribble_layer and self.state.message == READY:
            self.state.set_status("hint", DRAWN)
