"""Adapter of the napari viewer for the controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.gui import hints
from napari_isr.gui import keybindings as keys
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.layers.suggestion_layer import center_view_on
from napari_isr.gui.layers.utils import METADATA_KIND, add_scribbles_layer, image_shape
from napari_isr.gui.models import DockModel
from napari_isr.gui.nd.axis_roles import MOST
from napari_isr.gui.nd.current_slice import CurrentSlice, is_stack
from napari_isr.gui.nd.job_inputs import nd_job_fields
from napari_isr.gui.scribbles.change_detector import BrushActivity, ScribbleChangeDetector

__all__ = ["NapariAdapter"]

KEYS = {
    "show_suggestion": keys.JUMP,
    "run": keys.RUN,
    "cancel": keys.CANCEL,
    "undo_fit": keys.UNDO,
    "redo_fit": keys.REDO,
}


class NapariAdapter:
    """Implements :class:`napari_isr.gui.controller.ViewerAdapter`.

    Parameters
    ----------
    viewer : napari.Viewer
    model : DockModel
        Its selected layers are followed.
    executor : BackgroundExecutor
        Computes checksums of large layers.
    """

    scribbles_edited = Signal()
    image_edited = Signal()
    colors_edited = Signal()
    layer_removed = Signal(object)

    def __init__(self, viewer: Any, model: DockModel, executor: BackgroundExecutor) -> None:
        self.viewer = viewer
        self.current_slice: CurrentSlice | None = None
        self._model = model
        self._image: Image | None = None
        self._scribbles: Labels | None = None
        self._detector = ScribbleChangeDetector(executor, self._slider_positions)
        self._brush = BrushActivity()
        self._keys: keys.LayerKeybindings | None = None
        self._detector.changed.connect(self.scribbles_edited.emit)
        viewer.layers.events.removed.connect(self._on_removed)
        model.layers.events.image.connect(self._set_image)
        model.layers.events.scribbles.connect(self._set_scribbles)

    @property
    def is_painting(self) -> bool:
        """Whether the mouse draws with the brush, up to its release."""
        return self._brush.is_painting

    def bind_actions(self, actions: Mapping[str, Callable[[], Any]]) -> None:
        """Bind keys of the scribble layer to actions, keyed by their name in ``KEYS``."""
        self._keys = keys.LayerKeybindings({KEYS[name]: act for name, act in actions.items()})
        self._keys.set_layer(self._scribbles)

    def own_layer(self, layer: Any) -> Any:
        """Return the layer itself for a proxy that napari passes to plugins."""
        return getattr(layer, "__wrapped__", layer)

    def check_layers(self, image: Any, scribbles: Any) -> None:
        """Raise TypeError if a layer has the wrong type. Both may be None."""
        for layer, kind in ((image, Image), (scribbles, Labels)):
            if layer is not None and not isinstance(layer, kind):
                name = "an Image" if kind is Image else "a Labels"
                raise TypeError(f"{name} layer is needed, not {type(layer).__name__}")

    def image_problem(self, image: Image) -> str:
        """Return the reason why an image cannot be segmented, or an empty string."""
        shape = image_shape(image)
        if not 2 <= len(shape) <= MOST:
            return (
                f"'{image.name}' has {len(shape)} dimensions, and images with 2 to {MOST} can be "
                "segmented: choose a part of it."
            )
        return ""

    def no_image_hint(self) -> str:
        """Return a hint for a viewer without an image."""
        layers = self.viewer.layers
        masks = [x for x in layers if isinstance(x, Labels) and METADATA_KIND not in x.metadata]
        return hints.no_image_hint(masks[-1].name if masks else "")

    def no_scribbles_hint(self, image: Image) -> str:
        """Return a hint for an image without a scribble layer."""
        return hints.no_scribbles_hint(image.name, image_shape(image), bool(image.rgb))

    def add_scribbles(self, image: Image) -> Labels:
        """Add an empty scribble layer over an image, and activate its brush."""
        return add_scribbles_layer(self.viewer, image)

    def mark_scribbles_seen(self) -> None:
        """Take the present scribbles as known, after a change that napari emitted too early."""
        self._detector.mark_seen()

    def center_on(self, point: tuple[float, ...]) -> None:
        """Move a pixel of the image into the middle of the canvas."""
        center_view_on(self.viewer, self._image, point)

    def job_inputs(self) -> dict[str, Any]:
        """Return the fields of a fit job that depend on the axes of the image."""
        assert self._image is not None
        current = self.current_slice
        return nd_job_fields(
            self.viewer,
            self._image,
            self._model.settings,
            current.viewed_slice if current is not None else None,
        )

    def close(self) -> None:
        """Release the viewer and the layers."""
        self._model.layers.events.image.disconnect(self._set_image)
        self._model.layers.events.scribbles.disconnect(self._set_scribbles)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._set_image(None)
        self._set_scribbles(None)

    def _set_image(self, image: Image | None) -> None:
        if image is self._image:
            return
        if self._image is not None:
            self._image.events.data.disconnect(self._on_image_data)
        if self.current_slice is not None:
            self.current_slice.close()
            self.current_slice = None
        self._image = image
        if image is not None:
            image.events.data.connect(self._on_image_data)
            if is_stack(image):
                self.current_slice = CurrentSlice(self.viewer, image)

    def _set_scribbles(self, layer: Labels | None) -> None:
        if self._scribbles is not None:
            self._scribbles.events.colormap.disconnect(self._on_colormap)
        self._scribbles = layer
        if layer is not None:
            layer.events.colormap.connect(self._on_colormap)
        if self._keys is not None:
            self._keys.set_layer(layer)
        self._detector.layer = layer
        self._brush.set_layer(layer)

    def _on_image_data(self) -> None:
        self.image_edited.emit()

    def _on_colormap(self) -> None:
        self.colors_edited.emit()

    def _on_removed(self, event: Any) -> None:
        self.layer_removed.emit(event.value)

    def _slider_positions(self) -> tuple[Any, ...]:
        dims = self.viewer.dims
        return dims.point, dims.order, dims.ndisplay
