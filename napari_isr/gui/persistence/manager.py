"""Manager of autosave, recovery and preferences of a dock."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFrame, QVBoxLayout

from napari_isr.gui._qt_utils import make_executor
from napari_isr.gui.controller import Controller
from napari_isr.gui.persistence.autosave import Autosave, ImageKeyCache
from napari_isr.gui.persistence.preferences import Preferences
from napari_isr.gui.persistence.recovery import RecoveryManager, RecoveryOffer
from napari_isr.gui.widgets._common import WrappingLabel, make_button, make_row
from napari_isr.io.session import SnapshotStore, StoredSnapshots

__all__ = ["PersistenceManager", "RestoreBar"]

FRAME = "#isr_restore_bar { border: 1px solid #448aff; border-radius: 3px; }"  # the bar's blue


class PersistenceManager:
    """Autosave, restore and preferences of one dock; to be closed before its controller.

    Parameters
    ----------
    control : Controller
    preferences : Preferences
    folder : path, optional
        Default: the user's, see :func:`napari_isr.io.session.default_folder`.
    """

    def __init__(
        self, control: Controller, preferences: Preferences, folder: Path | str | None = None
    ) -> None:
        self._control, self.preferences = control, preferences
        self.store, keys = SnapshotStore(folder), ImageKeyCache()
        self.executor = make_executor(serial=True)
        self.recovery = RecoveryManager(control, self.store, self.executor, keys)
        self.autosave = Autosave(control, self.store, self.executor, keys)
        self._to_settle: list[StoredSnapshots] = []
        self.autosave.failed.connect(self._on_failed)
        self.autosave.saved.connect(self._on_saved)
        self.recovery.restored.connect(self._on_restored)
        for name in ("device", "pause_ms", "memory", "autosave", "autosave_seconds"):
            preferences.events[name].connect(self._follow)
        self._begin()
        self._follow()

    def close(self) -> None:
        """Save the rest."""
        self.autosave.close()
        self.preferences.close()

    def _begin(self) -> None:
        """Apply the preferences to a new dock."""
        for name in ("shape", "predictor", "features", "live"):
            setattr(self._control.settings, name, getattr(self.preferences, name))

    def _follow(self, *_: Any) -> None:
        wanted = self.preferences
        self._control.scheduler.pause_ms = wanted.pause_ms
        self._control.device = wanted.device
        self._control.memory = wanted.memory
        self.autosave.seconds = wanted.autosave_seconds
        self.autosave.enabled = wanted.autosave

    def _on_failed(self, sentence: str) -> None:
        self._control.state.set_status("error", sentence)

    def _on_restored(self, kept: StoredSnapshots) -> None:
        """Save the restored snapshot as one of this process, then dismiss the old one."""
        self._to_settle.append(kept)
        self.autosave.schedule()
        self.autosave.save()

    def _on_saved(self) -> None:
        settled, self._to_settle = self._to_settle, []
        for kept in settled:
            self.recovery.dismiss(kept)


class RestoreBar(QFrame):
    """One line in the dock with two buttons, there only while something is offered.

    Parameters
    ----------
    recovery : RecoveryManager
    """

    def __init__(self, recovery: RecoveryManager) -> None:
        super().__init__()
        self.setObjectName("isr_restore_bar")
        self.setStyleSheet(FRAME)
        self.sentence = WrappingLabel("isr_restore_sentence")
        self.restore = make_button(
            "isr_restore", "Restore", "Bring strokes, settings and shapes back"
        )
        self.discard = make_button("isr_discard", "Discard", "Do not offer them again")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(4)
        column.addWidget(self.sentence)
        column.addWidget(make_row(self.restore, self.discard, stretch=(1, 1)))
        self.restore.clicked.connect(recovery.restore)
        self.discard.clicked.connect(recovery.discard)
        recovery.offered.connect(self.show_offer)
        self.show_offer(recovery.offer)

    def show_offer(self, offer: RecoveryOffer | None) -> None:
        """Show what is offered, or nothing."""
        if offer is not None:
            self.sentence.set_message(offer.message(datetime.now().astimezone()))
            self.restore.setVisible(offer.openable)
        self.setVisible(offer is not None)
