"""Small work in a thread that stays, which no fit keeps waiting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

__all__ = ["BackgroundTasks"]


@cache
def _thread() -> ThreadPoolExecutor:
    """One for all docks: each new thread that computes with torch leaves megabytes for good."""
    return ThreadPoolExecutor(1, thread_name_prefix="isr-errands")


class BackgroundTasks(QObject):
    """Runs errands one after the other; their answers come in the GUI thread."""

    _came = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._last: Future[None] | None = None
        self._closed = False
        self._came.connect(self._on_came, Qt.ConnectionType.QueuedConnection)

    def submit(self, compute: Callable[[], Any], answer: Callable[[Any], None]) -> None:
        """Compute in the thread, then give what was found, or the exception, to ``answer``."""
        if not self._closed:
            self._last = _thread().submit(self._run, compute, answer)

    def close(self, last: Callable[[], None], patience: float) -> None:
        """Do one last thing, without an answer, and wait for it, though no longer than that.

        Parameters
        ----------
        last : callable
            Is done in any case, at the latest before Python ends.
        patience : float
            In seconds.
        """
        if self._closed:
            return
        self._closed = True
        try:
            future = _thread().submit(last)
        except RuntimeError:  # Python is ending, and its threads have ended already
            last()
            return
        wait([future], timeout=patience)

    def _run(self, compute: Callable[[], Any], answer: Callable[[Any], None]) -> None:
        try:
            found = compute()
        except Exception as error:
            found = error
        if not self._closed:
            self._came.emit(answer, found)

    def _on_came(self, answer: Callable[[Any], None], found: Any) -> None:
        if not self._closed:
            answer(found)
