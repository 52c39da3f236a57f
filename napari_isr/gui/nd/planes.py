"""Which plane of a stack is looked at, for the thread that computes; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.update import Update

__all__ = ["Plane", "ViewedSlice", "follow_viewed_slice"]

Plane = tuple[float | None, ...]  # where it lies along each axis, None for the two that it extends


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
    """Updates of a run, with outlines in the plane that is looked at just then.

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
