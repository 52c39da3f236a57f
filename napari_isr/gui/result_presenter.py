"""Presenter of fits: their events change the state and the viewer."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui._qt_utils import make_single_shot_timer
from napari_isr.gui.fitting.events import (
    FitContour,
    FitFailed,
    FitFinished,
    FitNeedsScribbles,
    FitProgress,
    News,
)
from napari_isr.gui.fitting.fit_history import FitHistory, FitHistoryEntry
from napari_isr.gui.fitting.run_job import compose_label_images
from napari_isr.gui.models import DockModel, ObjectRow
from napari_isr.gui.result_view import ResultView
from napari_isr.gui.viewer_adapter import NapariAdapter

__all__ = ["ObjectVisibility", "ResultPresenter"]

log = logging.getLogger(__name__)
COUNTS_MS = 150  # the table waits so long with new counts: drawing it holds the outlines up


class ResultPresenter:
    """Keeps the result of one viewer, and shows it.

    Parameters
    ----------
    adapter : NapariAdapter
    model : DockModel
    executor : BackgroundExecutor
        Computes maps and masks in the background.
    """

    updated = Signal(object)  # outlines were drawn: a set of (kind, label)
    settled = Signal()  # the fit is finished and its layers are written
    drawing = Signal(bool)  # layers change now, before the canvas is painted; whether that is all

    def __init__(
        self,
        adapter: NapariAdapter,
        model: DockModel,
        executor: BackgroundExecutor,
    ) -> None:
        self.executor = executor
        self.viewer, self.settings, self.state = adapter.viewer, model.settings, model.state
        self._adapter, self._layers = adapter, model.layers
        self.result: Any = None
        self.history = FitHistory()
        self._settling: FitHistoryEntry | None = None
        self.choosing = False  # settings change to those of an earlier fit: no reason to refit
        self._restored = False  # an earlier fit is shown: the next one starts from there
        self.views: ResultView | None = None
        self._closed = False
        self._counts: dict[int, int] = {}  # stroke pixels by label, not shown yet
        self._count = make_single_shot_timer(self._show_counts, COUNTS_MS)
        self.visibility = ObjectVisibility(self)
        self.settings.events.uncertainty.connect(self.show_uncertainty)
        self.settings.events.next_stroke.connect(self.update_suggestion_marker)
        self.settings.events.names.connect(self.update_suggestion)

    @property
    def image(self) -> Image | None:
        """The segmented image."""
        return self._layers.image

    @property
    def scribbles(self) -> Labels | None:
        """The layer with the scribbles."""
        return self._layers.scribbles

    # -------------------------------------------------------------------------------- news

    def handle_event(self, news: News) -> None:
        """Show news of the running fit."""
        try:
            self._take(news)
        except Exception as error:
            self._on_failed(error)

    def _take(self, news: News) -> None:
        match news:
            case FitProgress():
                if news.rows is None:
                    self.state.progress = news.progress
                    self.state.set_status("busy", f"{news.message} …")
                else:
                    self._show_drawn(news.rows)
                    self.ensure_view().begin_fit(
                        r.label for r in news.rows if self._shaped(r.label)
                    )
            case FitContour():
                self.ensure_view().show_contour(news)
            case FitNeedsScribbles():
                if self.views is not None:
                    self.views.clear()
                self.clear_result(news.rows)
                self.set_final_status("hint", news.message)
            case FitFailed():
                self.set_final_status(
                    "error", _capital(self.settings.insert_object_names(news.message))
                )
            case FitFinished():
                if self.scribbles is not None:
                    view = self.ensure_view()
                    view.show_result(news, self.scribbles)
                    self._settling = FitHistoryEntry(news, view.contours)

    def _shaped(self, label: int) -> bool:
        """Return True if an object has a shape, and so a shape contour."""
        return self.settings.own_shapes.get(label, self.settings.shape) != "none"

    def _show_drawn(self, rows: tuple[ObjectRow, ...]) -> None:
        """Show the objects at once, and their scribble counts a little later."""
        self._counts = {row.label: row.strokes for row in rows}
        if list(self._counts) == [row.label for row in self.state.rows]:
            self._count.start()
        else:
            self._count.stop()
            self.state.rows = _merged(rows, self.state.rows)

    def _show_counts(self) -> None:
        self.state.rows = tuple(
            replace(row, strokes=self._counts.get(row.label, row.strokes))
            for row in self.state.rows
        )

    def _on_drawn(self, kinds: set[tuple[str, int]]) -> None:
        self.updated.emit(kinds)

    def _on_written(self, done: FitFinished) -> None:
        self._count.stop()
        self.result = done.result
        if self._settling is not None and self._settling.done is done:
            self.history.push(self._settling)
            self._restored = False
        self.state.rows, self.state.can_export = done.rows, True
        self.update_suggestion()
        if done.uncertainty is None:
            self.show_uncertainty()  # it was asked for while the fit ran
        self.visibility.sync_masks(done)
        conflicts = [o.conflict for o in done.result.objects.values() if o.conflict is not None]
        if conflicts:
            sentence = self.settings.insert_object_names(conflicts[0].sentence)
            self.set_final_status("error", f"{_capital(sentence)}.")
        elif done.hint:
            self.set_final_status("hint", done.hint)
        elif self._restored:
            what = (
                f"This is {self.history.position_text}"
                if len(self.history) > 1
                else "The fit is back"
            )
            self.set_final_status("done", f"{what}; the next one starts from it.")
        else:
            self.set_final_status("done", f"Fitted in {_time(done.seconds)}.")
        self.settled.emit()

    def _on_failed(self, error: Exception) -> None:
        """Turn what should not happen into one sentence and a note in the log."""
        log.error("The fit could not be shown", exc_info=error)
        self.set_final_status("error", f"The fit could not be shown ({type(error).__name__}).")

    def on_ended(self) -> None:
        """Handle the end of all fits. Masks may still be in writing."""
        if self.views is not None:
            self.views.end_fit()
        self.state.busy = self.views is not None and self.views.busy

    def set_final_status(self, kind: Any, message: str) -> None:
        """Set the status at the end of a fit."""
        self.state.busy, self.state.progress = False, 0.0
        self.state.set_status(kind, message)

    def clear_result(self, rows: tuple[ObjectRow, ...] = ()) -> None:
        """There is no result any more."""
        self._count.stop()
        self.state.rows, self.state.can_export, self.result = rows, False, None
        self.history.deselect()
        self.update_suggestion()

    # ----------------------------------------------------------------------------- history

    @property
    def warm_start_result(self) -> Any:
        """The result that the next fit starts from; None: from where the last one ended."""
        return self.result if self._restored else None

    def restore(self, fit: FitHistoryEntry | None) -> None:
        """Show an earlier fit, or a later one again."""
        if fit is None or self.scribbles is None:
            return
        self._restored, self._settling = True, None
        try:
            self._choose(fit.done.shapes)
            self.ensure_view().restore(fit, self.scribbles)
        except Exception as error:
            self._on_failed(error)
        else:
            self.updated.emit(set(fit.outlines))

    def _choose(self, shapes: dict[str, Any]) -> None:
        """Bring back the shapes of an earlier fit, with what is held fixed; nothing is refitted."""
        self.choosing = True
        try:
            for name, value in shapes.items():
                setattr(self.settings, name, value)
        finally:
            self.choosing = False

    def clear_history(self) -> None:
        """There is no result any more, and none to go back to; strokes and imports stay."""
        self._restored, self._settling = False, None
        self.clear_result(tuple(ObjectRow(row.label, row.strokes) for row in self.state.rows))
        self.history.clear()

    # ------------------------------------------------------------------------------ guides

    @property
    def next_stroke(self) -> Any:
        """Suggestion of the next stroke, computed by the worker, or None."""
        return self.result.next_stroke if self.result is not None else None

    def update_suggestion(self) -> None:
        """Show where another stroke improves the result most."""
        stroke = self.next_stroke if self.settings.next_stroke else None
        text = self.settings.insert_object_names(stroke.sentence) if stroke is not None else ""
        self.state.advice = f"{_capital(text)}." if text else ""

    def update_suggestion_marker(self) -> None:
        """Show or hide the mark."""
        self.update_suggestion()
        if self.views is not None:
            self.views.show_next(self.next_stroke, self.scribbles)

    def show_uncertainty(self) -> None:
        """Show the map, which takes a moment to compute, or hide it."""
        result = self.result
        if not self.settings.uncertainty:
            if self.views is not None:
                self.views.show_uncertainty(None)
        elif result is not None:
            self.executor.submit(
                lambda: result.uncertainty, lambda found: self._on_map(result, found)
            )

    def _on_map(self, result: Any, values: Any) -> None:
        if result is self.result and self.views is not None and not self._closed:
            self.views.show_uncertainty(values)

    # ------------------------------------------------------------------------------- views

    def ensure_view(self) -> ResultView:
        """Return the view of the image, created on first use."""
        if self.views is None:
            self.views = ResultView(
                self.viewer,
                self.image,
                self.settings,
                self.executor,
                self._adapter.current_slice,
            )
            self.views.drawn.connect(self._on_drawn)
            self.views.written.connect(self._on_written)
            self.views.failed.connect(self._on_failed)
            self.views.drawing.connect(self.drawing.emit)
        return self.views

    def update_colors(self) -> None:
        """Follow the colours of the strokes, which the user chose anew."""
        if self.scribbles is None or self._closed:
            return
        if self.views is not None:
            self.views.set_colormap(self.scribbles)
            self.update_suggestion_marker()
        self.state.events.rows.emit(self.state.rows)  # the table has colours, too

    def discard_pending(self) -> None:
        """Drop contours that are not drawn yet."""
        if self.views is not None:
            self.views.discard_pending()

    def remove_object(self, label: int) -> None:
        """Remove an object from the result and from the display."""
        self.visibility.remove_object(label)

    def drop_views(self, *, outlines: bool = True, masks: bool = False) -> None:
        """Take what is shown out of the viewer, as far as it is said."""
        if self.views is not None:
            self.views.close(outlines=outlines, masks=masks)
            self.views = None

    def close(self) -> None:
        """Release the viewer. Masks and contours remain."""
        self._closed = True
        self._count.stop()
        self.drop_views(outlines=False)
        self.history = FitHistory()  # it may hold hundreds of megabytes


def _merged(rows: tuple[ObjectRow, ...], before: tuple[ObjectRow, ...]) -> tuple[ObjectRow, ...]:
    """Return rows with new stroke counts and the known values of the same objects."""
    known = {row.label: row for row in before}
    return tuple(
        replace(old, strokes=r.strokes) if (old := known.get(r.label)) is not None else r
        for r in rows
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _time(seconds: float) -> str:
    """Format a duration: ``85 ms``, ``1.2 s``, ``34 s``."""
    if seconds < 0.995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


class ObjectVisibility:
    """Hides and drops objects of a presenter's result.

    Parameters
    ----------
    presenter : ResultPresenter
        Whose views are changed.
    """

    def __init__(self, presenter: ResultPresenter) -> None:
        self._presenter = presenter
        presenter.settings.events.hidden.connect(self._on_hidden)

    def sync_masks(self, done: FitFinished) -> None:
        """Bring masks that were just written up to date: others may be hidden by now."""
        if set(done.hidden) != set(self._presenter.settings.hidden):
            self._show_masks()

    def remove_object(self, label: int) -> None:
        """Take an object out of the result and of what is shown."""
        presenter = self._presenter
        rows = tuple(row for row in presenter.state.rows if row.label != label)
        if presenter.views is not None:
            presenter.views.remove_object(label)
        objects = presenter.result.objects if presenter.result is not None else {}
        rest = {k: item for k, item in objects.items() if k != label}
        if rest:
            presenter.state.rows = rows
            presenter.result = replace(presenter.result, objects=rest)
            if presenter.views is not None:
                presenter.views.set_traced_result(presenter.result)
            presenter.update_suggestion()
            presenter.update_suggestion_marker()
            self._show_masks()
        else:
            if presenter.views is not None:
                presenter.views.clear()
            presenter.clear_result(rows)

    def _on_hidden(self) -> None:
        if self._presenter.views is not None:
            self._presenter.views.hide(self._presenter.settings.hidden)
            self._show_masks()

    def _show_masks(self) -> None:
        """Write the masks of what is not hidden; composed in a thread, for images may be large."""
        result, hidden = self._presenter.result, self._presenter.settings.hidden
        if result is not None:
            self._presenter.executor.submit(
                lambda: compose_label_images(result, hidden),
                lambda m: self._write(result, hidden, m),
            )

    def _write(self, result: Any, hidden: tuple[int, ...], masks: tuple[Any, Any]) -> None:
        presenter = self._presenter
        if result is not presenter.result or hidden != presenter.settings.hidden:
            return  # the next ones are on their way
        if presenter.views is not None and presenter.scribbles is not None:
            presenter.views.replace_masks(*masks, presenter.scribbles)
