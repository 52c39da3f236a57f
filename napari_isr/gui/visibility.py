"""Which objects are shown: hidden ones come back, dropped ones do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_isr.gui.fitting.job import FitFinished
from napari_isr.gui.fitting.label_images import compose_label_images

if TYPE_CHECKING:
    from napari_isr.gui.result_presenter import ResultPresenter

__all__ = ["ObjectVisibility"]


class ObjectVisibility:
    """Hides and drops objects of a desk's result.

    Parameters
    ----------
    desk : ResultPresenter
        Whose views are changed.
    """

    def __init__(self, desk: ResultPresenter) -> None:
        self._desk = desk
        desk.settings.events.hidden.connect(self._on_hidden)

    def sync_masks(self, done: FitFinished) -> None:
        """Bring masks that were just written up to date: others may be hidden by now."""
        if set(done.hidden) != set(self._desk.settings.hidden):
            self._show_masks()

    def remove_object(self, label: int) -> None:
        """Take an object out of the result and of what is shown."""
        desk = self._desk
        rows = tuple(row for row in desk.state.rows if row.label != label)
        if desk.views is not None:
            desk.views.remove_object(label)
        objects = desk.result.objects if desk.result is not None else {}
        rest = {k: item for k, item in objects.items() if k != label}
        if rest:
            desk.state.rows = rows
            desk.result = replace(desk.result, objects=rest)
            if desk.views is not None:
                desk.views.set_traced_result(desk.result)
            desk.update_suggestion()
            desk.update_suggestion_marker()
            self._show_masks()
        else:
            if desk.views is not None:
                desk.views.clear()
            desk.clear_result(rows)

    def _on_hidden(self) -> None:
        if self._desk.views is not None:
            self._desk.views.hide(self._desk.settings.hidden)
            self._show_masks()

    def _show_masks(self) -> None:
        """Write the masks of what is not hidden; composed in a thread, for images may be large."""
        result, hidden = self._desk.result, self._desk.settings.hidden
        if result is not None:
            self._desk.executor.submit(
                lambda: compose_label_images(result, hidden),
                lambda m: self._write(result, hidden, m),
            )

    def _write(self, result: Any, hidden: tuple[int, ...], masks: tuple[Any, Any]) -> None:
        desk = self._desk
        if result is not desk.result or hidden != desk.settings.hidden:
            return  # the next ones are on their way
        if desk.views is not None and desk.scribbles is not None:
            desk.views.replace_masks(*masks, desk.scribbles)
