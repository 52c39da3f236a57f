"""Strokes (scribbles): the labelled pixels of a label image."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError

__all__ = ["BACKGROUND", "FIRST_OBJECT", "Strokes"]

BACKGROUND, FIRST_OBJECT = 1, 2
SAMPLE = 600  # stroke pixels of each class that are looked at
STRIP = 2**20  # pixels that are looked through at once


@dataclass(frozen=True)
class Strokes:
    """Pixels that the user labelled.

    Parameters
    ----------
    shape : tuple of int
        Size of the label image.
    points : (n, d) array of int
        Pixel coordinates (row, column), depth or time first where there is one.
    labels : (n,) array of int
        1 background, 2, 3, ... objects.
    """

    shape: tuple[int, ...]
    points: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    @classmethod
    def read(cls, scribbles: Any) -> Strokes:
        """Collect the labelled pixels of a label image.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array
            0 unlabelled, 1 background, 2, 3, ... objects.

        Raises
        ------
        InputError
            If the array does not hold whole numbers from 0.
        """
        array = np.asarray(scribbles)
        if array.dtype.kind not in "ui":
            raise InputError(
                f"the strokes hold {array.dtype} values: whole numbers are needed, 0 unlabelled, "
                "1 background, 2 and up objects"
            )
        points, labels = _labelled(array)
        if labels.size and labels.min() < 0:
            raise InputError(
                f"the strokes hold the label {labels.min()}: labels are 0 unlabelled, "
                "1 background, 2 and up objects"
            )
        return cls(tuple(array.shape), points, labels)

    @cached_property
    def objects(self) -> tuple[int, ...]:
        """Labels of the objects that have strokes, rising."""
        return tuple(int(k) for k in np.unique(self.labels) if k >= FIRST_OBJECT)

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Strokes:
        """No strokes on an image of this size."""
        return cls(shape, np.zeros((0, len(shape)), np.int64), np.zeros(0, np.int64))

    def check(
        self, shape: tuple[int, ...], given: Collection[int] = (), *, complete: bool = True
    ) -> None:
        """Raise an InputError unless the strokes fit an image of this size and can be used.

        Objects that are ``given`` need no strokes, neither of their own nor of the background;
        unless ``complete``, nothing does.
        """
        if self.shape != shape:
            raise InputError(
                f"the strokes have the size {self.shape}, but the image has {shape}: "
                "draw them on this image"
            )
        if not complete or (given and all(label in given for label in self.objects)):
            return
        has_background = bool((self.labels == BACKGROUND).any())
        if not has_background and not self.objects:
            raise InputError("there are no strokes: draw label 1 on background, 2 on the object")
        if not has_background:
            raise InputError("there is no background stroke: draw one with label 1")
        if not self.objects:
            raise InputError(
                "there is no object stroke: draw one with label 2 (3, 4, ... for more)"
            )

    def only(self, labels: Container[int]) -> Strokes:
        """The strokes of some labels."""
        use = np.isin(self.labels, [k for k in (BACKGROUND, *self.objects) if k in labels])
        return Strokes(self.shape, self.points[use], self.labels[use])

    def without(self, labels: Container[int]) -> Strokes:
        """The strokes of all other labels."""
        return self.only([k for k in (BACKGROUND, *self.objects) if k not in labels])

    def of(self, label: int) -> npt.NDArray[np.int64]:
        """Pixel coordinates (n, d) of one label."""
        points: npt.NDArray[np.int64] = self.points[self.labels == label]
        return points

    def points_on(self, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Pixel coordinates (n, d) of all labels on another raster of the same area."""
        if shape == self.shape:
            return self.points
        sizes = zip(self.points.T, shape, self.shape, strict=True)
        return np.stack([(2 * x + 1) * n // (2 * size) for x, n, size in sizes], axis=1)

    def sample(
        self, seed: int, count: int = SAMPLE
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """At most ``count`` pixels of each label: points (n, d) and labels (n,)."""
        rng = np.random.default_rng(seed)
        chosen = []
        for label in (BACKGROUND, *self.objects):
            index = np.flatnonzero(self.labels == label)
            chosen.append(rng.choice(index, count, replace=False) if len(index) > count else index)
        every = np.concatenate(chosen)
        return self.points[every], self.labels[every]


def _labelled(
    array: npt.NDArray[np.integer],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Coordinates (n, d) and labels (n,) of the pixels that are not 0.

    Most of a large picture holds no stroke, which its maximum tells ten times as fast as a search
    does. What is searched is a copy: somebody may be drawing.
    """
    points, labels = [np.zeros((0, array.ndim), np.int64)], [np.zeros(0, np.int64)]
    rows = max(1, STRIP // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        strip = array[start : start + rows]
        if strip.size == 0 or not (strip.max() if array.dtype.kind == "u" else strip.any()):
            continue
        strip = strip.copy()
        where = np.nonzero(strip)
        labels.append(strip[where].astype(np.int64))
        points.append(np.stack(where, axis=1))
        points[-1][:, 0] += start
    return np.concatenate(points), np.concatenate(labels)
