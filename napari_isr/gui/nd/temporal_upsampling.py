"""Masks of a sequence at intermediate times, in a new layer."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundTask
from napari_isr.gui.layers.utils import METADATA_KIND, insert_layer_above, layer_transform_kwargs
from napari_isr.gui.theme import copy_colormap

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["TemporalUpsampler", "upsample_masks"]

log = logging.getLogger(__name__)
NONE_YET = "There is no mask to super-resolve yet: draw strokes first."
CANCELLED = "Cancelled; no layer was made."
STEPS = 12  # after which an object is half done, as far as the bar knows

Masks = npt.NDArray[np.integer[Any]]


class TemporalUpsampler:
    """Makes the layer ``<image> [isr] x4``: the shapes evaluated between the frames.

    Parameters
    ----------
    control : Controller
        Whose result is evaluated, and whose status line and bar tell how it goes.
    """

    busy = Signal(bool)  # whether it is at work
    made = Signal(object)  # the layer

    def __init__(self, control: Controller) -> None:
        self._control = control
        self._task: BackgroundTask | None = None

    def start(self, factor: int) -> None:
        """Begin with ``factor`` times the frames."""
        control = self._control
        result, strokes, image = control.result, control.scribble_layer, control.image_layer
        if self._task is not None:
            return
        if result is None or strokes is None or image is None:
            control.state.set_status("error", NONE_YET)
            return
        about = {
            "name": f"{image.name} [isr] x{factor}",
            "colormap": copy_colormap(strokes.colormap),
        }
        self._task = control.executor.iterate(
            _work(result, factor, control.settings.hidden),
            on_item=partial(self._on_share, factor),
            on_return=partial(self._on_done, image, about),
        )
        self.busy.emit(True)

    def cancel(self) -> None:
        """Stop at the next step; no layer is made."""
        if self._task is not None:
            self._task.cancel()
            self._on_done(None, {}, None)

    def close(self) -> None:
        """Stop, and make no layer any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _on_share(self, factor: int, share: float) -> None:
        self._control.state.progress = share
        self._control.state.set_status("busy", f"{factor} times the frames …")

    def _on_done(self, image: Any, about: dict[str, Any], found: Any) -> None:
        self._task = None
        state = self._control.state
        state.progress = 0.0
        if found is None or isinstance(found, str):
            state.set_status("error" if found else "hint", found or CANCELLED)
        elif image in self._control.viewer.layers:
            masks, empty = found
            layer = Labels(
                masks,
                metadata={METADATA_KIND: "finer"},
                opacity=0.4,
                **about,
                **layer_transform_kwargs(image, masks.shape),
            )
            insert_layer_above(self._control.viewer, layer, image)
            gone = f"; the object is not in {empty} of them" if empty else ""
            state.set_status("done", f"'{layer.name}' has {len(masks)} frames{gone}.")
            self.made.emit(layer)
        self.busy.emit(False)


def upsample_masks(
    result: Any, factor: int, hidden: Collection[int] = ()
) -> Iterator[tuple[float, Masks | None]]:
    """Yield progress and masks of all objects at ``factor`` times the frames.

    Parameters
    ----------
    result : Result
        Of a sequence.
    factor : int
    hidden : collection of int
        Labels that are left out.

    Yields
    ------
    share : float
        How much is done, 0 to 1.
    masks : integer array or None
        At last the masks, the higher label on top.
    """
    objects = [(k, item) for k, item in sorted(result.objects.items()) if k not in hidden]
    masks: Any = None
    dtype = np.uint8 if max((label for label, _ in objects), default=0) < 256 else np.uint16
    for number, (label, item) in enumerate(objects):
        # A large stack is drawn on a coarser raster, and so is this.
        frame = item.image_frame or item.frame
        sizes = zip(item.frame.shape[1:], frame.shape[1:], strict=True)
        scale = (factor, *(n / m for n, m in sizes))
        for step, mask in enumerate(item.iter_render_at(scale)):
            yield (number + 1 - 1 / (1 + step / STEPS)) / len(objects), None
            if mask is not None:
                if masks is None:
                    masks = np.zeros(mask.shape, dtype)
                masks[mask] = label
    yield 1.0, masks


def _work(
    result: Any, factor: int, hidden: Collection[int]
) -> Generator[float, None, tuple[Masks, int] | str]:
    """Do it in the thread; return masks and the number of empty frames, or an error message."""
    from napari_isr.gui.fitting.run_job import single_threaded_torch

    masks = None
    try:
        with single_threaded_torch():
            for share, masks in upsample_masks(result, factor, hidden):  # noqa: B007
                yield share
    except Exception as error:
        log.exception("The sequence could not be super-resolved")
        return f"The frames could not be made ({type(error).__name__}): napari's log says more."
    if masks is None:
        return "All objects are hidden: show one in the table."
    empty = sum(not frame.any() for frame in masks)
    return masks, empty
