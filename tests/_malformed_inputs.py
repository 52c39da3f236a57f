"""Damage for files of sessions, and a watch over what is written meanwhile."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_isr.io.session.session import FORMAT
from napari_isr.io.session.snapshot_io import MAIN

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "subprocess.Popen")
VALUES: tuple[Any, ...] = (
    None, -1, 0, 3, 10**12, 1e308, "", "x" * 3000, "../../x", [], {}, True, [[]], "NaN",
)  # fmt: skip
_watching: list[list[str]] = []


def parts_of(path):
    """Content of the parts by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(path, parts):
    """A zip file of these parts."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def sealed(content):
    """The JSON part with a hash that fits it."""
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"format": "{FORMAT}", "sha256": "{digest}", "content": {text}}}'.encode()


def attack(path, rng) -> bytes:
    """A damaged copy: bytes of the file or of a part, or values of the JSON that is sealed anew."""
    kind = int(rng.integers(4))
    if kind == 0:
        return _damaged(path.read_bytes(), rng)
    parts = parts_of(path)
    names = list(parts)
    if kind == 1:
        name = names[int(rng.integers(len(names)))]
        parts[name] = _damaged(parts[name], rng)
    else:
        content = json.loads(parts[MAIN])["content"]
        for _ in range(int(rng.integers(1, 4))):
            _change(content, rng)
        parts[MAIN] = sealed(content)
    file = io.BytesIO()
    repacked(file, parts)
    return file.getvalue()


def _damaged(content, rng):
    data = bytearray(content)
    kind = int(rng.integers(5))
    at = int(rng.integers(len(data)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for place in rng.integers(len(data), size=int(rng.integers(1, 30))):
            data[place] = int(rng.integers(256))
    elif kind == 2:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 3:
        data[at : at + int(rng.integers(1, 200))] = rng.bytes(int(rng.integers(200)))
    else:
        other = int(rng.integers(len(data)))
        data[at:at] = data[other : other + 300]
    return bytes(data)


def _change(node, rng):
    """Change, remove or double one value somewhere in the JSON."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = keys[int(rng.integers(len(keys)))]
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
            node = node[key]
            continue
        if rng.random() < 0.15:
            del node[key]
        else:
            node[key] = VALUES[int(rng.integers(len(VALUES)))]
        return


@contextmanager
def writes_watched() -> Iterator[list[str]]:
    """Give a list of what is written, renamed, removed or run while the block is running."""
    written: list[str] = []
    _watching.append(written)
    try:
        yield written
    finally:
        _watching.remove(written)


def _hook(event: str, arguments: Any) -> None:
    if _watching and (
        event in EVENTS
        or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
    ):
        _watching[-1].append(f"{event} {arguments[0]}")


sys.addaudithook(_hook)  # for good: there is no way to take one back
