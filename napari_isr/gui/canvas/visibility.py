"""Which objects are shown: hidden ones come back, dropped ones do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_isr.gui.basics.steady import steady
from napari_isr.gui.fits.composites import composites
from napari_isr.gui.fits.job import Done
from napari_isr.gui.fits.worker import in_thread

if TYPE_CHECKING:
    from napari_isr.gui.canvas.news_desk import NewsDesk

__all__ = ["Visibility"]


class Visibility:
    """Hides and drops objects of a desk's result.

    Parameters
    ----------
    desk : NewsDesk
        Whose views are changed.
    """

    def __init__(self, desk: NewsDesk) -> None:
        self._desk = desk
        desk.settings.events.hidden.connect(self._on_hidden)

    def after(self, done: Done) -> None:
        """Bring masks that were just written up to date: others may be hidden by now."""
        if set(done.hidden) != set(self._desk.settings.hidden):
            self._show_masks()

    def drop(self, label: int) -> None:
        """Take an object out of the result and of what is shown."""
        desk = self._desk
        rows = tuple(row for row in desk.state.rows if row.label != label)
        if desk.views is not None:
            desk.views.drop(label)
        objects = desk.result.objects if desk.result is not None else {}
        rest = {k: item for k, item in objects.items() if k != label}
        if rest:
            desk.state.rows = rows
            desk.result = replace(desk.result, objects=rest)
            if desk.views is not None:
                desk.views.trace(desk.result)
            desk.advise()
            desk.show_next()
            self._show_masks()
        else:
            if desk.views is not None:
                desk.views.blank()
            desk.forget(rows)

    def _on_hidden(self) -> None:
        if self._desk.views is not None:
            self._desk.views.hide(self._desk.settings.hidden)
            self._show_masks()

    def _show_masks(self) -> None:
        """Write the masks of what is not hidden; composed in a thread, for images may be large."""
        result, hidden = self._desk.result, self._desk.settings.hidden
        if result is not None:
            in_thread(
                lambda: steady(lambda: composites(result, hidden)),
                lambda m: self._write(result, hidden, m),
            )

    def _write(self, result: Any, hidden: tuple[int, ...], masks: tuple[Any, Any]) -> None:
        desk = self._desk
        if result is not desk.result or hidden != desk.settings.hidden:
            return  # the next ones are on their way
        if desk.views is not None and desk.scribbles is not None:
            desk.views.rewrite(*masks, desk.scribbles)
