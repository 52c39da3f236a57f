"""Work in background threads, and its results in the GUI thread."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_isr.cancellation import check_cancelled
from napari_isr.gui import controller
from napari_isr.gui._concurrency import BackgroundTask, is_idle
from napari_isr.gui._qt_utils import QueuedCallback, make_executor
from napari_isr.gui.scribbles.change_detector import ScribbleChangeDetector

WAIT = 30_000


def thread_of(executor, qtbot):
    """The thread that runs the next piece of work."""
    found = []
    executor.submit(threading.get_ident, found.append)
    qtbot.waitUntil(lambda: bool(found), timeout=WAIT)
    return found[0]


# ------------------------------------------------------------------------------------ threads


@pytest.mark.parametrize("serial", [False, True])
def test_consecutive_work_runs_in_one_thread_which_closes_generators_too(serial, qtbot):
    executor, threads, results = make_executor(serial=serial), set(), []

    def steps():
        try:
            yield threads.add(threading.get_ident())
            yield threads.add(threading.get_ident())
        finally:
            threads.add(threading.get_ident())
        return "all"

    for number in range(3):
        executor.iterate(steps(), on_return=results.append)
        qtbot.waitUntil(lambda n=number: len(results) > n, timeout=WAIT)
        qtbot.waitUntil(is_idle, timeout=WAIT)
    assert results == ["all"] * 3
    assert threads == {thread_of(executor, qtbot)}
    assert threading.get_ident() not in threads


def test_no_work_waits_for_a_step_of_another_one(qtbot):
    executor, release = make_executor(), threading.Event()
    long, short = [], []
    executor.submit(lambda: (release.wait(30), threading.get_ident())[1], long.append)
    executor.submit(threading.get_ident, short.append)
    qtbot.waitUntil(lambda: bool(short), timeout=WAIT)
    assert [thread_of(executor, qtbot)] == short  # no third thread
    assert not long
    release.set()
    qtbot.waitUntil(lambda: bool(long), timeout=WAIT)
    assert long != short


def test_the_first_idle_thread_runs_the_next_work(qtbot):
    """Each thread that multiplies matrices keeps megabytes: few of them are to do so."""
    executor, release, found = make_executor(), threading.Event(), []
    for number in range(2):
        executor.submit(lambda n=number: (n, release.wait(30), threading.get_ident()), found.append)
    release.set()
    qtbot.waitUntil(lambda: len(found) == 2 and is_idle(), timeout=WAIT)
    first, second = (ident for _, _, ident in sorted(found))
    assert first != second
    assert [thread_of(executor, qtbot) for _ in range(3)] == [first] * 3


def test_serial_work_runs_in_the_order_of_submission_over_all_executors(qtbot):
    executors, order = [make_executor(serial=True) for _ in range(2)], []
    for number in range(20):
        pause = 0.01 if number % 3 == 0 else 0
        executors[number % 2].submit(lambda n=number, p=pause: (time.sleep(p), order.append(n)))
    last = []
    executors[0].submit(lambda: None, last.append)
    qtbot.waitUntil(lambda: bool(last), timeout=WAIT)
    assert order == list(range(20))


# ----------------------------------------------------------------------------------- delivery


def test_callbacks_run_in_the_gui_thread_in_order(qtbot):
    executor, calls = make_executor(), []

    def note(kind):
        return lambda *value: calls.append((kind, *value, threading.current_thread()))

    def steps():
        yield 1
        yield 2
        return 3

    executor.iterate(
        steps(),
        on_item=note("item"),
        on_return=note("return"),
        on_error=note("error"),
        on_end=note("end"),
    )
    qtbot.waitUntil(lambda: len(calls) == 4, timeout=WAIT)
    main = threading.main_thread()
    assert calls == [
        ("item", 1, main),
        ("item", 2, main),
        ("return", 3, main),
        ("end", main),
    ]


def test_an_exception_is_passed_to_on_error(qtbot):
    executor, items, errors, ends = make_executor(), [], [], []

    def steps():
        yield 1
        raise ValueError("two")

    executor.iterate(steps(), items.append, None, errors.append, lambda: ends.append(1))
    qtbot.waitUntil(lambda: bool(ends), timeout=WAIT)
    assert items == [1]
    assert [str(error) for error in errors] == ["two"]


def test_without_on_error_an_exception_is_raised_in_the_gui_thread(qtbot):
    with qtbot.captureExceptions() as raised:
        make_executor().submit(lambda: int("three"))
        qtbot.waitUntil(lambda: bool(raised), timeout=WAIT)
    assert raised[0][0] is ValueError


def test_a_closed_executor_delivers_nothing(qtbot):
    executor, release, calls = make_executor(), threading.Event(), []
    executor.submit(release.wait, calls.append, calls.append, lambda: calls.append("end"))
    executor.close()
    release.set()
    qtbot.waitUntil(is_idle, timeout=WAIT)
    executor.submit(lambda: calls.append("after"))
    qtbot.wait(20)
    assert calls == []


def test_closing_runs_the_last_function_after_all_serial_work():
    executor, order = make_executor(serial=True), []
    executor.submit(lambda: (time.sleep(0.05), order.append("work")))
    executor.close(lambda: order.append("last"), timeout=30)
    assert order == ["work", "last"]


def test_closing_waits_no_longer_than_its_timeout():
    executor, release, order = make_executor(serial=True), threading.Event(), []
    executor.submit(lambda: release.wait(30))
    began = time.monotonic()
    executor.close(lambda: order.append("last"), timeout=0.05)
    assert time.monotonic() - began < 5
    assert order == []
    release.set()
    make_executor(serial=True).close(lambda: order.append("next"), timeout=30)
    assert order == ["last", "next"]


# ------------------------------------------------------------------------------- cancellation


def test_cancelled_work_stops_at_its_next_item_and_delivers_only_its_end(qtbot):
    executor, steps, items, returned, ended = make_executor(), [], [], [], []

    def endless():
        while True:
            time.sleep(0.005)
            steps.append(1)
            yield 1

    task = executor.iterate(
        endless(), items.append, returned.append, on_end=lambda: ended.append(1)
    )
    qtbot.waitUntil(lambda: len(items) > 2, timeout=WAIT)
    task.cancel()
    done, delivered = len(steps), len(items)
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT)
    assert len(steps) <= done + 1
    assert len(items) == delivered
    assert returned == []
    assert not task.is_running


def test_cancelled_work_stops_within_a_tenth_of_a_second_inside_a_step(qtbot):
    """The library calls ``check_cancelled`` every few tens of milliseconds."""
    executor, started, ended = make_executor(), threading.Event(), []

    def long_step():
        started.set()
        for _ in range(10_000):
            time.sleep(0.005)
            check_cancelled()

    task = executor.submit(long_step, on_end=lambda: ended.append(time.monotonic()))
    assert started.wait(30)
    cancelled = time.monotonic()
    task.cancel()
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT)
    assert ended[0] - cancelled < 0.1


def test_cancelling_does_not_wait_for_the_generator_to_close(qtbot):
    executor, release = make_executor(), threading.Event()
    items, closed = [], threading.Event()

    def steps():
        try:
            while True:
                yield 1
                time.sleep(0.005)
        finally:
            release.wait(30)
            closed.set()

    task = executor.iterate(steps(), items.append)
    qtbot.waitUntil(lambda: bool(items), timeout=WAIT)
    task.cancel()
    assert not closed.is_set()
    release.set()
    assert closed.wait(30)


def test_a_gate_holds_work_at_its_points_of_cancellation(qtbot):
    executor, gate, items = make_executor(), threading.Event(), []
    executor.iterate(iter_of(1, 2), items.append, gate=lambda: gate.wait(30))
    qtbot.wait(30)
    assert items == []
    gate.set()
    qtbot.waitUntil(lambda: items == [1, 2], timeout=WAIT)


def iter_of(*values):
    yield from values


# ------------------------------------------------------------------------------------- memory


def test_nothing_of_finished_work_is_retained(qtbot):
    class Held:
        pass

    def submit():
        held, ends = Held(), []
        executor.submit(lambda: held, lambda result: ends.append(result is held))
        qtbot.waitUntil(lambda: bool(ends) and is_idle(), timeout=WAIT)
        return weakref.ref(held)

    executor = make_executor()
    found = submit()
    thread_of(executor, qtbot)  # The last function of the thread is replaced by this one.
    gc.collect()
    assert found() is None


def test_the_fits_of_a_dock_run_in_one_thread_and_leave_no_task(quick, qtbot):
    _, dock = quick
    threads, fit = set(), dock.controller.worker.run

    def noted(*args):
        threads.add(threading.get_ident())
        yield from fit(*args)

    dock.controller.worker.run = noted

    def alive():
        gc.collect()
        return sum(isinstance(x, BackgroundTask) for x in gc.get_objects())

    qtbot.waitUntil(lambda: not dock.controller.worker.busy, timeout=WAIT)
    before = alive()
    for _ in range(3):
        with qtbot.waitSignal(dock.settled, timeout=WAIT):
            dock.run()
        qtbot.waitUntil(lambda: not dock.controller.worker.busy, timeout=WAIT)
    assert threads == {thread_of(make_executor(), qtbot)}
    assert alive() <= before


# -------------------------------------------------------------------------------------- scans


def test_a_small_array_is_scanned_at_once_and_a_large_one_in_a_thread(qtbot):
    executor, found = make_executor(inline_bytes=100), []
    executor.scan(np.ones(99, np.uint8), lambda _: threading.current_thread(), found.append)
    assert found == [threading.main_thread()]
    executor.scan(np.ones(100, np.uint8), lambda _: threading.current_thread(), found.append)
    assert len(found) == 1
    qtbot.waitUntil(lambda: len(found) == 2, timeout=WAIT)
    assert found[1] is not threading.main_thread()


@pytest.fixture
def large(ready, qtbot, monkeypatch):
    """A dock that scans every layer in a thread; yields the list of the results."""
    executor, results, submit = (
        ready[1].controller.executor,
        [],
        ready[1].controller.executor.submit,
    )

    def noted(function, on_result=None, *others, **more):
        def deliver(result):
            results.append(result)
            on_result(result)

        return submit(function, deliver, *others, **more)

    monkeypatch.setattr(executor, "submit", noted)
    executor.inline_bytes = 0
    yield results
    qtbot.waitUntil(is_idle, timeout=WAIT)


def test_scribbles_on_a_large_layer_change_the_hint(ready, strokes, large, qtbot):
    _, dock = ready
    dock.live = False
    layer = dock.scribble_layer
    dock.scribble_layer = None
    layer.data = strokes
    dock.scribble_layer = layer
    assert dock.status.text() == controller.READY
    qtbot.waitUntil(lambda: dock.status.text() == controller.DRAWN, timeout=WAIT)
    dock.brush.select_label(2)
    dock.brush.select_new_label()
    qtbot.waitUntil(lambda: layer.selected_label == 3, timeout=WAIT)


def test_a_large_layer_with_scribbles_is_fitted(ready, strokes, large, qtbot):
    _, dock = ready
    dock.shape, dock.live = "none", False
    dock.scribble_layer.data = strokes
    dock.live = True
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.controller.fit_if_possible()


def test_deletion_from_a_large_layer_can_be_undone(ready, strokes, large, qtbot):
    _, dock = ready
    dock.live = False
    layer = dock.scribble_layer
    two = strokes.copy()
    two[60:64, 40:50] = 3
    layer.data = two
    dock.object_actions.rename(3, "moon")
    dock.object_actions.delete(3)
    layer.data_setitem((np.array([61]), np.array([45])), 1)  # before the scan has finished
    qtbot.waitUntil(lambda: not (layer.data == 3).any(), timeout=WAIT)
    assert layer.data[61, 45] == 1
    assert dock.controller.settings.names == {}
    watch = dock.controller.adapter._detector  # no user undoes before the checksum is computed
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    layer.undo()
    qtbot.waitUntil(lambda: dock.controller.settings.names == {3: "moon"}, timeout=WAIT)
    # A result that arrives after the dock has changed its layer has no effect.
    dock.object_actions.delete(3)
    large.clear()
    dock.new.click()
    qtbot.waitUntil(lambda: any(isinstance(found, tuple) for found in large), timeout=WAIT)
    assert (layer.data == 3).any()


def test_the_undo_of_a_stroke_is_detected_before_the_stroke_was_scanned(qtbot):
    layer = Labels(np.zeros((40, 40), np.uint8))
    watch, changes = ScribbleChangeDetector(make_executor(inline_bytes=0)), []
    watch.layer = layer
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    watch.changed.connect(lambda: changes.append(layer.data.any()))
    with layer.block_history():  # as napari does while the mouse is down
        layer.paint((20, 20), 2)
    assert changes == [True]
    layer.undo()
    assert changes == [True, False]
    qtbot.waitUntil(lambda: watch._seen is not None, timeout=WAIT)
    layer.visible = False
    layer.visible = True  # shows the same
    layer.redo()
    qtbot.waitUntil(lambda: changes == [True, False, True], timeout=WAIT)
    watch.layer = None


# ---------------------------------------------------------------------------- queued callback


class PaintedWidget(QWidget):
    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def paintEvent(self, event: QPaintEvent) -> None:
        self.calls.append("painted")


def test_a_queued_callback_runs_once_before_the_next_repaint(qtbot):
    calls: list[str] = []
    widget = PaintedWidget(calls)
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    qtbot.waitUntil(lambda: "painted" in calls)
    callback = QueuedCallback(lambda: calls.append("called"))
    calls.clear()
    widget.update()
    callback.start()
    callback.start()
    assert calls == []
    qtbot.waitUntil(lambda: "painted" in calls)
    assert calls == ["called", "painted"]


def test_a_stopped_callback_does_not_run(qtbot):
    calls: list[str] = []
    first, second = (
        QueuedCallback(lambda: calls.append("first")),
        QueuedCallback(lambda: calls.append("second")),
    )
    first.start()
    first.stop()
    second.start()
    qtbot.waitUntil(lambda: bool(calls))
    assert calls == ["second"]
    first.start()
    first.stop()
    first.start()
    qtbot.waitUntil(lambda: len(calls) > 1)
    qtbot.wait(1)
    assert calls == ["second", "first"]
