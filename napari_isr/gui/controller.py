"""What the dock does, without its widgets: strokes to fits, fits to layers."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from napari_isr.errors import InputError
from napari_isr.gui.guides import look_at
from napari_isr.gui.job import Done, Failed, Hint, Job, Names, News, Outline, Stage
from napari_isr.gui.layers import image_shape, new_scribbles
from napari_isr.gui.model import FIT_SETTINGS, Row, Settings, State
from napari_isr.gui.views import Views
from napari_isr.gui.watch import StrokeWatch
from napari_isr.gui.widgets import single_shot
from napari_isr.gui.worker import Runner, in_thread

__all__ = ["JUMP", "Controller"]

log = logging.getLogger(__name__)

PAUSE_MS = 30  # changes nearer to each other than this are fitted as one
NO_IMAGE = "Open an image to begin, or choose one above."
NO_STROKES = "Click New to get a layer to draw strokes on."
READY = "Draw a stroke on the object, then press S and draw one on the background."
JUMP = "J"  # key on the stroke layer
LOADING = "Loading PyTorch, once …"
CANCELLED = "Cancelled; the next fit goes on from here."


class Controller:
    """Runs the live loop of one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are read and written.
    """

    updated = Signal(object)  # outlines were drawn: a set of (kind, label)
    settled = Signal()  # the fit is finished and its layers are written
    image_changed = Signal(object)
    scribbles_changed = Signal(object)
    names_known = Signal(object)

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.settings, self.state = Settings(), State()
        self.result: Any = None
        self._image: Image | None = None
        self._scribbles: Labels | None = None
        self._watch, self._runner = StrokeWatch(), Runner()
        self._views: Views | None = None
        self._asked, self._live_job, self._closed = 0.0, True, False
        self._pause = single_shot(self._start)
        self._watch.changed.connect(self._on_strokes)
        self._runner.news.connect(self._on_news)
        self._runner.ended.connect(self._on_ended)
        for name in (*FIT_SETTINGS, "live"):
            self.settings.events[name].connect(self._on_setting)
        self.settings.events.uncertainty.connect(self._on_uncertainty)
        self.settings.events.next_stroke.connect(self._show_next)
        viewer.layers.events.removed.connect(self._on_removed)
        self._runner.loaded.connect(self._on_loaded)
        self._runner.warm_up()
        self._guide()

    # ------------------------------------------------------------------------------ layers

    @property
    def image_layer(self) -> Image | None:
        """The image that is segmented."""
        return self._image

    @image_layer.setter
    def image_layer(self, layer: Image | None) -> None:
        if layer is not None and not isinstance(layer, Image):
            raise TypeError(f"an Image layer is needed, not {type(layer).__name__}")
        if layer == self._image:
            return
        self.cancel()
        if self._image is not None:
            self._image.events.data.disconnect(self._on_image_data)
            self._drop_views()
            self._forget()
        self._image = layer
        if layer is not None:
            layer.events.data.connect(self._on_image_data)
        self._guide()
        self.image_changed.emit(layer)

    @property
    def scribble_layer(self) -> Labels | None:
        """The layer that the strokes are drawn on."""
        return self._scribbles

    @scribble_layer.setter
    def scribble_layer(self, layer: Labels | None) -> None:
        if layer is not None and not isinstance(layer, Labels):
            raise TypeError(f"a Labels layer is needed, not {type(layer).__name__}")
        if layer == self._scribbles:
            return
        self.cancel()
        self._bind(None)
        self._scribbles = layer
        self._bind(lambda _: self.look_at_next())
        self._watch.layer = layer
        self._guide()
        self.scribbles_changed.emit(layer)

    def new_scribbles(self) -> None:
        """Add an empty stroke layer and arm the brush."""
        if self._image is None:
            self.state.say("error", NO_IMAGE)
        elif problem := _unfit(self._image):
            self.state.say("error", problem)
        else:
            self.scribble_layer = new_scribbles(self.viewer, self._image)

    # -------------------------------------------------------------------------------- runs

    def run(self) -> None:
        """Fit now."""
        self._request(live=False)

    def cancel(self) -> None:
        """Stop at the next step; what is fitted so far stays."""
        self._pause.stop()
        if self._views is not None:
            self._views.forget()
        if self.state.busy:
            self._runner.cancel()
            self.state.busy = False
            self.state.say("hint", CANCELLED)

    def reset(self) -> None:
        """Forget all that was fitted; the strokes stay."""
        self.cancel()
        self._runner.forget()
        self._drop_views(masks=True)
        self._forget()
        self._guide()

    def look_at_next(self) -> None:
        """Bring the place where another stroke helps most to the middle of the canvas."""
        stroke = self._next_stroke
        if stroke is not None and self._image is not None:
            look_at(self.viewer, self._image, stroke.point)

    def export(self, path: str | Path) -> None:
        """Write the mask to a file.

        Parameters
        ----------
        path : str or Path
            Its ending picks the format: ``.png``, ``.tif``, ``.npy``.
        """
        from napari_isr.export import write_labels

        try:
            if self.result is None:
                raise InputError("There is no mask to export yet: draw strokes first.")
            target = write_labels(path, self.result.labels())
        except (InputError, OSError) as error:
            self.state.say("error", str(error))
        else:
            self.state.say("done", f"Saved {target.name}.")

    def close(self) -> None:
        """Let go of the viewer; a running fit stops at its next step."""
        if self._closed:
            return
        self._closed = True
        self._runner.close()
        self._pause.stop()
        self._watch.layer = None
        self._bind(None)
        if self._image is not None:
            self._image.events.data.disconnect(self._on_image_data)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._drop_views(outlines=False)

    # ------------------------------------------------------------------------ what happens

    def _on_strokes(self) -> None:
        if self.settings.live:
            self._request(live=True)

    def _on_setting(self) -> None:
        if self.settings.live and self.result is not None:
            self._request(live=True)

    def _shaped(self, label: int) -> bool:
        """Whether an object has a shape, and so an orange outline."""
        return self.settings.own_shapes.get(label, self.settings.shape) != "none"

    def _on_image_data(self) -> None:
        if self._image is not None:
            self._runner.segmenters.clear(self._image.data)
        self._on_setting()

    def _on_removed(self, event: Any) -> None:
        layer: Layer = event.value
        if layer == self._image:
            self.image_layer = None
        elif layer == self._scribbles:
            self.scribble_layer = None

    def _on_loaded(self, names: Names | str) -> None:
        if isinstance(names, str):
            self._finish("error", names)
        else:
            self.names_known.emit(names)

    def _request(self, *, live: bool) -> None:
        """Fit soon: at once if all was quiet, else as soon as changes pause."""
        if self._closed:
            return
        now = time.perf_counter()
        quiet = now - self._asked > 3 * PAUSE_MS / 1000
        self._asked, self._live_job = now, live
        self._pause.start(0 if quiet or not live else PAUSE_MS)

    def _start(self) -> None:
        image, scribbles = self._image, self._scribbles
        if image is None or scribbles is None:
            self.state.say("error", NO_IMAGE if image is None else NO_STROKES)
            return
        if problem := _unfit(image):
            self.state.say("error", problem)
            return
        chosen = {name: getattr(self.settings, name) for name in FIT_SETTINGS}
        job = Job(
            image=image.data[0] if image.multiscale else image.data,
            spacing=tuple(abs(float(s)) or 1.0 for s in image.scale),
            scribbles=scribbles.data,
            live=self._live_job,
            uncertainty=self.settings.uncertainty,
            started=self._asked,
            **chosen,
        )
        self.state.busy = True
        if self._runner.warming:
            self.state.say("busy", LOADING)
        self._runner.start(job)

    def _on_news(self, news: News) -> None:
        try:
            self._take(news)
        except Exception as error:
            self._on_failed(error)

    def _take(self, news: News) -> None:
        match news:
            case Stage():
                if news.rows is None:
                    self.state.progress = news.progress
                    self.state.say("busy", f"{news.message} …")
                else:
                    self.state.rows = _merged(news.rows, self.state.rows)
                    self._view().expect(r.label for r in news.rows if self._shaped(r.label))
            case Outline():
                self._view().show(news)
            case Hint():
                if self._views is not None:
                    self._views.blank()
                self._forget(news.rows)
                self._finish("hint", news.message)
            case Failed():
                self._finish("error", news.message)
            case Done():
                if self._scribbles is not None:
                    self._view().settle(news, self._scribbles)

    def _on_drawn(self, kinds: set[tuple[str, int]]) -> None:
        self.updated.emit(kinds)

    def _on_written(self, done: Done) -> None:
        self.result = done.result
        self.state.rows, self.state.can_export = done.rows, True
        self._advise()
        if done.uncertainty is None:
            self._on_uncertainty()  # it was asked for while the fit ran
        conflicts = [o.conflict for o in done.result.objects.values() if o.conflict is not None]
        if conflicts:
            self._finish(
                "error", f"{conflicts[0].sentence[:1].upper()}{conflicts[0].sentence[1:]}."
            )
        else:
            self._finish("done", f"Fitted in {1000 * done.seconds:.0f} ms.")
        self.settled.emit()

    def _on_failed(self, error: Exception) -> None:
        """Turn what should not happen into one sentence and a note in the log."""
        log.error("The fit could not be shown", exc_info=error)
        self._finish("error", f"The fit could not be shown ({type(error).__name__}).")

    def _on_ended(self) -> None:
        self.state.busy = self._views is not None and self._views.busy

    def _finish(self, kind: Any, message: str) -> None:
        self.state.busy, self.state.progress = False, 0.0
        self.state.say(kind, message)

    def _forget(self, rows: tuple[Row, ...] = ()) -> None:
        """There is no result any more."""
        self.state.rows, self.state.can_export, self.result = rows, False, None
        self._advise()

    # ------------------------------------------------------------------------------ guides

    @property
    def _next_stroke(self) -> Any:
        """Where another stroke helps most, if that is known; the worker has computed it."""
        return self.result.next_stroke if self.result is not None else None

    def _advise(self) -> None:
        """Tell where another stroke helps most."""
        stroke = self._next_stroke if self.settings.next_stroke else None
        text = stroke.sentence if stroke is not None else ""
        self.state.advice = f"{text[:1].upper()}{text[1:]}." if text else ""

    def _show_next(self) -> None:
        """Show or hide the mark."""
        self._advise()
        if self._views is not None:
            self._views.show_next(self._next_stroke, self._scribbles)

    def _on_uncertainty(self) -> None:
        """Show the map, which takes a moment to compute, or hide it."""
        result = self.result
        if not self.settings.uncertainty:
            if self._views is not None:
                self._views.show_uncertainty(None)
        elif result is not None:
            in_thread(lambda: result.uncertainty, lambda found: self._on_map(result, found))

    def _on_map(self, result: Any, values: Any) -> None:
        if result is self.result and self._views is not None and not self._closed:
            self._views.show_uncertainty(values)

    def _bind(self, act: Any) -> None:
        """Let a key on the stroke layer act, or no more."""
        if self._scribbles is not None:
            self._scribbles.bind_key(JUMP, act, overwrite=True)

    # ------------------------------------------------------------------------------- views

    def _view(self) -> Views:
        if self._views is None:
            self._views = Views(self.viewer, self._image, self.settings)
            self._views.drawn.connect(self._on_drawn)
            self._views.written.connect(self._on_written)
            self._views.failed.connect(self._on_failed)
        return self._views

    def _drop_views(self, *, outlines: bool = True, masks: bool = False) -> None:
        if self._views is not None:
            self._views.close(outlines=outlines, masks=masks)
            self._views = None

    def _guide(self) -> None:
        """Say what to do first."""
        if self._image is None:
            self.state.say("hint", NO_IMAGE)
        elif problem := _unfit(self._image):
            self.state.say("error", problem)
        elif self._scribbles is None:
            self.state.say("hint", NO_STROKES)
        else:
            drawn = bool(np.any(self._scribbles.data))
            self.state.say("hint", "Draw another stroke, or press Run." if drawn else READY)


def _unfit(image: Image) -> str:
    """Why an image layer cannot be segmented, in one sentence; empty if it can."""
    shape = image_shape(image)
    if len(shape) != 2:
        return (
            f"'{image.name}' has {len(shape)} dimensions, and only 2-dimensional images can be "
            "segmented so far: choose a single plane."
        )
    return ""


def _merged(rows: tuple[Row, ...], before: tuple[Row, ...]) -> tuple[Row, ...]:
    """New stroke counts with what is known of the same objects from the fit before."""
    known = {row.label: row for row in before}
    return tuple(
        Row(r.label, r.strokes, old.shape, old.area, old.holds, old.sentence)
        if (old := known.get(r.label)) is not None
        else r
        for r in rows
    )
