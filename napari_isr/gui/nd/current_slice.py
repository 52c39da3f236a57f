"""Displayed slice of a stack, and its changes; no Qt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from psygnal import Signal

from napari_isr.gui.layers.utils import image_shape

if TYPE_CHECKING:
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.update import Update

__all__ = [
    "CurrentSlice",
    "Plane",
    "ViewedSlice",
    "current_slice",
    "follow_viewed_slice",
    "is_stack",
    "set_slice_to_point",
]

Plane = tuple[float | None, ...]  # where it lies along each axis, None for the two that it extends


def is_stack(image: Image | None) -> bool:
    """Whether an image has more axes than rows and columns."""
    return image is not None and len(image_shape(image)) > 2


def current_slice(viewer: Any, image: Image) -> Plane | None:
    """Return the slice of an image that the viewer displays.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image

    Returns
    -------
    tuple or None
        In pixels of the image, fractions between its slices; None where the viewer shows it in
        three dimensions.
    """
    shape = image_shape(image)
    dims, ndim = viewer.dims, len(shape)
    if ndim == 2:
        return (None, None)
    shown = {axis - (dims.ndim - ndim) for axis in dims.displayed}
    if len([axis for axis in shown if axis >= 0]) != 2:
        return None
    world = np.zeros(max(dims.ndim, ndim))
    world[-dims.ndim :] = dims.point
    place = np.asarray(image.world_to_data(world))[-ndim:]
    where = np.clip(np.round(place, 3), -0.5, np.array(shape) - 0.5).tolist()
    return tuple(None if axis in shown else where[axis] for axis in range(ndim))


def set_slice_to_point(viewer: Any, image: Image, point: Any) -> None:
    """Move the sliders to the slice of a pixel of an image."""
    world = np.zeros(max(viewer.dims.ndim, image.ndim))
    world[-image.ndim :] = image.data_to_world(point)
    hidden = list(viewer.dims.not_displayed)
    if hidden:
        viewer.dims.set_point(hidden, world[hidden].tolist())


class CurrentSlice:
    """Tells when the viewer shows another plane of an image.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image

    Attributes
    ----------
    viewed_slice : ViewedSlice
        Always up to date; of a volume that is shown in three dimensions the last plane.
    """

    changed = Signal(object)  # the plane

    def __init__(self, viewer: Any, image: Image) -> None:
        self._viewer, self._image = viewer, image
        first = (*(n // 2 for n in image_shape(image)[:-2]), None, None)
        self.viewed_slice = ViewedSlice(current_slice(viewer, image) or first)
        events = viewer.dims.events
        self._events = (events.point, events.order, events.ndisplay, events.ndim)
        for event in self._events:
            event.connect(self._look)

    @property
    def step(self) -> tuple[float, ...]:
        """Step of each slider in pixels of the image."""
        dims, ndim = self._viewer.dims, len(image_shape(self._image))
        if dims.ndim < ndim:  # the image is being taken away
            return (1.0,) * ndim
        steps = np.array([one.step for one in dims.range][-ndim:])
        scale = np.abs(np.asarray(self._image.scale[-ndim:]))
        found: list[float] = np.round(steps / np.where(scale > 0, scale, 1), 3).tolist()
        return tuple(one or 1.0 for one in found)

    @property
    def plane(self) -> Plane:
        """The plane that is shown."""
        assert self.viewed_slice.plane is not None
        return self.viewed_slice.plane

    def close(self) -> None:
        """Release the viewer."""
        for event in self._events:
            event.disconnect(self._look)

    def _look(self, _: Any = None) -> None:
        plane = current_slice(self._viewer, self._image)
        if plane is not None and plane != self.viewed_slice.plane:
            self.viewed_slice.plane = plane
            self.changed.emit(plane)


class ViewedSlice:
    """The plane that is shown, for a thread that wants to compute that first.

    Parameters
    ----------
    plane : tuple, optional
        The plane now; the GUI thread sets another one as soon as it is shown.
    """

    def __init__(self, plane: Plane | None = None) -> None:
        self.plane = plane


def follow_viewed_slice(
    updates: Iterator[Update], segmenter: Segmenter, viewed_slice: ViewedSlice | None
) -> Iterator[tuple[Update, Plane | None]]:
    """Yield the updates of a run with contours of the viewed slice.

    Parameters
    ----------
    updates : iterator of Update
        Of a run that has not begun.
    segmenter : Segmenter
        Which runs.
    viewed_slice : ViewedSlice or None
        None: the image is no stack.

    Yields
    ------
    (Update, tuple or None)
        The update, and the plane that its outlines lie in.
    """
    plane = None
    while True:
        if (
            viewed_slice is not None
            and viewed_slice.plane is not None
            and viewed_slice.plane != plane
        ):
            plane = viewed_slice.plane
            segmenter.set_view_plane(plane)
        update = next(updates, None)
        if update is None:
            return
        yield update, plane
