"""The zip file of a session: a few parts with names that say what is in them.

Nothing is ever unpacked to the disk, and no part is read beyond the size that it says it has.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError
from napari_isr.io.session.content_hash import DIGEST

__all__ = ["MAIN", "open_reader", "open_writer"]

MAIN = "session.json"
PART = re.compile(rf"{DIGEST}\.(png|safetensors)")
MOST_PARTS = 100_000
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same work is the same file
RIGHTS = 0o644 << 16
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1

Read = Callable[[str], bytes]
Write = Callable[[str, Callable[[], bytes]], None]


@contextmanager
def open_writer(path: Path) -> Iterator[Write]:
    """Give a function that adds parts, each once; the file is there whole or not at all."""
    with (
        atomic_write(path) as beside,
        beside.open("wb") as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        known: set[str] = set()

        def write(name: str, make: Callable[[], bytes]) -> None:
            if name in known:
                return
            known.add(name)
            part = zipfile.ZipInfo(name, ZIP_EPOCH)
            part.external_attr = RIGHTS
            part.compress_type = KINDS[not name.endswith(".png")]  # which is packed already
            archive.writestr(part, make(), compresslevel=6)

        yield write


@contextmanager
def open_reader(path: Path, most_bytes: int) -> Iterator[Read]:
    """Give a function that reads parts by name.

    Parameters
    ----------
    path : BoxTrack
    most_bytes : int
        That all parts together may have.

    Raises
    ------
    InputError
        If this is no file of a session, or it holds something else than a session's parts.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = _checked(archive, path, most_bytes)

            def read(name: str) -> bytes:
                if name not in parts:
                    raise InputError(f"'{path}' is broken: its part '{name}' is missing")
                return _read(archive, parts[name], path)

            yield read
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, IndexError):
        raise InputError(f"'{path}' is no session of napari-isr, or it is damaged") from None


def _checked(archive: zipfile.ZipFile, path: Path, most_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The parts by name, if all of them are such as a session has."""
    found: dict[str, zipfile.ZipInfo] = {}
    total = 0
    listed = archive.infolist()
    if len(listed) > MOST_PARTS:
        raise InputError(f"'{path}' is no session of napari-isr: it has {len(listed)} parts")
    for part in listed:
        name = part.orig_filename
        if name != MAIN and not PART.fullmatch(name):
            raise InputError(
                f"'{path}' is no session of napari-isr: it holds the part {name[:80]!r}, "
                "which no session has"
            )
        if name in found:
            raise InputError(f"'{path}' is broken: it holds the part '{name}' twice")
        if part.flag_bits & ENCRYPTED or part.compress_type not in KINDS:
            raise InputError(f"'{path}' is broken: its part '{name}' is not packed as it was saved")
        found[name] = part
        total += part.file_size
    if total > most_bytes:
        raise InputError(
            f"'{path}' would need {total / 2**30:.1f} GB of memory, more than "
            f"{most_bytes / 2**30:.1f} GB: if you trust it, raise most_bytes"
        )
    if MAIN not in found:
        raise InputError(f"'{path}' is no session of napari-isr: its part '{MAIN}' is missing")
    return found


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> bytes:
    try:
        with archive.open(part) as file:
            content = file.read(part.file_size + 1)
    except Exception:  # damage makes zipfile and zlib raise almost anything
        raise InputError(
            f"'{path}' is damaged: its part '{part.filename}' cannot be read"
        ) from None
    if len(content) != part.file_size:
        raise InputError(f"'{path}' is damaged: its part '{part.filename}' has another size")
    return content
