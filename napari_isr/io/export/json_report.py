"""The report: what was found and checked, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_isr.atomic_files import atomic_write

__all__ = ["write_report"]


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write :meth:`napari_isr.Result.to_dict`; the file is there whole or not at all.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
