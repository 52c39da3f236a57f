"""Names of the exports in programs that version 0.1 copied from the dock."""

from __future__ import annotations

from napari_isr.io.export import write, write_labels

__all__ = ["write", "write_labels"]
