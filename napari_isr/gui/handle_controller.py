"""Handles on the canvas: dragging fixes an option, and a double click releases it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from napari_isr.gui._napari_patches import MouseCallbackBlocker
from napari_isr.gui.fitting.shape_spec_text import (
    clear_fixed_options,
    join_spec,
    set_shape_of,
    shape_of,
    split_spec,
)
from napari_isr.gui.handle_models import Handle, HandleGeometry, LatticeHandle, Point, make_handle
from napari_isr.gui.layers.handle_layer import HandleLayer
from napari_isr.gui.models import DockSettings
from napari_isr.gui.scribbles.label_selector import ActiveObject

__all__ = ["HandleController"]

GRAB, STILL = 10.0, 2.5  # pixels on the screen: so near is on it, so little is no drag
RIGHT = 2
DRAG, FREE = "drag to hold it there", "double-click or right-click to let the fit find it again"


class HandleController:
    """The handles of one image: of the object that the brush is on.

    A press near a handle drags it, whichever layer is selected and whatever its tool: the layer
    does not hear of the press.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    settings : DockSettings
        What is dragged is held by an option of the object's shape.
    """

    def __init__(self, viewer: Any, image: Image, settings: DockSettings) -> None:
        self._viewer, self._settings = viewer, settings
        self._layer, self._mute = HandleLayer(viewer, image), MouseCallbackBlocker(viewer)
        self._active = ActiveObject()
        self._found: Mapping[int, HandleGeometry] = {}
        self._origins: dict[int, Point] = {}  # where the user put the arrows of a lattice
        self._handle: Handle | None = None
        self._fixed, self._hot, self._dragging = False, "", False
        self._active.changed.connect(self.refresh)
        settings.events.shape.connect(self.refresh)
        settings.events.own_shapes.connect(self.refresh)
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.mouse_move_callbacks.append(self._hover)
        viewer.mouse_double_click_callbacks.append(self._double)

    def show(self, found: Mapping[int, HandleGeometry], scribbles: Labels | None) -> None:
        """Show the handle of the object that the brush is on, where the fit put it."""
        self._found = found
        self._active.set_layer(scribbles)
        self.refresh()

    def refresh(self) -> None:
        """Bring the handle up to date; one that is being dragged stays with the mouse."""
        if self._dragging:
            return
        label = self._active.label
        found = self._found.get(label)
        shown = make_handle(found, shape_of(self._settings, label)) if found is not None else None
        if shown is None:
            self._handle, self._fixed = None, False
            self._warm("")
            self._layer.remove()
            return
        self._handle, self._fixed = shown
        if (
            isinstance(self._handle, LatticeHandle)
            and self._handle.movable
            and label in self._origins
        ):
            self._handle = replace(self._handle, origin=self._origins[label])
        self._draw()

    def remove(self) -> None:
        """There is nothing to show."""
        self.show({}, None)

    def close(self) -> None:
        """Release the viewer."""
        self._active.set_layer(None)
        self._active.changed.disconnect(self.refresh)
        self._settings.events.shape.disconnect(self.refresh)
        self._settings.events.own_shapes.disconnect(self.refresh)
        for callbacks, ours in (
            (self._viewer.mouse_drag_callbacks, self._press),
            (self._viewer.mouse_move_callbacks, self._hover),
            (self._viewer.mouse_double_click_callbacks, self._double),
        ):
            with suppress(ValueError):  # a viewer that is closed has emptied them
                callbacks.remove(ours)
        self._handle = None
        self._warm("")
        self._mute.end()
        self._layer.close()

    # ------------------------------------------------------------------------------- mouse

    def _press(self, _: Any, event: Any) -> Iterator[None]:
        """Drag a grip, from press to release."""
        self._mute.end()
        grip = self._under(event)
        if not grip or self._handle is None:
            return
        event.handled = True
        self._mute.begin()
        if event.button == RIGHT:
            self._release()
            return
        handle, began = self._handle, self._mouse(event)
        start = self._layer.to_screen([handle.control_points[grip]])[0]
        moved = False
        yield
        while event.type == "mouse_move":
            event.handled = True
            way = self._mouse(event) - began
            moved = moved or float(np.hypot(*way)) > STILL
            if moved:
                self._follow(grip, start + way)
            yield
        way = self._mouse(event) - began  # napari merges or drops moves that come fast
        if moved or float(np.hypot(*way)) > STILL:
            self._follow(grip, start + way)
            self._dragging = False
            self._drop(grip)

    def _follow(self, grip: str, where: npt.NDArray[np.float64]) -> None:
        """Draw a grip at a place of the screen."""
        if self._handle is None:
            return
        self._dragging = True
        row, column = self._layer.to_image([where])[0].tolist()
        self._handle = self._handle.with_control_point(grip, (row, column))
        self._fixed = self._fixed or self._handle.locks(grip)
        self._draw()

    def _drop(self, grip: str) -> None:
        """Hold fixed what was dragged: by the option of the object's shape."""
        handle, label = self._handle, self._active.label
        if handle is None:
            return
        if isinstance(handle, LatticeHandle):
            self._origins[label] = handle.origin
        if not handle.locks(grip):
            self.refresh()
            return
        name, options = split_spec(shape_of(self._settings, label))
        text = join_spec(name, {**options, handle.option: handle.to_option_text()})
        set_shape_of(self._settings, label, text, alone=len(self._found) == 1)

    def _double(self, _: Any, event: Any) -> None:
        if self._under(event):
            event.handled = True
            self._mute.begin()
            self._release()

    def _release(self) -> None:
        """Clear the fixed option of the handle, so that the fit determines it."""
        if self._fixed:
            clear_fixed_options(self._settings, self._active.label, alone=len(self._found) == 1)

    def _hover(self, _: Any, event: Any) -> None:
        self._warm(self._under(event))

    def _warm(self, grip: str) -> None:
        """Show that the mouse is on a grip, or has left it."""
        if grip == self._hot:
            return
        self._hot = grip
        active = self._viewer.layers.selection.active
        if grip:
            self._viewer.cursor.style = "pointing"
            self._viewer.help = FREE if self._fixed else DRAG
        else:
            self._viewer.cursor.style = active.cursor if active is not None else "standard"
            self._viewer.help = active.help if active is not None else ""
        if self._layer.visible:
            self._draw()

    # ------------------------------------------------------------------------------- where

    def _mouse(self, event: Any) -> Any:
        """Return the position of the mouse in the coordinates of :meth:`HandleLayer.to_screen`."""
        return np.asarray(event.position)[-2:] * float(self._viewer.scene.camera.zoom)

    def _under(self, event: Any) -> str:
        """Return the control point at the mouse, or an empty string."""
        flat = self._viewer.dims.ndisplay == 2
        if self._handle is None or not flat or not self._layer.visible:
            return ""
        grips = self._handle.control_points
        away = self._layer.to_screen(list(grips.values())) - self._mouse(event)
        distances = np.hypot(*away.T)
        nearest = int(distances.argmin())
        return list(grips)[nearest] if distances[nearest] <= GRAB else ""

    def _draw(self) -> None:
        if self._handle is not None:
            self._layer.show(self._handle, self._fixed, self._hot)
