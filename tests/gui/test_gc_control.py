"""Full garbage collections stay short while a dock is open, and nothing is kept by it."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Image

from napari_isr.gui import _gc_control as module
from napari_isr.gui._gc_control import FOREIGN_FREEZE_COUNT, GarbageCollectionGuard


@pytest.fixture(autouse=True)
def _nothing_frozen():
    """As it is outside these tests, which freeze for their own sake."""
    gc.unfreeze()
    yield
    gc.unfreeze()


class Dock:
    def __init__(self, *layers, busy=False):
        self.viewer = SimpleNamespace(layers=LayerList(layers))
        self.state = SimpleNamespace(busy=busy)


def image():
    layer = Image(np.zeros((4, 4)))
    layer.metadata["itself"] = layer  # nothing but a collection frees it
    return layer


def test_what_is_loaded_is_frozen_until_the_last_dock_is_closed(qtbot):
    guard, first, second = GarbageCollectionGuard(1), Dock(), Dock()
    guard.register(first)
    guard.register(second)
    qtbot.waitUntil(lambda: guard.frozen)
    assert gc.get_freeze_count() > FOREIGN_FREEZE_COUNT
    guard.unregister(first)
    qtbot.waitUntil(lambda: guard.frozen)
    guard.unregister(second)
    assert not guard.frozen
    assert gc.get_freeze_count() == 0


def test_a_layer_that_was_frozen_is_freed_when_it_is_removed(qtbot):
    guard, open_one = GarbageCollectionGuard(1), Dock(image(), image())
    ref = weakref.ref(open_one.viewer.layers[0])
    guard.register(open_one)
    qtbot.waitUntil(lambda: guard.frozen)
    del open_one.viewer.layers[0]
    assert not guard.frozen
    qtbot.waitUntil(lambda: guard.frozen)
    assert ref() is None
    guard.unregister(open_one)


def test_a_layer_that_came_later_goes_without_thawing(qtbot):
    guard, open_one = GarbageCollectionGuard(1), Dock(image())
    guard.register(open_one)
    qtbot.waitUntil(lambda: guard.frozen)
    open_one.viewer.layers.append(image())
    ref = weakref.ref(open_one.viewer.layers.pop())
    open_one.viewer.layers.append(image())  # the list remembers what was chosen last
    assert guard.frozen
    gc.collect()
    assert ref() is None
    guard.unregister(open_one)


def test_nobody_is_made_to_wait(qtbot, monkeypatch):
    collections = []
    monkeypatch.setattr(gc, "collect", lambda: collections.append(1))
    guard, open_one = GarbageCollectionGuard(1), Dock(busy=True)
    guard.register(open_one)
    assert guard.frozen
    qtbot.wait(20)
    assert not collections
    open_one.state.busy = False
    qtbot.waitUntil(lambda: collections == [1])
    assert guard.frozen
    guard.unregister(open_one)


def test_garbage_that_was_there_is_freed(qtbot):
    guard, layer = GarbageCollectionGuard(1), image()
    ref = weakref.ref(layer)
    del layer
    open_one = Dock()
    guard.register(open_one)
    qtbot.waitUntil(lambda: ref() is None)
    guard.unregister(open_one)


def test_what_somebody_else_froze_is_left_to_them(qtbot):
    gc.freeze()
    guard, open_one = GarbageCollectionGuard(1), Dock()
    guard.register(open_one)
    qtbot.wait(20)
    assert not guard.frozen
    guard.unregister(open_one)
    assert gc.get_freeze_count() > FOREIGN_FREEZE_COUNT


def test_a_dock_joins_and_leaves(viewer, open_dock, qtbot, monkeypatch):
    guard = GarbageCollectionGuard(1)
    monkeypatch.setattr("napari_isr.gui.dock_widget.gc_guard", lambda: guard)
    opened = open_dock(viewer)
    qtbot.waitUntil(lambda: guard.frozen)
    opened.close()
    assert not guard.frozen
    assert gc.get_freeze_count() == 0


def test_one_for_all_docks():
    assert module.gc_guard() is module.gc_guard()
