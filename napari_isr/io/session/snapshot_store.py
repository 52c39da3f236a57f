"""Store of autosaved snapshots in the user's folder.

``images/<key of the image>/<process>.<layer>/<number>.json`` with the files that belong to them,
and ``running/<process>.lock``, which a process holds for as long as it lives: a lock that is there
and that nobody holds is all that is left of one that crashed.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_isr.errors import InputError
from napari_isr.io.session.schema import Snapshot, SnapshotRecord
from napari_isr.io.session.snapshot_io import load, read_record, save

__all__ = ["FOLDER_VARIABLE", "SnapshotStore", "StoredSnapshots", "default_folder"]

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "NAPARI_ISR_DATA"
NUMBERS = 3  # snapshots of one image and process: if the newest is broken, there is another
SETTLED = "settled"  # the user took the strokes back, or does not want them
DAYS, BYTES = 90, 2**30  # that are kept


def default_folder() -> Path:
    """Return the user's folder for autosaved work. The folder is not created.

    The environment variable ``NAPARI_ISR_DATA`` names another one.
    """
    import platformdirs

    own = os.environ.get(FOLDER_VARIABLE)
    return Path(own) if own else Path(platformdirs.user_data_dir("napari-isr", appauthor=False))


@dataclass(frozen=True)
class StoredSnapshots:
    """The snapshots of one image, or of one of its stroke layers, by one process.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    @property
    def process(self) -> str:
        """Which process saved them; later ones sort later."""
        return self.folder.name.partition(".")[0]

    @property
    def is_dismissed(self) -> bool:
        """Whether the user has them back, or does not want them."""
        return (self.folder / SETTLED).exists()

    @cached_property
    def record(self) -> SnapshotRecord | None:
        """Record of the newest intact snapshot, without its label images."""
        for path in self._newest_first():
            try:
                return read_record(path)
            except InputError as error:
                log.warning("%s", error)
        return None

    def snapshot(self) -> Snapshot | None:
        """Return the newest intact snapshot, or None."""
        for path in self._newest_first():
            try:
                return load(self.folder, path.name, forgiving=True)
            except InputError as error:
                log.warning("%s", error)
        return None

    def dismiss(self) -> None:
        """Offer them no more; they stay until they are old."""
        (self.folder / SETTLED).touch()

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"), reverse=True)


