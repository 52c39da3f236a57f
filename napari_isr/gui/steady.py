"""One thread of the process that computes, however many threads ask it to.

Whatever computes with torch in a new Python thread leaves some 5 MB behind for good, and Qt's
threads are new ones to Python at every start: after 200 strokes that was 1 GB. What waits here for
a thread that stays leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import TypeVar

__all__ = ["steadily", "steady"]

T = TypeVar("T")
Y = TypeVar("Y")


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="napari-isr")


def steady(compute: Callable[[], T]) -> T:
    """Call a function in the thread that stays, and wait for what it returns or raises.

    Never call it in the GUI thread, nor in the thread that stays.
    """
    return _thread().submit(compute).result()


def steadily(steps: Generator[Y, None, T]) -> Generator[Y, None, T]:
    """Run a generator in the thread that stays: every step of it, and its end.

    Parameters
    ----------
    steps : generator

    Yields
    ------
    What ``steps`` yields. Between two steps the thread is free for others.

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

    try:
        while found := steady(step):
            yield found[0]
    finally:
        if not ended:  # no waiting: it may be the collector, in any thread, that ends this
            with suppress(RuntimeError):  # Python itself is being ended
                _thread().submit(steps.close)
    return ended[0]
