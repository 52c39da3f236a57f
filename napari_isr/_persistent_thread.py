"""Worker threads that live as long as the process."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from napari_isr.cancellation import wait_cancellable

__all__ = ["PersistentThread"]

T = TypeVar("T")


class PersistentThread:
    """A thread that does one thing after the other, until Python ends.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock, self._ended = threading.Lock(), False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def call(self, compute: Callable[[], T]) -> T:
        """Wait for what a function returns or raises there; not to be called in the thread itself.

        Raises
        ------
        RuntimeError
            If Python is being ended.
        Stopped
            If it was asked for; the function is done all the same.
        """
        answer: Future[T] = Future()
        with self._lock:
            if self._ended:
                raise RuntimeError("Python is being ended")
            self._tasks.put(partial(_answer, answer, compute))
        return wait_cancellable(answer)

    def post(self, compute: Callable[[], Any]) -> None:
        """Run a function in the thread without waiting.

        The collector may call this at any moment and in any thread, also in the middle of a
        :meth:`call`: it takes no lock, and this queue can be entered twice.
        """
        self._tasks.put(partial(_answer, Future(), compute))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task  # with all that it holds, while the thread waits for the next one

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            self._tasks.put(None)
        self._thread.join()


def _answer(answer: Future[T], compute: Callable[[], T]) -> None:
    try:
        answer.set_result(compute())
    except BaseException as error:
        answer.set_exception(error)
