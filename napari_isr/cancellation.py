"""Cooperative cancellation: long-running code calls :func:`check_cancelled`.

Generators are closed at their yields; this is for what lies deeper, in functions that are called
for an answer: a network's layers, checks of a certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

__all__ = ["Cancelled", "cancellable", "check_cancelled", "run_cancellable", "wait_cancellable"]

T = TypeVar("T")
LOOK = 0.02  # seconds between two looks at what is done aside
ASIDE = 4  # threads: one in use, the others may still be at what was stopped


class Cancelled(BaseException):
    """Work was stopped on request.

    Like ``asyncio.CancelledError`` it is no ``Exception``: what handles errors lets it pass.
    """


_asked: ContextVar[Callable[[], bool] | None] = ContextVar("napari_isr_asked", default=None)


@contextmanager
def cancellable(asked: Callable[[], bool]) -> Iterator[None]:
    """Cancel the code of this block at its next check once ``asked()`` is true.

    Parameters
    ----------
    asked : callable
        Quick; called in the thread that works.
    """
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def check_cancelled() -> None:
    """Stop here if it was asked for; where nobody can ask, nothing happens.

    Long work calls this every few tens of milliseconds, at places where it may be left for good.

    Raises
    ------
    Stopped
        If it was asked for.
    """
    asked = _asked.get()
    if asked is not None and asked():
        raise Cancelled


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that stay: what is computed in new ones leaves megabytes behind for good."""
    return ThreadPoolExecutor(ASIDE, thread_name_prefix="napari-isr aside")


def run_cancellable(compute: Callable[[], T]) -> T:
    """Run a function of another library in a thread, so that the caller can be cancelled.

    When it is asked to stop, the thread is left to itself: it ends with what it computes.

    Parameters
    ----------
    compute : callable
        Touches nothing that others use; takes a second at most.

    Returns
    -------
    What ``compute()`` returns.

    Raises
    ------
    Stopped
        If it was asked for.
    """
    if _asked.get() is None:
        return compute()
    return wait_cancellable(_threads().submit(compute))


def wait_cancellable(found: Future[T]) -> T:
    """Wait for what another thread computes, unless it is asked to stop.

    Raises
    ------
    Stopped
        If it was asked for; the other thread goes on.
    """
    if _asked.get() is None:
        return found.result()
    while True:
        try:
            return found.result(LOOK)
        except TimeoutError:
            if found.done():  # just now, or the error is the function's own
                return found.result()
            check_cancelled()
