"""What is kept of the work on an image: strokes, settings, given masks, fitted shapes; no torch."""

from __future__ import annotations

from napari_isr.session.files import load, save
from napari_isr.session.identity import image_key
from napari_isr.session.saving import save_session
from napari_isr.session.schema import ImageReference
from napari_isr.session.snapshot import ShapeState, Snapshot
from napari_isr.session.store import SnapshotStore, StoredSnapshots, default_folder
from napari_isr.session.weights import export_shape_states, restore_shape_states
from napari_isr.session.work import ENDING, Session, load_session

__all__ = [
    "ENDING",
    "ImageReference",
    "Session",
    "ShapeState",
    "Snapshot",
    "SnapshotStore",
    "StoredSnapshots",
    "default_folder",
    "export_shape_states",
    "image_key",
    "load",
    "load_session",
    "restore_shape_states",
    "save",
    "save_session",
]
