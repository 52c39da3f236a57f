"""Threads that stay and compute, one for each that computes at the same time.

Whatever computes with torch in a new Python thread leaves some 5 MB behind for good, and Qt's
threads are new ones to Python at every start: after 200 strokes that was 1 GB. What is done here in
a thread that stays leaves nothing. Each fit has such a thread for itself until it ends, so that
what is stopped in one dock does not wait for a step of another one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from functools import cache
from typing import TypeVar

from napari_isr.staying import StayingThread

__all__ = ["steadily", "steady"]

T = TypeVar("T")
Y = TypeVar("Y")


@cache
def _free() -> deque[StayingThread]:
    """Threads that wait for work; those of a deque are taken and given back without a lock."""
    return deque()


def _take() -> StayingThread:
    """The thread that worked last of those that are free, else a new one."""
    try:
        return _free().pop()
    except IndexError:
        return StayingThread("napari-isr")


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
