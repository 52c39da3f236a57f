"""View of one result: the drawing of contours and the writing of masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import QueuedCallback, make_single_shot_timer
from napari_isr.gui.fitting.events import FitContour, FitFinished
from napari_isr.gui.fitting.fit_history import FitHistoryEntry
from napari_isr.gui.handle_controller import HandleController
from napari_isr.gui.layers.contour_layer import ContourLayer
from napari_isr.gui.layers.suggestion_layer import ConflictLayer, SuggestionLayer, UncertaintyLayer
from napari_isr.gui.layers.utils import ResultLayers
from napari_isr.gui.models import DockSettings
from napari_isr.gui.nd.current_slice import CurrentSlice
from napari_isr.gui.slice_contour_tracer import SliceContourTracer

__all__ = ["ResultView"]

HOLD_MS = 260  # an outline waits so long for the others: each drawing holds the fit up by a frame


class ResultView:
    """Outlines, masks and guides of one image.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    settings : DockSettings
        Say which guides are shown.
    executor : BackgroundExecutor
        Traces contours in slices of a stack.
    shown : CurrentSlice or None
        Slice of a stack that the viewer shows.
    """

    drawn = Signal(object)  # a set of (kind, label)
    written = Signal(object)  # the Done whose masks are in the viewer
    failed = Signal(object)  # an exception
    drawing = Signal(bool)  # layers change now, before the canvas is painted; whether that is all

    def __init__(
        self,
        viewer: Any,
        image: Image,
        settings: DockSettings,
        executor: BackgroundExecutor,
        shown: CurrentSlice | None,
    ) -> None:
        self._settings = settings
        self._outlines, self._masks = ContourLayer(viewer, image), ResultLayers(viewer, image)
        self._outlines.hide(settings.hidden)
        self._marks = ConflictLayer(viewer, image)
        self._map, self._next = UncertaintyLayer(viewer, image), SuggestionLayer(viewer, image)
        self._handles = HandleController(viewer, image, settings)
        self.shown = shown
        self._planes = SliceContourTracer(self.shown, executor) if self.shown is not None else None
        if self._planes is not None and self.shown is not None:
            self._outlines.plane = self.shown.plane
            self._planes.ready.connect(self._turn)
        self._fresh: dict[tuple[str, int], Any] = {}
        self._expected: set[int] = set()
        self._awaited: set[int] = set()
        self._writing: tuple[FitFinished, Iterator[None]] | None = None
        self._flush, self._write = (
            make_single_shot_timer(self._draw),
            make_single_shot_timer(self._write_next),
        )
        self._at_once = QueuedCallback(self._draw)

    @property
    def busy(self) -> bool:
        """True while masks are being written."""
        return self._writing is not None

    def begin_fit(self, labels: Iterable[int]) -> None:
        """Prepare for a fit that draws shape contours of these objects."""
        self._expected = set(labels)
        self._awaited = set(self._expected)
        self.end_fit(False)

    def end_fit(self, idle: bool = True) -> None:
        """Set whether contours of a stack are traced ahead of its slider."""
        if self._planes is not None:
            self._planes.set_idle(idle)

    def set_traced_result(self, result: Any) -> None:
        """Set the result whose contours are traced in every slice, or None."""
        if self._planes is not None:
            self._planes.trace(result)

    def show_contour(self, outline: FitContour) -> None:
        """Draw an outline soon: at once if it completes the fit's outlines.

        A joint fit completes them several times.
        """
        if self.shown is None or outline.plane == self.shown.plane:
            self._fresh[outline.kind, outline.label] = outline.contours
        if outline.kind == "shape":
            self._awaited.discard(outline.label)
        if not self._awaited:
            self.drawing.emit(True)
            self._at_once.start()
            self._awaited = set(self._expected)
        elif not self._flush.isActive():
            self._flush.start(HOLD_MS)

    def show_result(self, done: FitFinished, scribbles: Labels) -> None:
        """Draw what is left, drop outlines of objects that are gone, and write the masks."""
        self._draw()
        fitted = done.result.objects.items()
        keep = {("predictor", label) for label, _ in fitted}
        keep |= {("shape", label) for label, item in fitted if item.shape is not None}
        self._outlines.retain(keep)
        self._marks.show(done.result)
        self._writing = done, self._layers(done, scribbles)
        self._write.start(0)

    @property
    def contours(self) -> dict[tuple[str, int], Any]:
        """The outlines that are drawn, by kind and label."""
        return self._outlines.contours

    def set_colormap(self, scribbles: Labels) -> None:
        """Follow the colours of the strokes."""
        self._masks.set_colormap(scribbles)

    def restore(self, fit: FitHistoryEntry, scribbles: Labels) -> None:
        """Show an earlier fit."""
        self.discard_pending()
        if self.shown is None:
            self._outlines.replace(fit.outlines)
        self.show_result(fit.done, scribbles)

    def _layers(self, done: FitFinished, scribbles: Labels) -> Iterator[None]:
        """Write all layers; yields before each."""
        yield from self._masks.write(done.raw, done.isr, scribbles)
        yield
        self.show_uncertainty(done.uncertainty)
        yield
        self.show_next(done.next_stroke, scribbles)
        yield
        self._handles.show(done.found, scribbles)
        self._masks.refresh_thumbnails()  # together with the table, which is painted next
        self.set_traced_result(
            done.result
        )  # last: the thread that traces would hold these layers up

    def show_uncertainty(self, values: Any) -> None:
        """Show the map of the uncertainty, if it is wanted and there is one."""
        if not self._settings.uncertainty:
            self._map.remove()
        elif values is not None:
            self._map.show(values)

    def show_next(self, stroke: Any, scribbles: Labels | None) -> None:
        """Mark where the next stroke helps most, if that is wanted and there is such a place."""
        if stroke is not None and scribbles is not None and self._settings.next_stroke:
            self._next.show(stroke, scribbles)
        else:
            self._next.remove()

    def hide(self, labels: Iterable[int]) -> None:
        """Leave out the outlines of some objects.

        Their masks are left out by :meth:`replace_masks`.
        """
        self._outlines.hide(labels)

    def remove_object(self, label: int) -> None:
        """Take out the outlines of an object that is gone, and write no masks with it."""
        self._fresh = {key: value for key, value in self._fresh.items() if key[1] != label}
        self._awaited.discard(label)
        self._expected.discard(label)
        self._write.stop()
        self._writing = None
        self._outlines.retain({key for key in self._outlines.contours if key[1] != label})
        self._handles.remove()

    def replace_masks(self, raw: Any, isr: Any, scribbles: Labels) -> None:
        """Write other masks of the same fit."""
        if self._writing is None:  # else newer ones are on their way
            for _ in self._masks.write(raw, isr, scribbles):
                pass

    def discard_pending(self) -> None:
        """Leave undrawn what was not drawn yet."""
        self._flush.stop()
        self._at_once.stop()
        self._fresh.clear()

    def clear(self) -> None:
        """Show nothing; the mask layers stay, empty."""
        self.discard_pending()
        self._writing = None
        self.set_traced_result(None)
        self._outlines.retain(set())
        self._remove_guides()
        self._handles.remove()
        self._masks.clear()

    def close(self, *, outlines: bool = True, masks: bool = False) -> None:
        """Release the viewer, and remove the contours."""
        self.discard_pending()
        self._write.stop()
        self._writing = None
        if self._planes is not None and self.shown is not None:
            self._planes.close()
        self._outlines.close(remove=outlines)
        self._next.close()
        self._handles.close()
        if outlines:
            self._remove_guides()
        if masks:
            self._masks.remove()

    def _remove_guides(self) -> None:
        for guide in (self._marks, self._map, self._next):
            guide.remove()

    def _draw(self) -> None:
        """Draw the outlines that came since the last time."""
        self._flush.stop()
        self._at_once.stop()
        if self._fresh:
            self.drawing.emit(True)
            fresh, self._fresh = self._fresh, {}
            self._outlines.update(fresh)
            self.drawn.emit(set(fresh))

    def _turn(self, outlines: dict[tuple[str, int], Any]) -> None:
        """Show the outlines of another plane of the stack."""
        assert self.shown is not None
        self.discard_pending()
        self._outlines.plane = self.shown.plane
        if self._outlines.is_in_viewer:
            self._outlines.replace(outlines)
            if outlines:
                self.drawn.emit(set(outlines))
        elif outlines:  # sliders move, too, while a viewer is emptied: no layer is added then
            self._fresh = dict(outlines)
            self._flush.start(0)

    def _write_next(self) -> None:
        """Write one layer, then let Qt go on."""
        if self._writing is None:
            return
        done, steps = self._writing
        self.drawing.emit(False)
        try:
            more = next(steps, steps) is None
        except Exception as error:
            self._writing = None
            self.failed.emit(error)
            return
        if more:
            self._write.start(0)
        else:
            self.drawing.emit(True)
            self._writing = None
            self.written.emit(done)
