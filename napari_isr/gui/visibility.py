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
