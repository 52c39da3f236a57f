"""What is kept of the work on an image: strokes, settings, given masks, fitted shapes; no torch."""

from __future__ import annotations

from napari_isr.session.files import load, save
from napari_isr.session.identity import image_key
from napari_isr.session.saving import save_session
from napari_isr.session.schema import ImageReference
from napari_isr.session.snapshot import KeptShape, Snapshot
from napari_isr.session.store import Kept, Store, default_folder
from napari_isr.session.weights import hand_over, keep_shapes
from napari_isr.session.work import ENDING, Session, load_session

__all__ = [
    "ENDING",
    "ImageReference",
    "Kept",
    "KeptShape",
    "Session",
    "Snapshot",
    "Store",
    "default_folder",
    "hand_over",
    "image_key",
    "keep_shapes",
    "load",
    "load_session",
    "save",
    "save_session",
]
