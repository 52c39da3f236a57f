"""Atomic writing of files and folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_isr.errors import InputError

__all__ = [
    "ZIP_EPOCH",
    "atomic_directory",
    "atomic_write",
    "check_directory_writable",
    "check_file_writable",
]

# Time of all members of zip files, so that equal content gives equal files.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
ZARR = (".zgroup", ".zarray", "zarr.json")  # files by which a folder of ours is known


def check_file_writable(path: Path) -> None:
    """Raise an InputError unless a file can be written there; nothing is written yet.

    Parameters
    ----------
    path : Path
        The file to be.

    Raises
    ------
    InputError
        If its folder does not exist or cannot be written to, or a folder has its name.
    """
    if path.is_dir():
        raise InputError(f"'{path}' is a folder: name a file in it")
    _check_place(path)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it when the block ends well.

    Parameters
    ----------
    path : Path
        Where the file ends up; a file that was there before is replaced in one step.

    Yields
    ------
    Path
        Where to write, with the same ending.

    Raises
    ------
    InputError
        If the place cannot be written to or the disk is full.
    """
    check_file_writable(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(
            suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp keeps others out; the finished file gets the rights that any new file would.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"'{path}' could not be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_directory_writable(path: Path) -> None:
    """Raise an InputError unless a folder in the form of zarr can be written there.

    An older one is replaced; any other folder with files in it is not.

    Raises
    ------
    InputError
        If the place cannot be written to, or something else is there.
    """
    if path.is_dir():
        known = any((path / name).is_file() for name in ZARR) or not any(path.iterdir())
        if path.is_symlink() or not known:
            raise InputError(f"'{path}' is a folder with other files: choose another name")
    elif path.exists():
        raise InputError(f"'{path}' is a file: choose another name")
    _check_place(path)


def _check_place(path: Path) -> None:
    """Raise an InputError unless its folder, and a file that is there already, can be written."""
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"the output folder '{folder}' does not exist: make it first")
    is_file = path.exists() and not path.is_dir()
    if not os.access(folder, os.W_OK) or (is_file and not os.access(path, os.W_OK)):
        raise InputError(f"'{path}' cannot be written: choose a place where you may write")


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``, and rename it when the block ends well.

    Parameters
    ----------
    path : Path
        Where it ends up; see :func:`check_directory_writable`.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    InputError
        If the place cannot be written to or the disk is full.
    """
    check_directory_writable(path)
    temporary = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        made = temporary / "new"
        made.mkdir()
        yield made
        if path.exists():
            path.rename(temporary / "old")
        made.rename(path)
    except OSError as error:
        raise InputError(f"'{path}' could not be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
