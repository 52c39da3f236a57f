"""Background threads of the dock, with results delivered in the GUI thread; no Qt.

A new thread that computes with torch keeps about 5 MB for good, and 9 MB more once it multiplies
matrices: one thread for each of 200 fits left 1 GB. Threads are therefore never ended, and the
first idle one takes the next piece of work. Qt's thread pool does not meet this: Python treats its
threads as new ones at every start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import cache
from heapq import heappop, heappush
from typing import Any

from napari_isr.cancellation import Cancelled, cancellable

__all__ = ["BackgroundExecutor", "BackgroundTask", "is_idle"]

INLINE_BYTES = 2**22  # bytes; a scan of a smaller array takes less time than a thread switch

Callback = Callable[..., Any]


class _ThreadPool:
    """Threads that never end, of which the first idle one runs the next function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[ThreadPoolExecutor] = []
        self._idle: list[int] = []  # a heap of indices of threads

    @property
    def is_idle(self) -> bool:
        """Whether no thread runs a function."""
        with self._lock:
            return len(self._idle) == len(self._threads)

    def submit(self, function: Callable[[], Callback]) -> None:
        """Run a function, then the function that it returns, for which the thread is idle."""
        with self._lock:
            if not self._idle:
                self._idle.append(len(self._threads))
                self._threads.append(ThreadPoolExecutor(1, thread_name_prefix="napari-isr"))
            index = heappop(self._idle)
        self._threads[index].submit(self._run, index, function)

    def _run(self, index: int, function: Callable[[], Callback]) -> None:
        finish = function()
        del function
        with self._lock:
            heappush(self._idle, index)
        finish()


@cache
def _thread_pool() -> _ThreadPool:
    """Return the threads of this process, which all docks share."""
    return _ThreadPool()


def is_idle() -> bool:
    """Return whether no piece of work runs that may run beside others."""
    return _thread_pool().is_idle


@cache
def _serial_thread() -> ThreadPoolExecutor:
    """Return the thread for work that must be done in order, which all docks share."""
    return ThreadPoolExecutor(1, thread_name_prefix="napari-isr serial")


class BackgroundTask:
    """Handle of submitted work."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._ended = False

    @property
    def is_running(self) -> bool:
        """Whether its end was not reported yet, in the GUI thread."""
        return not self._ended

    @property
    def is_cancelled(self) -> bool:
        """Whether cancellation was requested."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Request cancellation. Deliver no item, result or error from now on."""
        self._cancelled.set()


class BackgroundExecutor:
    """Runs functions and generators in background threads; calls back in the GUI thread.

    Parameters
    ----------
    post : callable
        ``post(function, arguments)`` calls a function in the GUI thread, from any thread. See
        :func:`napari_isr.gui._qt_utils.post_to_gui_thread`.
    serial : bool, optional
        Run one piece of work after the other, in the order of submission. All serial executors
        share one thread, so that the order holds between them as well.
    inline_bytes : int, optional
        Size of an array from which :meth:`scan` uses a thread.
    """

    def __init__(
        self,
        post: Callable[[Callback, tuple[Any, ...]], None],
        *,
        serial: bool = False,
        inline_bytes: int = INLINE_BYTES,
    ) -> None:
        self.inline_bytes = inline_bytes
        self._post, self._serial, self._closed = post, serial, False

    def submit(
        self,
        function: Callable[[], Any],
        on_result: Callback | None = None,
        on_error: Callback | None = None,
        on_end: Callback | None = None,
    ) -> BackgroundTask:
        """Run a function.

        Parameters
        ----------
        function : callable
            It is called without arguments in a background thread.
        on_result, on_error : callable, optional
            They are called in the GUI thread with the returned value or the exception. Without
            ``on_error`` the exception is raised in the GUI thread.
        on_end : callable, optional
            It is called last, without arguments, also after a cancellation.
        """

        def steps() -> Generator[Any, None, Any]:
            return function()
            yield

        return self.iterate(steps(), on_return=on_result, on_error=on_error, on_end=on_end)

    def iterate(
        self,
        generator: Generator[Any, None, Any],
        on_item: Callback | None = None,
        on_return: Callback | None = None,
        on_error: Callback | None = None,
        on_end: Callback | None = None,
        gate: Callback | None = None,
    ) -> BackgroundTask:
        """Run a generator to its end in one background thread, where it is closed as well.

        Parameters
        ----------
        generator : generator
            It can be cancelled between its items, and wherever it calls
            :func:`napari_isr.cancellation.check_cancelled`.
        on_item, on_return, on_error : callable, optional
            They are called in the GUI thread with each item, the returned value or the exception,
            unless the task is cancelled. Without ``on_error`` the exception is raised in the GUI
            thread.
        on_end : callable, optional
            It is called last, without arguments, also after a cancellation.
        gate : callable, optional
            It is called in the background thread at each point of cancellation, and may block.
        """
        task = BackgroundTask()
        if self._closed:
            generator.close()
            return task
        work = [generator]  # emptied, so that no frame of the pool holds what the generator holds

        def is_cancelled() -> bool:
            if gate is not None and not task.is_cancelled:
                gate()
            return task.is_cancelled

        def deliver(callback: Callback | None, value: Any) -> None:
            if callback is not None:
                self._post(self._deliver, (task, callback, value))

        def run() -> Callback:
            try:
                with closing(work.pop()) as steps, cancellable(is_cancelled):
                    while not is_cancelled():
                        try:
                            item = next(steps)
                        except StopIteration as end:
                            deliver(on_return, end.value)
                            break
                        deliver(on_item, item)
            except Cancelled:
                pass
            except Exception as error:
                deliver(on_error or _raise, error)
            return finish

        def finish() -> None:
            self._post(self._deliver_end, (task, on_end))

        if self._serial:
            _serial_thread().submit(lambda: run()())
        else:
            _thread_pool().submit(run)
        return task

    def scan(self, data: Any, function: Callable[[Any], Any], on_result: Callback) -> None:
        """Compute something from an array: at once if it is small, else in a thread.

        Parameters
        ----------
        data : array
            Of any library. To scan a large one would delay the next repaint.
        function : callable
            It is called with ``data``.
        on_result : callable
            It is called with the returned value, and must check that it is still needed.
        """
        if getattr(data, "nbytes", self.inline_bytes) < self.inline_bytes:
            on_result(function(data))
        else:
            self.submit(lambda: function(data), on_result)

    def close(self, last: Callable[[], Any] | None = None, timeout: float = 0.0) -> None:
        """Accept no more work, and deliver nothing of what runs.

        Parameters
        ----------
        last : callable, optional
            It is run in the thread of serial work, at the latest before Python ends.
        timeout : float, optional
            Seconds to wait for ``last``.
        """
        if self._closed:
            return
        self._closed = True
        if last is None:
            return
        try:
            future = _serial_thread().submit(last)
        except RuntimeError:  # Python has ended its threads.
            last()
        else:
            wait([future], timeout=timeout)

    def _deliver(self, task: BackgroundTask, callback: Callback, value: Any) -> None:
        if not self._closed and not task.is_cancelled:
            callback(value)

    def _deliver_end(self, task: BackgroundTask, callback: Callback | None) -> None:
        task._ended = True
        if callback is not None and not self._closed:
            callback()


def _raise(error: Exception) -> None:
    raise error
