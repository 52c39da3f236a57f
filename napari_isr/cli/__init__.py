"""Command-line interface."""

from napari_isr.cli.app import main

__all__ = ["main"]
