"""A random user for a long time: no exception, no lost stroke, no thread, widget or memory left.

The quick tests have a short version; ``make soak`` runs 2,000 actions.
"""

import gc
import logging
import os
import threading

import psutil
import pytest

pytest.importorskip("napari", reason="the soak test needs napari")
pytest.importorskip("qtpy", reason="the soak test needs Qt")

from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

from napari_isr.gui._concurrency import is_idle
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.fitting.run_job import trim_heap
from tests.stress.random_user import PATIENCE, RandomUser

ACTIONS = int(os.environ.get("ISR_SOAK_ACTIONS", "2000"))
SEED = int(os.environ.get("ISR_SOAK_SEED", "0"))
REST = 40  # actions between two looks at whether all is well
STAYING = 10  # threads of ours that stay, however long it goes on
GROWTH = 50 * 2**20  # bytes, after a quarter of the actions

# Python's filters of warnings are the process's, not a thread's: while a fit runs, a warning that
# napari means to hush may get through, as an error. The other tests look after warnings.
pytestmark = [pytest.mark.gui, pytest.mark.filterwarnings("default")]


def resident():
    return psutil.Process().memory_info().rss


def memory():
    gc.collect()
    trim_heap()
    return resident()


def memory_of_two_layers(user):
    """Return the memory of the idle process with the image and its scribbles alone.

    The dock stays open, with all that it keeps to be quick: fits, undo, three warm images. The
    layers of results go: napari and software OpenGL take 10 to 20 MB for each, and how many there
    are at some moment is chance. What it was with them is printed beside it.
    """
    as_it_was = memory()
    user.tidy()
    sweep()
    held = memory()
    print(f"{as_it_was / 2**20:.0f} MB; with two layers {held / 2**20:.0f} MB", flush=True)
    return held


def passing():
    """Return the number of threads of other libraries."""
    stay = ("napari-isr",)
    return sum(not thread.name.startswith(stay) for thread in threading.enumerate())


def sweep():
    """Delete the objects that Qt has queued for deletion."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        gc.collect()


def widgets():
    """Ours; those of napari come and go with the layers."""
    every = QApplication.allWidgets()
    return [w for w in every if type(w).__module__.startswith("napari_isr.")]


def docks():
    return [w for w in widgets() if isinstance(w, ScribbleWidget)]


def soak(viewer, qtbot, caplog, actions, seed):
    caplog.set_level(logging.ERROR, logger="napari_isr")
    sweep()
    earlier = docks()  # of other tests, that something still holds
    user = RandomUser(viewer, qtbot, seed)
    before, threads, ours = None, passing(), 0
    for number in range(1, actions + 1):
        held = resident()
        kind = user.act()
        user.taken[kind] += resident() - held
        if number % REST and number != actions:
            continue
        user.rest()
        errors = [
            (record.getMessage(), record.exc_info and record.exc_info[1])
            for record in caplog.records
            if record.name.startswith("napari_isr") and record.levelno >= logging.ERROR
        ]
        assert not errors, f"after {number} actions: {errors}"
        sweep()
        assert len([dock for dock in docks() if dock not in earlier]) == 1
        if (number % 100 < REST and number >= 100) or number == actions:
            print(f"{number}: {memory() / 2**20:.0f} MB, {len(viewer.layers)} layers", flush=True)
            print(
                "   ",
                {k: f"{n / 2**20:.0f} MB in {user.done[k]}" for k, n in user.taken.most_common()},
                flush=True,
            )
        if before is None and number >= actions / 4:
            before, ours = memory_of_two_layers(user), len(widgets())
    grown = memory_of_two_layers(user) - (before or 0)
    print(f"{actions} actions, {dict(user.done)}; {grown / 2**20:.1f} MB more than after a quarter")
    qtbot.waitUntil(is_idle, timeout=PATIENCE)
    assert passing() <= threads + 1
    assert threading.active_count() - passing() <= STAYING
    assert len(widgets()) <= ours + 20  # a few more rows in the table
    return grown


def test_a_random_user_for_a_moment(make_napari_viewer_proxy, qtbot, caplog):
    soak(make_napari_viewer_proxy(show=True), qtbot, caplog, 60, 1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_random_user_for_a_long_time(make_napari_viewer_proxy, qtbot, caplog):
    grown = soak(make_napari_viewer_proxy(show=True), qtbot, caplog, ACTIONS, SEED)
    assert grown < GROWTH