class SnapshotStore:
    """Keeps snapshots; every process writes to places of its own. May be used by many threads.

    Parameters
    ----------
    folder : path, optional
        Default: :func:`default_folder`.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        self.process = f"{stamp}-{os.getpid()}-{secrets.token_hex(3)}"
        self._alive: Any = None
        self._numbers: dict[Path, int] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------ saving

    def save(self, snapshot: Snapshot, layer: int = 0) -> Path:
        """Keep a snapshot, beside the last ones of this process and image.

        Parameters
        ----------
        snapshot : Snapshot
        layer : int, optional
            Tells stroke layers of one image apart, each of which has snapshots of its own.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        with self._lock:
            folder = self.folder / "images" / snapshot.image.key / f"{self.process}.{layer}"
            self._live()
            number = self._numbers.get(folder, 0) + 1
            path = save(snapshot, folder, f"{number:08d}.json")
            self._numbers[folder] = number
            _prune(folder)
            (folder / SETTLED).unlink(missing_ok=True)
            return path

    def close(self) -> None:
        """Mark the snapshots of this process as saved by an orderly exit."""
        with self._lock:
            if self._alive is not None:
                self._alive.release()
                self._alive = None
                self._lock_of(self.process).unlink(missing_ok=True)

    # ----------------------------------------------------------------------------- reading

    def latest(self, key: str) -> Snapshot | None:
        """Return the newest snapshot of an image by any process, or None.

        Snapshots that the user does not want any more do not count.
        """
        for kept in self.find(key):
            if not kept.is_dismissed and (snapshot := kept.snapshot()) is not None:
                return snapshot
        return None

    def find(self, key: str) -> list[StoredSnapshots]:
        """Return the snapshots of an image for each process, the newest first."""
        places = (self.folder / "images" / key).glob("*-*-*")
        return [StoredSnapshots(place) for place in sorted(places, key=_saved_at, reverse=True)]

    def find_orphaned(self) -> list[StoredSnapshots]:
        """Return the snapshots of processes that crashed, the newest first."""
        dead = {path.stem for path in (self.folder / "running").glob("*.lock") if self._dead(path)}
        places = [p for name in dead for p in (self.folder / "images").glob(f"*/{name}.*")]
        kept = [StoredSnapshots(place) for place in sorted(places, key=_saved_at, reverse=True)]
        return [one for one in kept if not one.is_dismissed]

    def is_process_alive(self, kept: StoredSnapshots) -> bool:
        """Whether the process that saved them still runs, and may be at work on them."""
        lock = self._lock_of(kept.process)
        return kept.process == self.process or (lock.exists() and not self._dead(lock))

    # ---------------------------------------------------------------------------- cleaning

    def prune(self, days: float = DAYS, most: int = BYTES) -> None:
        """Remove what is older, and the oldest until the rest is not larger than ``most`` bytes.

        What a living process saved stays.
        """
        oldest_first = sorted(self._every(), key=_saved_at, reverse=True)
        size, now = 0, time.time()
        for place in oldest_first:
            size += sum(path.stat().st_size for path in _files(place))
            if not self.is_process_alive(StoredSnapshots(place)) and (
                size > most or now - _saved_at(place) > days * 86_400
            ):
                shutil.rmtree(place, ignore_errors=True)
        for path in (self.folder / "running").glob("*.lock"):
            if self._dead(path) and not any((self.folder / "images").glob(f"*/{path.stem}.*")):
                path.unlink(missing_ok=True)
        for place in (self.folder / "images").glob("*"):
            if not any(place.iterdir()):
                place.rmdir()

    def _every(self) -> Iterator[Path]:
        yield from (self.folder / "images").glob("*/*-*-*")

    # ------------------------------------------------------------------------------- locks

    def _lock_of(self, process: str) -> Path:
        return self.folder / "running" / f"{process}.lock"

    def _live(self) -> None:
        """Lock a file that shows other processes that this one is alive."""
        from filelock import FileLock

        if self._alive is None:
            path = self._lock_of(self.process)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._alive = FileLock(path, thread_local=False)
                self._alive.acquire(timeout=0)
            except OSError as error:
                self._alive = None
                raise InputError(
                    f"'{path.parent}' cannot be written to: {error.strerror or error}"
                ) from error

    def _dead(self, path: Path) -> bool:
        from filelock import FileLock, Timeout

        if path == self._lock_of(self.process):
            return False
        try:
            with FileLock(path, timeout=0, thread_local=False):
                return True
        except (Timeout, OSError):
            return False


def _prune(folder: Path) -> None:
    """Remove all but the newest snapshots, and files that none of those needs any more."""
    numbered = sorted(folder.glob("[0-9]*.json"), reverse=True)
    try:
        if len(numbered) > 1 and _same(*(read_record(path) for path in numbered[:2])):
            numbered.pop(1).unlink(missing_ok=True)  # nothing changed, and others say more
        for path in numbered[NUMBERS:]:
            path.unlink(missing_ok=True)
        needed = {name for path in numbered[:NUMBERS] for name in read_record(path).files}
    except InputError:
        return  # which files a broken one needs is not known, so none is removed
    for path in _files(folder):
        if path.suffix in (".png", ".safetensors") and path.name not in needed:
            path.unlink(missing_ok=True)


def _same(new: SnapshotRecord, old: SnapshotRecord) -> bool:
    """Return True if two snapshots differ at most in their times."""
    return new.model_copy(update={"saved": old.saved}) == old


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _saved_at(folder: Path) -> float:
    """When the newest of its snapshots was written; 0 if there is none."""
    times = []
    for path in folder.glob("[0-9]*.json"):
        try:
            times.append(path.stat().st_mtime)
        except OSError:  # it was replaced just now
            continue
    return max(times, default=0.0)
