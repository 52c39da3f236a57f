"""Stored marks of done images."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError
from napari_isr.gui._qt_utils import make_executor
from napari_isr.gui.image_list.model import ImageList, ImageListEntry
from napari_isr.gui.layers.utils import METADATA_PATH

__all__ = ["FILE", "ImageStatusFile", "ImageStatusStore"]

log = logging.getLogger(__name__)

FILE = "images.json"  # in the folder of the autosaved strokes
DONE = "napari-isr-done"  # in the metadata of a layer
MOST = 20_000  # paths; those that were marked first go first


class ImageStatusFile(BaseModel):
    """Content of the status file.

    Parameters
    ----------
    carry : bool
        Whether what was learned is carried on.
    done : list of str
        Absolute paths of images.
    """

    carry: bool = False
    done: list[str] = []


class ImageStatusStore:
    """Follows one list of images.

    An image is known again by the path of its file; one that comes from no file, by its layer, so
    that its mark outlives the dock, but not napari.

    Parameters
    ----------
    images : ImageList
    folder : Path
        Where the file is.
    wanted : callable
        Whether anything may be written.
    """

    def __init__(self, images: ImageList, folder: Path, wanted: Callable[[], bool]) -> None:
        self._list, self._path, self._wanted = images, folder / FILE, wanted
        self._executor = make_executor(serial=True)
        self._marks: ImageStatusFile | None = None  # not read yet
        self._seen: weakref.WeakSet[ImageListEntry] = weakref.WeakSet()
        images.changed.connect(self._on_changed)
        self._executor.submit(lambda: _read(self._path), self._on_read)

    def close(self) -> None:
        """Follow the list no more; what is to be written is written."""
        self._list.changed.disconnect(self._on_changed)
        self._executor.close()

    def _on_read(self, marks: Any) -> None:
        """Set the stored marks, except for images that the user has marked already."""
        if isinstance(marks, ImageStatusFile):
            self._seen.clear()
            self._marks = marks
            self._list.transfer_enabled = self._list.transfer_enabled or marks.carry
            self._list.changed.emit()

    def _on_changed(self) -> None:
        """Give images that are new to the list their marks, and keep the new marks of others."""
        known = set(self._marks.done) if self._marks is not None else set()
        marks: dict[str, bool] = {}
        for entry in self._list.entries:
            path = _path(entry)
            if entry not in self._seen:
                self._seen.add(entry)
                entry.done |= path in known or bool(_metadata(entry).get(DONE))
            if entry.done or DONE in _metadata(entry):
                _metadata(entry)[DONE] = entry.done
            if path and entry.done != (path in known):
                marks[path] = entry.done
        if self._marks is None or not (marks or self._list.transfer_enabled != self._marks.carry):
            return
        self._marks = _changed(self._marks, marks, self._list.transfer_enabled)
        if self._wanted():
            write = partial(_write, self._path, marks, self._list.transfer_enabled)
            self._executor.submit(write, None, _told)


def _metadata(entry: ImageListEntry) -> dict[str, Any]:
    found: dict[str, Any] = entry.layer.metadata if entry.layer is not None else {}
    return found


def _path(entry: ImageListEntry) -> str:
    """Return the file of an image, or an empty string."""
    path = entry.path
    if path is None and entry.layer is not None:
        path = entry.layer.metadata.get(METADATA_PATH) or entry.layer.source.path
    return str(Path(path).absolute()) if path and "://" not in str(path) else str(path or "")


def _changed(marks: ImageStatusFile, done: dict[str, bool], carry: bool) -> ImageStatusFile:
    rest = [path for path in marks.done if path not in done]
    new = [path for path, on in done.items() if on]
    return ImageStatusFile(carry=carry, done=[*rest, *new][-MOST:])


def _read(path: Path) -> ImageStatusFile:
    """Read the status file. A missing or damaged file counts as empty."""
    try:
        return ImageStatusFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return ImageStatusFile()
    except (OSError, ValidationError) as error:
        log.warning("'%s' cannot be read: %s", path, error)
        return ImageStatusFile()


def _write(path: Path, done: dict[str, bool], carry: bool) -> None:
    """Change what is kept now, which another window may have written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marks = _changed(_read(path), done, carry)
    with atomic_write(path) as beside:
        beside.write_text(marks.model_dump_json(indent=1), encoding="utf-8")


def _told(error: Any) -> None:
    if isinstance(error, OSError | InputError):
        log.warning("The marks of images could not be kept: %s", error)
