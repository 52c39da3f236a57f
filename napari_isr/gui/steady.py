"""Threads that stay and compute, one for each that computes at the same time.

Whatever computes with torch in a new Python thread leaves some 5 MB behind for good, and Qt's
threads are new ones to Python at every start: after 200 strokes that was 1 GB. What is done here in
a thread that stays leaves nothing. Each fit has such a thread for itself until it ends, so that
what is stopped in one dock does not wait for a step of another one's. The threads are taken in
their order: of those that are there for rare moments, few ever multiply matrices, for which each
keeps 9 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from functools import cache
from typing import TypeVar

from napari_isr._persistent_thread import PersistentThread

__all__ = ["iterate_in_persistent_thread", "run_in_persistent_thread"]

T = TypeVar("T")
Y = TypeVar("Y")


class _PooledThread:
    """A thread, and whether somebody has it; given back without waiting, by whom it may be."""

    def __init__(self) -> None:
        self.thread, self._taken = PersistentThread("napari-isr"), threading.Lock()

    def take(self) -> bool:
        """Whether it was free, and is not any more."""
        return self._taken.acquire(blocking=False)

    def leave(self) -> None:
        """Let others have it."""
        self._taken.release()


@cache
def _seats() -> list[_PooledThread]:
    """All of them, in the order in which they were made."""
    return []


def _take() -> _PooledThread:
    """The first one that is free, else a new one."""
    for seat in tuple(_seats()):
        if seat.take():
            return seat
    seat = _PooledThread()
    seat.take()
    _seats().append(seat)
    return seat


def run_in_persistent_thread(compute: Callable[[], T]) -> T:
    """Call a function in a thread that stays, and wait for what it returns or raises.

    Never call it in the GUI thread.
    """
    seat = _take()
    try:
        return seat.thread.call(compute)
    finally:
        seat.leave()


def iterate_in_persistent_thread(steps: Generator[Y, None, T]) -> Generator[Y, None, T]:
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

    seat = _take()
    try:
        while found := seat.thread.call(step):
            yield found[0]
    finally:
        if not ended:  # no waiting: it may be the collector, in any thread, that ends this
            seat.thread.post(steps.close)
        seat.leave()
    return ended[0]
