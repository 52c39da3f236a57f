"""Control of garbage collection: a full collection holds the GIL for 200 ms.

Python looks at all objects every now and then, in whichever thread it is, and no other one runs
meanwhile. The libraries are 420,000 objects: 200 ms without the window, in the middle of a stroke.
napari does the same whenever a layer goes. What is there once all is loaded is therefore frozen
(``gc.freeze``): then only what came later is looked at, which takes 15 ms.
"""

from __future__ import annotations

import gc
from functools import cache
from typing import Any
from weakref import WeakSet

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_isr.gui._qt_utils import make_single_shot_timer

__all__ = ["GarbageCollectionGuard", "gc_guard"]

QUIET_MS = 400  # the one full collection waits so long for a moment when nobody does
FOREIGN_FREEZE_COUNT = (
    10_000  # frozen objects: then somebody else manages them. Python itself has hundreds
)


class GarbageCollectionGuard:
    """Freezes what is loaded, and thaws it where something of it may be garbage.

    Parameters
    ----------
    quiet_ms : int, optional
        How long to wait before the collection that comes before each freezing.
    """

    def __init__(self, quiet_ms: int = QUIET_MS) -> None:
        self._docks: WeakSet[Any] = WeakSet()
        self._layers: WeakSet[Any] = WeakSet()  # that are frozen
        self._frozen = False
        self._later = make_single_shot_timer(self._freeze, quiet_ms)

    @property
    def frozen(self) -> bool:
        """True if this guard has frozen objects."""
        return self._frozen

    def register(self, dock: Any) -> None:
        """Begin, once nobody waits.

        Parameters
        ----------
        dock : Controller
            Its ``viewer`` and ``state`` are asked.
        """
        if dock not in self._docks:
            self._docks.add(dock)
            dock.viewer.layers.events.removed.connect(self._on_removed)
            self._keep()  # at once, with what is garbage; that is sorted out when there is time
            self._later.start()

    def unregister(self, dock: Any) -> None:
        """Unregister a closed dock, and restore the collector after the last one."""
        if dock not in self._docks:
            return
        self._docks.discard(dock)
        if all(other.viewer is not dock.viewer for other in self._docks):
            dock.viewer.layers.events.removed.disconnect(self._on_removed)
        self._thaw()
        if self._docks:
            self._later.start()
        else:
            self._later.stop()

    def _on_removed(self, event: Any) -> None:
        if event.value in self._layers:
            self._thaw()
            self._later.start()

    def _freeze(self) -> None:
        """Collect what is garbage, and freeze the rest; later if somebody waits."""
        drawing = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if drawing or any(dock.state.busy for dock in self._docks):
            self._later.start()
            return
        self._thaw()
        if gc.get_freeze_count() <= FOREIGN_FREEZE_COUNT:
            gc.collect()
            self._keep()

    def _keep(self) -> None:
        if gc.get_freeze_count() > FOREIGN_FREEZE_COUNT:
            return
        gc.freeze()
        self._frozen = True
        self._layers = WeakSet(layer for dock in self._docks for layer in dock.viewer.layers)

    def _thaw(self) -> None:
        if self._frozen:
            gc.unfreeze()
            self._frozen = False
            self._layers = WeakSet()


@cache
def gc_guard() -> GarbageCollectionGuard:
    """Return the guard of this process, which has one garbage collector."""
    return GarbageCollectionGuard()
