"""Actions of napari's menus on the selected layer, without the dock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils import cancelable_progress
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundTask
from napari_isr.gui._qt_utils import make_executor
from napari_isr.gui.layers.utils import METADATA_KIND, insert_layer_above, layer_transform_kwargs
from napari_isr.gui.shape_catalog import shape_catalog
from napari_isr.gui.theme import copy_colormap

if TYPE_CHECKING:
    from napari_isr.label_projection import ProjectedLabels

__all__ = ["reshape_selected_layer"]

log = logging.getLogger(__name__)

CHOOSE = "Select a Labels layer, or an Image layer with a mask or probabilities, and try again."


def reshape_selected_layer(viewer: Any, shape: str) -> BackgroundTask | None:
    """Make the selected layer's objects convex, star-shaped, …, in a new Labels layer.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose selected layer is taken: every label of a Labels layer is an object, an Image layer
        holds one, as a mask or probabilities.
    shape : str
        As :func:`napari_isr.project` takes it.

    Returns
    -------
    BackgroundTask or None
        None if the layer does not fit, which a notification describes.
    """
    layer = viewer.layers.selection.active
    if not isinstance(layer, Image | Labels) or getattr(layer, "rgb", False):
        show_warning(CHOOSE)
        return None
    bar = cancelable_progress(total=0, desc=f"{shape}: {layer.name}")
    data = layer.data[0] if layer.multiscale else layer.data
    spacing = tuple(abs(float(s)) or 1.0 for s in layer.scale)
    take = partial(_objects, data, isinstance(layer, Labels), layer.name)
    task = make_executor().iterate(
        _work(take, shape, spacing, bar),
        on_item=partial(_advance, bar),
        on_return=partial(_show, viewer, layer, _about(layer, shape)),
        on_end=bar.close,
    )
    _CancelOnClose(viewer.window.main_menu.window(), task)
    return task


class _CancelOnClose(QObject):
    """Cancels a task when a window is closed: a closed viewer cannot take a layer."""

    def __init__(self, window: QWidget, task: BackgroundTask) -> None:
        super().__init__(window)
        self._task = task
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cancel the task at a close event. Never consume the event."""
        if event.type() == QEvent.Type.Close:
            self._task.cancel()
        return False


def _command(shape: str) -> Callable[[], None]:
    """Make a function for napari's menus."""

    def command() -> None:
        viewer = napari.current_viewer()
        if viewer is not None:
            reshape_selected_layer(viewer, shape)

    command.__doc__ = f"Give the selected layer's objects the shape ``{shape}``."
    return command


def __getattr__(name: str) -> Callable[[], None]:
    """Return the command ``make_<shape>``, with ``_`` for ``+`` in the name of the shape."""
    for shape in shape_catalog():
        if name == f"make_{shape.replace('+', '_')}" and shape != "none":
            return _command(shape)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _objects(data: Any, labels: bool, name: str) -> Any:
    """Labels as they are; an image as a mask or probabilities."""
    from napari_isr.label_projection import as_mask_or_probability

    return np.asarray(data) if labels else as_mask_or_probability(data, name)


def _work(
    take: Callable[[], Any], shape: str, spacing: tuple[float, ...], bar: cancelable_progress
) -> Generator[tuple[int, int], None, ProjectedLabels | str | None]:
    """Do it in the thread; returns the result, a sentence, or None if it was cancelled."""
    try:
        from napari_isr.gui.fitting.run_job import single_threaded_torch
        from napari_isr.label_projection import project_labels

        with single_threaded_torch():
            for news in project_labels(take(), shape, spacing=spacing):
                if bar.is_canceled:
                    return None
                if not isinstance(news, tuple):
                    return news
                yield news
    except InputError as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    except Exception as error:
        log.exception("The mask could not be given a shape")
        return f"The shape '{shape}' could not be fitted ({type(error).__name__}): see the log."
    return None


def _about(layer: Layer, shape: str) -> dict[str, Any]:
    """Return the properties that the new layer inherits from its source."""
    about = {"name": f"{layer.name} [{shape}]", **layer_transform_kwargs(layer)}
    if isinstance(layer, Labels):
        about["colormap"] = copy_colormap(layer.colormap)
    return about


def _advance(bar: cancelable_progress, news: tuple[int, int]) -> None:
    done, total = news
    if total > 1 and bar.total != total:
        bar.total = total
    if done > bar.n:
        bar.update(done - bar.n)


def _show(viewer: Any, source: Layer, about: dict[str, Any], result: Any) -> None:
    """Add the layer and say what it holds, or say why there is none."""
    if result is None or isinstance(result, str):
        show_warning(result or f"Cancelled; '{source.name}' is as it was.")
        return
    metadata = {METADATA_KIND: "mask", "shape": result.shape, "objects": result.objects}
    layer = Labels(result.labels, metadata=metadata, **about)
    insert_layer_above(viewer, layer, source)
    (show_warning if result.failed else show_info)(f"{layer.name}: {result.message}.")
