"""Projection of all labels of a label image onto a shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from napari_isr.api import iter_project
from napari_isr.errors import InputError
from napari_isr.results.result import ObjectResult
from napari_isr.scribbles import FIRST_OBJECT

__all__ = ["ProjectedLabels", "as_mask_or_probability", "project_labels"]

Window = tuple[slice, ...]
Part = tuple[int, Window, Callable[[], npt.NDArray[Any]]]
MARGIN = 8  # pixels around an object, at least
MANY = 2_000  # objects


@dataclass(frozen=True)
class ProjectedLabels:
    """A label image whose objects have a shape.

    Parameters
    ----------
    labels : (n1, ..., nd) integer array
        The new masks with the labels of before; where they overlap, the higher label is on top.
    shape : str
        What every object has.
    objects : dict of int to dict
        By label: ``certificate``, ``parameters``, ``iou_before`` and the ``window`` (start, stop)
        of each axis that the object was fitted in; places are in pixels of this window.
    overlap : int
        Pixels that belong to several objects.
    """

    labels: npt.NDArray[np.integer[Any]]
    shape: str
    objects: dict[int, dict[str, Any]]
    overlap: int = 0

    @property
    def failed(self) -> list[int]:
        """Labels whose certificate does not hold."""
        return [k for k, told in self.objects.items() if not told["certificate"]["holds"]]

    @property
    def message(self) -> str:
        """Outcome in one sentence."""
        count, failed = len(self.objects), self.failed
        what = "1 object" if count == 1 else f"{count} objects"
        if failed:
            which = ", ".join(map(str, failed[:5])) + (", …" if len(failed) > 5 else "")
            proof = f"but the check fails for label {which}"
        else:
            proof = "by construction and as checked"
        worst = min(told["iou_before"] for told in self.objects.values())
        least = "" if count == 1 else " or more"
        kept = f"IoU with the mask before {worst:.2f}{least}"
        over = f"; where they overlap ({self.overlap} px) the higher label is on top"
        return f"{what}: {self.shape}, {proof}; {kept}{over if self.overlap else ''}"


def project_labels(
    labels: npt.ArrayLike, shape: str = "convex", *, spacing: Sequence[float] = ()
) -> Iterator[tuple[int, int] | ProjectedLabels]:
    """Find the shape nearest to every label, in steps between which it can be stopped.

    Parameters
    ----------
    labels : (n1, ..., nd) array
        Whole numbers, 0 is no object; or the mask (bool) or probabilities (float) of one object,
        which gets label 2.
    shape : str, optional
        For example ``"convex"``.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis. Default: 1 each.

    Yields
    ------
    (done, all) or Reshaped
        After each step how many objects are done, at last the result.

    Raises
    ------
    InputError
        If there is no object, or an argument does not fit.
    """
    array = np.asarray(labels)
    parts = _parts(array, shape)
    out, objects, overlap = _empty(array), {}, 0
    for done, (label, window, unaries) in enumerate(parts):
        yield done, len(parts)
        item: Any = None
        for result in iter_project(unaries(), shape, spacing=spacing):
            if result is None:
                yield done, len(parts)
            else:
                item = result.objects[FIRST_OBJECT]
        overlap += int(np.count_nonzero(out[window][item.mask]))
        out[window][item.mask] = label
        objects[label] = _told(item, window)
    yield ProjectedLabels(out, shape, objects, overlap)


def as_mask_or_probability(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Take an image for probabilities or a mask.

    Parameters
    ----------
    values : array
        Floats in [0, 1], or two different whole numbers, of which the larger is the object.
    name : str
        Of the image, for the sentence.

    Raises
    ------
    InputError
        If it is neither.
    """
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if array.dtype.kind == "f" and 0 <= low <= high <= 1:
        return array
    if array.dtype.kind in "ui" and low < high and bool(((array == low) | (array == high)).all()):
        return np.asarray(array == high)
    raise InputError(
        f"'{name}' is neither a mask nor probabilities from 0 to 1: to segment a picture, draw "
        "strokes on it in the dock 'Scribble and refine'"
    )


def _parts(array: npt.NDArray[Any], shape: str) -> list[Part]:
    """Return the label, window and pixels of every object."""
    whole = tuple(slice(0, n) for n in array.shape)
    if array.dtype.kind == "f":
        return [(FIRST_OBJECT, whole, lambda: array)]
    if array.dtype.kind not in "bui":
        raise InputError(f"labels are whole numbers, not {array.dtype}")
    if array.dtype.kind == "b":
        array = FIRST_OBJECT * array.astype(np.uint8)
    found = [int(label) for label in np.unique(array) if label > 0]
    if not found:
        raise InputError("there is no object: the mask is empty")
    if len(found) > MANY:
        raise InputError(f"there are {len(found)} labels: this is for at most {MANY} objects")
    # What repeats does so in the whole image.
    everywhere = shape.startswith("periodic")
    windows = [whole] * len(found) if everywhere else _around(array, found)
    return [
        (label, window, partial(np.equal, array[window], label))
        for label, window in zip(found, windows, strict=True)
    ]


def _around(array: npt.NDArray[Any], found: list[int]) -> list[Window]:
    """Boxes with a margin around the objects, so that many small ones are quick."""
    # Numbered anew, for labels may be large numbers far apart.
    ranks = np.searchsorted(found, array.clip(0)) + 1
    ranks[array <= 0] = 0
    windows = []
    for box in find_objects(ranks):
        margin = max(MARGIN, max(side.stop - side.start for side in box) // 2)
        sides = zip(box, array.shape, strict=True)
        windows.append(
            tuple(slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in sides)
        )
    return windows


def _empty(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.zeros(array.shape, array.dtype if array.dtype.kind in "ui" else np.uint8)


def _told(item: ObjectResult, window: Window) -> dict[str, Any]:
    return {
        "certificate": item.certificate.to_dict(),
        "parameters": item.parameters,
        "iou_before": float(item.iou_predictor),
        "window": [[side.start, side.stop] for side in window],
    }
