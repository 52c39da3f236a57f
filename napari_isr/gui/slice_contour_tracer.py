"""Background tracing of contours in the slices of a stack, the displayed slice first."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from psygnal import Signal

from napari_isr.gui._concurrency import BackgroundExecutor, BackgroundTask
from napari_isr.gui.nd.current_slice import CurrentSlice, Plane, ViewedSlice

__all__ = ["SliceContourTracer", "neighboring_slices"]

CELLS = 72  # of the grid that finds an outline, as in a live fit
AHEAD = 256  # planes that are traced before anybody asks for them, on either side

Outlines = dict[tuple[str, int], Any]


class SliceContourTracer:
    """Outlines of a result in the plane that is shown, and ahead of time in those around it.

    Parameters
    ----------
    shown : CurrentSlice
        Which plane that is.
    executor : BackgroundExecutor
    """

    ready = Signal(object)  # the outlines in the plane that is shown, by (kind, label)

    def __init__(self, shown: CurrentSlice, executor: BackgroundExecutor) -> None:
        self._shown, self._executor = shown, executor
        self._result: Any = None
        self._known: dict[Plane, Outlines] = {}
        self._task: BackgroundTask | None = None
        self._idle, self._closed = True, False
        shown.changed.connect(self._on_plane)

    def trace(self, result: Any) -> None:
        """Show the outlines of another result from now on; None: of none."""
        self._cancel()
        self._result, self._known = result, {}
        self._start()

    def set_idle(self, idle: bool) -> None:
        """While a fit runs (not ``idle``), only what is shown is traced: the fit goes first."""
        if idle != self._idle:
            self._idle = idle
            self._cancel()
            self._start()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def close(self) -> None:
        """Release the viewer and the result."""
        self._closed = True
        self.trace(None)
        self._shown.changed.disconnect(self._on_plane)

    def _on_plane(self, plane: Plane) -> None:
        found = self._known.get(plane)
        self.ready.emit(found if found is not None else {})
        if found is None:
            self._start()

    def _start(self) -> None:
        """Trace in a thread what is wanted, unless one is at it already."""
        if self._closed or self._result is None or self._task is not None:
            return
        if not self._idle and self._shown.plane in self._known:
            return
        steps = _trace(
            self._result,
            self._shown.viewed_slice,
            self._shown.step if self._idle else (),
            set(self._known),
        )
        self._task = self._executor.iterate(
            steps, on_item=self._on_traced, on_return=self._on_finished
        )

    def _on_traced(self, news: tuple[Plane, Outlines]) -> None:
        plane, outlines = news
        self._known[plane] = outlines
        if plane == self._shown.plane:
            self.ready.emit(outlines)

    def _on_finished(self, _: None) -> None:
        self._task = None
        if self._shown.plane not in self._known:  # the slider was moved at the last moment
            self._start()


def neighboring_slices(
    plane: Plane, shape: Sequence[int], step: Sequence[float] = (), reach: int = AHEAD
) -> Iterator[Plane]:
    """Yield a slice of a stack, then those beside it along each slider, the nearest first.

    Parameters
    ----------
    plane : tuple
        Where it lies along each axis, None for the two that it extends along.
    shape : tuple of int
        Of the stack.
    step : sequence of float, optional
        How far a step of each slider goes. Default: none goes anywhere.
    reach : int, optional
        How far.
    """
    yield plane
    sliders = [axis for axis, place in enumerate(plane) if place is not None and step]
    for away in range(1, reach + 1):
        for axis in sliders:
            place = plane[axis] or 0.0
            for other in (place + away * step[axis], place - away * step[axis]):
                if -0.5 <= other <= shape[axis] - 0.5:
                    yield (*plane[:axis], round(other, 3), *plane[axis + 1 :])


def _trace(
    result: Any, viewed_slice: ViewedSlice, step: tuple[float, ...], known: set[Plane]
) -> Generator[tuple[Plane, Outlines], None, None]:
    """Yield contours of the viewed slice, which may move, then of the slices around it."""
    from napari_isr.gui.fitting.run_job import single_threaded_torch

    shape = result.image_shape or next(iter(result.objects.values())).frame.shape
    with single_threaded_torch():
        while True:
            wanted = neighboring_slices(viewed_slice.plane or (), shape, step)
            plane = next((one for one in wanted if one not in known), None)
            if plane is None:
                return
            known.add(plane)
            yield plane, contours_in_slice(result, plane)


def contours_in_slice(result: Any, plane: Plane) -> Outlines:
    """Outlines of all objects in one plane of the image, by kind and label."""
    found: Outlines = {}
    for label, item in result.objects.items():
        found["predictor", label] = item.predictor_contours(plane)
        if item.shape is not None:
            found["shape", label] = item.contours(CELLS, plane)
    return found
