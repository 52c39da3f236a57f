"""Threads that stay: everything is computed there, whoever asks, and ends there too."""

import gc
import threading
import weakref

import pytest
from superqt.utils import GeneratorWorker, create_worker

from napari_isr.gui.steady import iterate_in_persistent_thread, run_in_persistent_thread


def test_what_comes_one_after_the_other_is_computed_in_the_same_thread(qtbot):
    seen = {run_in_persistent_thread(threading.get_ident) for _ in range(3)}

    def steps():
        try:
            yield seen.add(threading.get_ident())
            yield seen.add(threading.get_ident())
        finally:
            seen.add(threading.get_ident())
        return "all"

    for _ in range(2):  # Qt's threads are new ones to Python each time
        worker = create_worker(iterate_in_persistent_thread, steps())
        with qtbot.waitSignal(worker.returned) as returned:
            worker.start()
        assert returned.args == ["all"]
    begun = iterate_in_persistent_thread(steps())
    next(begun)
    begun.close()
    run_in_persistent_thread(lambda: None)  # what was closed has ended before
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_nobody_waits_for_the_step_of_another_one():
    begun, go_on = threading.Event(), threading.Event()

    def long():
        begun.set()
        assert go_on.wait(30)
        yield threading.get_ident()

    def short():
        yield threading.get_ident()

    found = []
    waiting = threading.Thread(target=lambda: found.extend(iterate_in_persistent_thread(long())))
    waiting.start()
    assert begun.wait(30)
    first = list(iterate_in_persistent_thread(short()))
    assert [run_in_persistent_thread(threading.get_ident)] == first  # in no third thread
    go_on.set()
    waiting.join(30)
    assert found
    assert found != first


def test_the_first_thread_is_taken_whoever_gave_one_back_last():
    """Each thread that multiplies matrices keeps megabytes for that: few are to do so."""

    def steps():
        yield threading.get_ident()
        yield threading.get_ident()

    first, second = iterate_in_persistent_thread(steps()), iterate_in_persistent_thread(steps())
    threads = next(first), next(second)
    assert threads[0] != threads[1]
    first.close()
    second.close()
    assert [run_in_persistent_thread(threading.get_ident) for _ in range(2)] == [threads[0]] * 2


def test_closing_does_not_wait():
    """It may be the collector that closes, in the middle of anything."""
    go_on, closed = threading.Event(), threading.Event()

    def steps():
        try:
            yield 1
        finally:
            assert go_on.wait(30)
            closed.set()

    begun = iterate_in_persistent_thread(steps())
    next(begun)
    begun.close()
    assert not closed.is_set()
    go_on.set()
    assert closed.wait(30)


def test_what_goes_wrong_is_raised_where_it_was_asked_for():
    def steps():
        yield 1
        raise ValueError("two")

    begun = iterate_in_persistent_thread(steps())
    assert next(begun) == 1
    with pytest.raises(ValueError, match="two"):
        next(begun)
    with pytest.raises(ValueError, match="three"):
        run_in_persistent_thread(lambda: int("three"))


def test_the_fits_of_the_dock_are_computed_there(quick, strokes, qtbot, monkeypatch):
    from napari_isr.gui.fitting import worker

    seen = set()
    fit = worker.run_job

    def noted(*args):
        seen.add(threading.current_thread())
        yield from fit(*args)

    monkeypatch.setattr(worker, "run_job", noted)
    _, dock = quick
    for _ in range(2):
        with qtbot.waitSignal(dock.settled, timeout=30_000):
            dock.run()
    stay = {run_in_persistent_thread(threading.current_thread).name}
    assert {thread.name for thread in seen} == stay
    assert all(thread.is_alive() for thread in seen)


def test_no_worker_outlives_its_fit(quick, qtbot):
    _, dock = quick

    def alive():
        gc.collect()
        return [weakref.ref(x) for x in gc.get_objects() if isinstance(x, GeneratorWorker)]

    before = len(alive())
    for _ in range(3):
        with qtbot.waitSignal(dock.settled, timeout=30_000):
            dock.run()
    qtbot.waitUntil(lambda: not dock.controller.loop.runner.busy, timeout=30_000)
    assert len(alive()) <= before
