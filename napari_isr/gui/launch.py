"""Launch of napari with a sample, its scribbles and the dock."""

from __future__ import annotations

from typing import Any

import napari

from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.sample_data import add_sample, sample_layers

__all__ = ["get_or_create_dock", "launch_demo", "open_sample"]

TITLE = "Scribble and refine"


def open_sample(viewer: Any, name: str = "fruit") -> ScribbleWidget:
    """Show a sample with its strokes and the dock in a viewer, the brush armed.

    Parameters
    ----------
    viewer : napari.Viewer
    name : str, optional
        Key of :data:`napari_isr.data.SAMPLES`.

    Returns
    -------
    ScribbleAndRefine
    """
    _, layer = add_sample(viewer, sample_layers(name))
    dock = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    dock.scribble_layer = layer
    dock.brush.select_label(2)
    return dock


def get_or_create_dock(viewer: Any) -> ScribbleWidget:
    """Return the dock of a viewer, a new one if it has none."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, ScribbleWidget):
            return widget
    dock = ScribbleWidget(viewer)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    return dock


def launch_demo(sample: str = "fruit", run: bool = True) -> ScribbleWidget:
    """Open napari on a sample and fit it at once; returns when the window is closed.

    Parameters
    ----------
    sample : str, optional
        Key of :data:`napari_isr.data.SAMPLES`.
    run : bool, optional
        Start napari's event loop. Without it, the window opens when the caller starts it.

    Returns
    -------
    ScribbleAndRefine
        The dock.
    """
    dock = open_sample(napari.Viewer(title=f"napari-isr: {sample}"), sample)
    dock.run()
    if run:
        napari.run()
    return dock
