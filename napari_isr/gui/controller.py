"""What the dock does, without its widgets: strokes to fits, fits to layers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from napari_isr.gui import keybindings as keys
from napari_isr.gui._gc_control import gc_guard
from napari_isr.gui._qt_utils import make_executor
from napari_isr.gui.fitting.job import AvailableChoices, FitJob
from napari_isr.gui.fitting.scheduler import FitScheduler
from napari_isr.gui.fitting.transfer import DeferredTransfer
from napari_isr.gui.hints import NO_IMAGE, NO_STROKES, no_image_hint, no_scribbles_hint
from napari_isr.gui.layers.suggestion_layer import center_view_on
from napari_isr.gui.layers.utils import add_scribbles_layer, image_shape
from napari_isr.gui.models import FIT_SETTINGS, DockSettings, DockState
from napari_isr.gui.nd.axis_roles import MOST
from napari_isr.gui.nd.job_inputs import nd_job_fields
from napari_isr.gui.objects.actions import ObjectActions
from napari_isr.gui.result_presenter import ResultPresenter
from napari_isr.gui.scribbles.change_detector import BrushActivity, ScribbleChangeDetector
from napari_isr.io.session import ShapeState
from napari_isr.lazy_arrays import is_lazy

__all__ = ["Controller"]

READY = "Draw a stroke on the object, then press S and draw one on the background."
DRAWN = "Draw another stroke, or press Run."
LOADING = "Loading PyTorch, once …"
CANCELLED = "Cancelled; the next fit goes on from here."


class Controller:
    """Runs the live loop of one viewer: its layers, and what the buttons do.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are read and written.
    """

    updated = Signal(object)  # outlines were drawn: a set of (kind, label)
    settled = Signal()  # the fit is finished and its layers are written
    image_layer_changed = Signal(object)
    scribble_layer_changed = Signal(object)
    choices_loaded = Signal(object)
    closing = Signal()  # layers and result are still there
    scribbles_edited = Signal()
    imports_changed = Signal(object)  # what is given, by label

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.settings, self.state = DockSettings(), DockState()
        self.executor = make_executor()
        self._device = "auto"
        self.memory: float | None = None  # megabytes, of images that are not in memory
        self.initial_shapes: dict[int, ShapeState] = {}  # of an earlier session, to start from
        self.presenter = ResultPresenter(viewer, self.settings, self.state, self.executor)
        self.scheduler = FitScheduler(self._job)
        self.worker = self.scheduler.worker
        self._watch = ScribbleChangeDetector(self.executor, lambda: _sliders(viewer))
        self._closed = False
        self._brushing = BrushActivity()
        self.transfer: Callable[[], DeferredTransfer | None] = lambda: (
            None
        )  # what other images taught
        self._keys = keys.LayerKeybindings(
            {
                keys.JUMP: self.show_suggestion,
                keys.RUN: self.run,
                keys.CANCEL: self.cancel,
                keys.UNDO: self.undo_fit,
                keys.REDO: self.redo_fit,
            }
        )
        self.objects = ObjectActions(self)
        self._watch.changed.connect(self.objects.restore_undone)
        self._watch.changed.connect(self._on_strokes)
        self._watch.changed.connect(self.scribbles_edited.emit)
        self.presenter.updated.connect(self.updated.emit)
        self.presenter.settled.connect(self.settled.emit)
        self.presenter.drawing.connect(self.worker.repaint_gate.close_until_painted)
        self.scheduler.started.connect(self._on_started)
        self.worker.news.connect(self.presenter.handle_event)
        self.worker.ended.connect(self.presenter.on_ended)
        self.worker.loaded.connect(self._on_loaded)
        for name in (*FIT_SETTINGS, "live"):
            self.settings.events[name].connect(self._on_setting)
        viewer.layers.events.removed.connect(self._on_removed)
        self.worker.warm_up()
        self._guide()

    @property
    def result(self) -> Any:
        """The last fit, a :class:`napari_isr.Result`; None before."""
        return self.presenter.result

    @property
    def device(self) -> str:
        """Where fits run; another one means to fit again."""
        return self._device

    @device.setter
    def device(self, name: str) -> None:
        if name != self._device:
            self._device = name
            self._on_setting()

    @property
    def is_painting(self) -> bool:
        """Whether the mouse draws with the brush, its release included."""
        return self._brushing.is_painting

    # ------------------------------------------------------------------------------ layers

    @property
    def image_layer(self) -> Image | None:
        """The image that is segmented."""
        return self.presenter.image

    @image_layer.setter
    def image_layer(self, layer: Image | None) -> None:
        if layer is not None and not isinstance(layer, Image):
            raise TypeError(f"an Image layer is needed, not {type(layer).__name__}")
        before = self.presenter.image
        if layer == before:
            return
        self.cancel()
        if before is not None:
            before.events.data.disconnect(self._on_image_data)
            self.presenter.drop_views()
            self.presenter.clear_history()
        self.presenter.image, self.initial_shapes = layer, {}
        if layer is not None:
            layer.events.data.connect(self._on_image_data)
        self._guide()
        self.image_layer_changed.emit(layer)

    @property
    def scribble_layer(self) -> Labels | None:
        """The layer that the strokes are drawn on."""
        return self.presenter.scribbles

    @scribble_layer.setter
    def scribble_layer(self, layer: Labels | None) -> None:
        if layer is not None and not isinstance(layer, Labels):
            raise TypeError(f"a Labels layer is needed, not {type(layer).__name__}")
        if layer == self.presenter.scribbles:
            return
        self.cancel()
        if self.presenter.scribbles is not None:
            self.presenter.scribbles.events.colormap.disconnect(self.presenter.update_colors)
        self.presenter.scribbles = layer
        if layer is not None:
            layer.events.colormap.connect(self.presenter.update_colors)
        self._keys.set_layer(layer)
        self._watch.layer = layer
        self._brushing.set_layer(layer)
        self.objects.given.set_layer(layer)
        self._guide()
        self.scribble_layer_changed.emit(layer)

    @property
    def imported_objects(self) -> dict[int, Any]:
        """Objects that were imported: by label, a bool mask or probabilities; a copy.

        Kept for each stroke layer. Assign a dict to replace them.
        """
        return self.objects.given.masks

    @imported_objects.setter
    def imported_objects(self, masks: dict[int, Any]) -> None:
        self.objects.given.masks = masks

    def new_scribbles(self) -> None:
        """Add an empty stroke layer and arm the brush."""
        if self.image_layer is None:
            self.state.set_status("error", NO_IMAGE)
        elif problem := _unfit(self.image_layer):
            self.state.set_status("error", problem)
        else:
            self.scribble_layer = add_scribbles_layer(self.viewer, self.image_layer)

    def mark_scribbles_seen(self) -> None:
        """The strokes were changed after napari had told of it."""
        self._watch.mark_seen()

    # -------------------------------------------------------------------------------- runs

    def run(self) -> None:
        """Fit now."""
        self.scheduler.request(live=False)

    def fit_if_possible(self) -> None:
        """Fit what a fresh image has: strokes, or what other images taught."""
        layer = self.scribble_layer
        if self.settings.live and self.transfer() is not None:
            self.scheduler.request(live=True)
        elif self.settings.live and layer is not None:
            self.executor.scan(layer.data, np.any, partial(self._begin, layer))

    def _begin(self, layer: Labels, drawn: bool) -> None:
        if drawn and layer is self.scribble_layer and not self._closed:
            self.scheduler.request(live=True)

    def make_job(self, *, live: bool) -> FitJob | None:
        """What would be fitted now; None if nothing can be."""
        return self._job(live, time.perf_counter())

    def refit(self) -> None:
        """Fit again what is fitted, if the dock is live: something else than a stroke changed."""
        self._on_setting()

    def cancel(self) -> None:
        """Stop at the next step; what is fitted so far stays."""
        self.scheduler.cancel()
        if self.presenter.views is not None:
            self.presenter.views.discard_pending()
        if self.state.busy:
            self.state.busy = False
            self.state.set_status("hint", CANCELLED)

    def reset(self) -> None:
        """Forget all that was fitted; the strokes stay."""
        self.cancel()
        self.scheduler.reset()
        self.presenter.drop_views(masks=True)
        self.presenter.clear_history()
        self.initial_shapes = {}
        self._guide()

    def undo_fit(self) -> None:
        """Go back to the fit before; the strokes stay as they are."""
        self.cancel()
        self.presenter.restore(self.presenter.history.undo())

    def redo_fit(self) -> None:
        """Go forward to the fit after."""
        self.cancel()
        self.presenter.restore(self.presenter.history.redo())

    def show_suggestion(self) -> None:
        """Bring the place where another stroke helps most to the middle of the canvas."""
        stroke = self.presenter.next_stroke
        if stroke is not None and self.image_layer is not None:
            center_view_on(self.viewer, self.image_layer, stroke.point)

    def close(self) -> None:
        """Let go of the viewer; a running fit stops at its next step."""
        if self._closed:
            return
        self._closed = True
        self.closing.emit()
        self.scheduler.close()
        self._watch.layer = None
        self._brushing.set_layer(None)
        self._keys.set_layer(None)
        if self.scribble_layer is not None:
            self.scribble_layer.events.colormap.disconnect(self.presenter.update_colors)
        if self.image_layer is not None:
            self.image_layer.events.data.disconnect(self._on_image_data)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.objects.close()
        self.presenter.close()
        self.executor.close()
        gc_guard().unregister(self)

    # ------------------------------------------------------------------------ what happens

    def _on_strokes(self) -> None:
        if self.settings.live:
            self.scheduler.request(live=True, drawn=self._brushing.is_painting)

    def _on_setting(self) -> None:
        if self.settings.live and self.result is not None and not self.presenter.choosing:
            self.scheduler.request(live=True)

    def _on_image_data(self) -> None:
        if self.image_layer is not None:
            self.scheduler.reset()  # Its segmenters hold the former pixels.
            self.presenter.history.clear()
        self._on_setting()

    def _on_removed(self, event: Any) -> None:
        layer: Layer = event.value
        if layer == self.image_layer:
            self.image_layer = None
        elif layer == self.scribble_layer:
            self.scribble_layer = None

    def _on_loaded(self, names: AvailableChoices | str) -> None:
        if isinstance(names, str):
            self.presenter.set_final_status("error", names)
        else:
            self.choices_loaded.emit(names)
            gc_guard().register(self)

    def _on_started(self, waits: bool) -> None:
        self.state.busy = True
        if waits:
            self.state.set_status("busy", LOADING)

    def _job(self, live: bool, asked: float) -> FitJob | None:
        """What is to be fitted now; None, and a sentence to the user, if nothing can be."""
        image, scribbles = self.image_layer, self.scribble_layer
        if image is None or scribbles is None:
            self.state.set_status("error", NO_IMAGE if image is None else NO_STROKES)
            return None
        if problem := _unfit(image):
            self.state.set_status("error", problem)
            return None
        chosen = {name: getattr(self.settings, name) for name in FIT_SETTINGS}
        return FitJob(
            image=image.data,
            scribbles=scribbles.data,
            live=live,
            uncertainty=self.settings.uncertainty,
            given=self.imported_objects,
            hidden=self.settings.hidden,
            started=asked,
            start=self.presenter.warm_start_result,
            device=self.device,
            memory=self.memory if is_lazy(image.data) else None,
            kept=self.initial_shapes,
            transfer=self.transfer(),
            **{**chosen, **nd_job_fields(self)},
        )

    def _guide(self) -> None:
        """Say what to do first."""
        if self.image_layer is None:
            self.state.set_status("hint", no_image_hint(self.viewer))
        elif problem := _unfit(self.image_layer):
            self.state.set_status("error", problem)
        elif self.scribble_layer is None:
            self.state.set_status("hint", no_scribbles_hint(self.image_layer))
        else:
            self.state.set_status("hint", READY)
            layer = self.scribble_layer
            self.executor.scan(layer.data, np.any, partial(self._guide_on, layer))

    def _guide_on(self, layer: Labels, drawn: bool) -> None:
        if drawn and layer is self.scribble_layer and self.state.message == READY:
            self.state.set_status("hint", DRAWN)


def _sliders(viewer: Any) -> tuple[Any, ...]:
    dims = viewer.dims
    return dims.point, dims.order, dims.ndisplay


def _unfit(image: Image) -> str:
    """Why an image layer cannot be segmented, in one sentence; empty if it can."""
    shape = image_shape(image)
    if not 2 <= len(shape) <= MOST:
        return (
            f"'{image.name}' has {len(shape)} dimensions, and images with 2 to {MOST} can be "
            "segmented: choose a part of it."
        )
    return ""
