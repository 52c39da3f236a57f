"""What a fit shows in the viewer: when outlines are drawn and masks written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.gui.basics.soon import Soon
from napari_isr.gui.basics.widgets import single_shot
from napari_isr.gui.canvas.conflicts import ConflictMarks
from napari_isr.gui.canvas.guides import UncertaintyMap
from napari_isr.gui.canvas.handles import Handles
from napari_isr.gui.canvas.layers import ResultLayers
from napari_isr.gui.canvas.next_mark import NextMark
from napari_isr.gui.canvas.outlines import Outlines
from napari_isr.gui.canvas.plane_outlines import PlaneOutlines
from napari_isr.gui.canvas.shown_plane import ShownPlane, is_stack
from napari_isr.gui.fits.history import PastFit
from napari_isr.gui.fits.job import Done, Outline
from napari_isr.gui.model import Settings

__all__ = ["Views"]

HOLD_MS = 260  # an outline waits so long for the others: each drawing holds the fit up by a frame


class Views:
    """Outlines, masks and guides of one image.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    settings : Settings
        Say which guides are shown.
    """

    drawn = Signal(object)  # a set of (kind, label)
    written = Signal(object)  # the Done whose masks are in the viewer
    failed = Signal(object)  # an exception
    drawing = Signal(bool)  # layers change now, before the canvas is painted; whether that is all

    def __init__(self, viewer: Any, image: Image, settings: Settings) -> None:
        self._settings = settings
        self._outlines, self._masks = Outlines(viewer, image), ResultLayers(viewer, image)
        self._outlines.hide(settings.hidden)
        self._marks = ConflictMarks(viewer, image)
        self._map, self._next = UncertaintyMap(viewer, image), NextMark(viewer, image)
        self._handles = Handles(viewer, image, settings)
        self.shown = ShownPlane(viewer, image) if is_stack(image) else None
        self._planes = PlaneOutlines(self.shown) if self.shown is not None else None
        if self._planes is not None and self.shown is not None:
            self._outlines.plane = self.shown.plane
            self._planes.ready.connect(self._turn)
        self._fresh: dict[tuple[str, int], Any] = {}
        self._expected: set[int] = set()
        self._awaited: set[int] = set()
        self._writing: tuple[Done, Iterator[None]] | None = None
        self._flush, self._write = single_shot(self._draw), single_shot(self._write_next)
        self._at_once = Soon(self._draw)

    @property
    def busy(self) -> bool:
        """Whether masks are still to be written."""
        return self._writing is not None

    def expect(self, labels: Iterable[int]) -> None:
        """A fit began that will give these objects an orange outline."""
        self._expected = set(labels)
        self._awaited = set(self._expected)
        self.rest(False)

    def rest(self, idle: bool = True) -> None:
        """Whether no fit runs: then outlines of a stack are traced ahead of its slider."""
        if self._planes is not None:
            self._planes.rest(idle)

    def trace(self, result: Any) -> None:
        """Let the outlines of a stack be those of a result, in every plane; None: of none."""
        if self._planes is not None:
            self._planes.trace(result)

    def show(self, outline: Outline) -> None:
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

    def settle(self, done: Done, scribbles: Labels) -> None:
        """Draw what is left, drop outlines of objects that are gone, and write the masks."""
        self._draw()
        fitted = done.result.objects.items()
        keep = {("predictor", label) for label, _ in fitted}
        keep |= {("shape", label) for label, item in fitted if item.shape is not None}
        self._outlines.keep(keep)
        self._marks.show(done.result)
        self._writing = done, self._layers(done, scribbles)
        self._write.start(0)

    @property
    def outlines(self) -> dict[tuple[str, int], Any]:
        """The outlines that are drawn, by kind and label."""
        return self._outlines.contours

    def recolour(self, scribbles: Labels) -> None:
        """Follow the colours of the strokes."""
        self._masks.recolour(scribbles)

    def restore(self, fit: PastFit, scribbles: Labels) -> None:
        """Show an earlier fit."""
        self.forget()
        if self.shown is None:
            self._outlines.replace(fit.outlines)
        self.settle(fit.done, scribbles)

    def _layers(self, done: Done, scribbles: Labels) -> Iterator[None]:
        """Write all layers; yields before each."""
        yield from self._masks.write(done.raw, done.isr, scribbles)
        yield
        self.show_uncertainty(done.uncertainty)
        yield
        self.show_next(done.next_stroke, scribbles)
        yield
        self._handles.show(done.found, scribbles)
        self._masks.tell()  # together with the table, which is painted next
        self.trace(done.result)  # last: the thread that traces would hold these layers up

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
        """Leave out the outlines of some objects; their masks are left out by :meth:`rewrite`."""
        self._outlines.hide(labels)

    def drop(self, label: int) -> None:
        """Take out the outlines of an object that is gone, and write no masks with it."""
        self._fresh = {key: value for key, value in self._fresh.items() if key[1] != label}
        self._awaited.discard(label)
        self._expected.discard(label)
        self._write.stop()
        self._writing = None
        self._outlines.keep({key for key in self._outlines.contours if key[1] != label})
        self._handles.remove()

    def rewrite(self, raw: Any, isr: Any, scribbles: Labels) -> None:
        """Write other masks of the same fit."""
        if self._writing is None:  # else newer ones are on their way
            for _ in self._masks.write(raw, isr, scribbles):
                pass

    def forget(self) -> None:
        """Leave undrawn what was not drawn yet."""
        self._flush.stop()
        self._at_once.stop()
        self._fresh.clear()

    def blank(self) -> None:
        """Show nothing; the mask layers stay, empty."""
        self.forget()
        self._writing = None
        self.trace(None)
        self._outlines.keep(set())
        self._remove_guides()
        self._handles.remove()
        self._masks.blank()

    def close(self, *, outlines: bool = True, masks: bool = False) -> None:
        """Let go of the viewer, and take out the outlines, the masks."""
        self.forget()
        self._write.stop()
        self._writing = None
        if self._planes is not None and self.shown is not None:
            self._planes.close()
            self.shown.close()
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
        self.forget()
        self._outlines.plane = self.shown.plane
        if self._outlines.there:
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
