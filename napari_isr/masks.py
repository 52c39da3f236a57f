"""Name in version 0.1 of the module that gives shapes to label images."""

from __future__ import annotations

from napari_isr.label_projection import project_labels

__all__ = ["project_labels"]
