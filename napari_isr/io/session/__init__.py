"""Sessions: the stored work on an image. Reading one needs no torch."""

from __future__ import annotations

from napari_isr.io.session.content_hash import image_key
from napari_isr.io.session.result_io import export_shape_states, restore_shape_states
from napari_isr.io.session.schema import ImageReference, ShapeState, Snapshot
from napari_isr.io.session.session import ENDING, Session, load_session, save_session
from napari_isr.io.session.snapshot_io import load, save
from napari_isr.io.session.snapshot_store import SnapshotStore, StoredSnapshots, default_folder

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
