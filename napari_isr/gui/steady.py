"""Threads that stay and compute, one for each that computes at the same time.

Whatever computes with torch in a new Python thread leaves some 5 MB behind for good, and Qt's
threads are new ones to Python at every start: after 200 strokes that was 1 GB. What is done here in
a thread that stays leaves nothing. Each fit has such a thread for itself until it ends, so that
what is stopped in one dock does not wait for a step of another one's.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import cache, partial
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["steadily", "steady"]

T = TypeVar("T")
Y = TypeVar("Y")


class _Thread:
    """A thread that does one thing after the other, until Python ends."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock, self._ended = threading.Lock(), False
        self._thread = threading.Thread(target=self._work, name="napari-isr", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def call(self, compute: Callable[[], T]) -> T:
        """Wait for what a function returns or raises there."""
        answer: Future[T] = Future()
        with self._lock:
            if self._ended:
                raise RuntimeError("Python is being ended")
            self._tasks.put(partial(_answer, answer, compute))
        return answer.result()

    def leave(self, compute: Callable[[], Any]) -> None:
        """Let it be done there, without waiting.

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


@cache
def _free() -> deque[_Thread]:
    """Threads that wait for work; those of a deque are taken and given back without a lock."""
    return deque()


def _take() -> _Thread:
    """The thread that worked last of those that are free, else a new one."""
    try:
        return _free().pop()
    except IndexError:
        return _Thread()


def steady(compute: Callable[[], T]) -> T:
    """Call a function in a thread that stays, and wait for what it returns or raises.

    Never call it in the GUI thread.
    """
    thread = _take()
    try:
        return thread.call(compute)
    finally:
        _free().append(thread)


def steadily(steps: Generator[Y, None, T]) -> Generator[Y, None, T]:
    """Run a generator in a thread that stays: every step of it, and its end.

    Parameters
    ----------
    steps : generator

    Yields
    ------
    What ``steps`` yields. Until its end no other generator is run in the thread.

    Returns
    -------
    What ``steps`` returns.
    """
    ended: list[T] = []

    def step() -> tuple[Y, ...]:
        try:
            return (next(steps),)
        except StopIteration as end:  # which no future can carry
            ended.append(end.value)
            return ()

    thread = _take()
    try:
        while found := thread.call(step):
            yield found[0]
    finally:
        if not ended:  # no waiting: it may be the collector, in any thread, that ends this
            thread.leave(steps.close)
        _free().append(thread)
    return ended[0]
