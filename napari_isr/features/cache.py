"""Cache of feature maps, keyed by a hash of their inputs."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError

__all__ = ["Arrays", "FeatureCache", "content_hash_key", "default_folder"]

Arrays = Mapping[str, npt.NDArray[np.generic]]
MEMORY = 256 * 2**20  # bytes
DISK = 2**30  # bytes


class FeatureCache:
    """Arrays by a key of what they were computed from; the least recently used go first.

    Parameters
    ----------
    folder : path, optional
        Where arrays are kept between sessions, as ``.npz`` files without pickles. Default: in
        memory only. :func:`default_folder` is the user's own place for such files.
    memory, disk : int, optional
        Most bytes kept in memory and in the folder.
    """

    def __init__(
        self, folder: Path | str | None = None, memory: int = MEMORY, disk: int = DISK
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.memory, self.disk = memory, disk
        self._kept: OrderedDict[str, Arrays] = OrderedDict()
        # The dock computes in one thread and asks for progress from another.
        self._lock = threading.Lock()

    def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Arrays],
        fits: Callable[[Arrays], bool] = lambda arrays: True,
    ) -> Arrays:
        """Return what is kept under a key, or compute and keep it.

        Parameters
        ----------
        key : str
            As :func:`content_hash_key` makes it.
        compute : callable
            Makes the arrays, by their names.
        fits : callable, optional
            Whether arrays that a file holds are of the right names and shapes; a file of others
            is written anew.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        arrays = self._read(key)
        if arrays is None or not fits(arrays):
            arrays = compute()
            self._write(key, arrays)
        with self._lock:
            self._kept[key] = arrays
            while len(self._kept) > 1 and self.nbytes > self.memory:
                self._kept.popitem(last=False)
        return arrays

    @property
    def nbytes(self) -> int:
        """Bytes kept in memory."""
        return sum(a.nbytes for arrays in self._kept.values() for a in arrays.values())

    def clear(self) -> None:
        """Forget everything, in memory and in the folder."""
        with self._lock:
            self._kept.clear()
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        """Return the files of the folder, the least recently used first."""
        if self.folder is None or not self.folder.is_dir():
            return []
        found = [(path.stat().st_mtime_ns, path) for path in self.folder.glob("*.npz")]
        return [path for _, path in sorted(found)]

    def _read(self, key: str) -> Arrays | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}.npz"
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            path.touch()  # used now: others go first
        except FileNotFoundError:
            return None
        # A file that is cut short or not ours is as good as none: it is computed and written anew.
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None
        return arrays

    def _write(self, key: str, arrays: Arrays) -> None:
        if self.folder is None:
            return
        # A full disk or a folder without rights costs the next session time, not this one its work.
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.folder / f"{key}.npz") as path, path.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            self._make_room()
        except (OSError, InputError):
            return

    def _make_room(self) -> None:
        files = self._files()
        total = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if total <= self.disk:
                return
            total -= path.stat().st_size
            path.unlink(missing_ok=True)


def content_hash_key(name: str, *parts: object) -> str:
    """Hash the values that a result is computed from.

    Parameters
    ----------
    name : str
        Of the block; begins the key.
    *parts : array, str, number or tuple of them
        Contents, versions and parameters; arrays count with their values, shape and dtype.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"{part!r};".encode())
    return f"{name}-{digest.hexdigest()[:40]}"


def default_folder() -> Path:
    """Return the user's cache folder. The folder is not created."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("napari-isr", appauthor=False)) / "features"
