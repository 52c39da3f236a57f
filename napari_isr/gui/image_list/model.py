"""Model of the image list: entries, current image and done marks; no Qt, no napari."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psygnal import Signal

__all__ = ["ImageList", "ImageListEntry", "ImageState", "list_images"]

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".npy", ".ppm", ".pgm"
)  # fmt: skip
FITS = 512 * 2**20  # bytes


@dataclass
class ImageState:
    """State of one image: scribbles, settings and result.

    Parameters
    ----------
    strokes : napari.layers.Labels or None
        The layer with the strokes; it brings its undo history along.
    settings : dict
        What was chosen.
    fit : FitHistoryEntry or None
        The fit that was shown.
    given : dict of int to array
        Objects that were imported.
    at : float
        When the image was left, by ``time.monotonic``.
    """

    strokes: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    fit: Any = None
    given: dict[int, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class ImageListEntry:
    """One image of the list.

    Parameters
    ----------
    name : str
        What it is called.
    path : Path, optional
        Its file.
    layer : napari.layers.Image, optional
        Its layer, while it is open.
    done : bool
        Whether the user marked it.
    problem : str
        Why it cannot be shown, in one sentence.
    transfer : DeferredTransfer or None
        What the images before it taught.
    work : ImageState
        What was done on it.
    """

    name: str
    path: Path | None = None
    layer: Any = None
    done: bool = False
    problem: str = ""
    transfer: Any = None
    work: ImageState = field(default_factory=ImageState)


class ImageList:
    """Images in their order, one of which is shown."""

    changed = Signal()  # the list, the place in it, or a mark

    def __init__(self) -> None:
        self.entries: list[ImageListEntry] = []
        self.place = -1
        self._carry = False

    @property
    def current(self) -> ImageListEntry | None:
        """The image that is shown; None if there is none."""
        return self.entries[self.place] if 0 <= self.place < len(self.entries) else None

    @property
    def is_file_based(self) -> bool:
        """Whether the images come from files, not from layers that are open."""
        return any(entry.path is not None for entry in self.entries)

    @property
    def transfer_enabled(self) -> bool:
        """True if the trained predictor is transferred to the next image."""
        return self._carry

    @transfer_enabled.setter
    def transfer_enabled(self, on: bool) -> None:
        if on != self._carry:
            self._carry = on
            self.changed.emit()

    def set_entries(self, entries: Sequence[ImageListEntry], place: int = -1) -> None:
        """Take other images."""
        self.entries, self.place = list(entries), place
        self.changed.emit()

    def set_current_index(self, place: int) -> None:
        """Another image is shown."""
        self.place = place
        self.changed.emit()

    def evict_fits(self, nbytes: int = FITS) -> None:
        """Forget the fits of images that were left longest ago; their strokes can be fitted again.

        Parameters
        ----------
        nbytes : int, optional
            Memory that the fits may take.
        """
        left = sorted((e for e in self.entries if e.work.fit is not None), key=lambda e: -e.work.at)
        for entry in left:
            nbytes -= entry.work.fit.nbytes
            if nbytes < 0:
                entry.work.fit = None

    def set_done(self, done: bool) -> None:
        """Mark the image that is shown as done, or not."""
        if self.current is not None and self.current.done != done:
            self.current.done = done
            self.changed.emit()


def list_images(paths: Iterable[Path]) -> list[Path]:
    """Files of images: those that are named, and those in folders that are named, in their order.

    Numbers in names count as numbers: ``cell2`` comes before ``cell10``.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())
            found += sorted((p for p in inside if not p.name.startswith(".")), key=_order)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
