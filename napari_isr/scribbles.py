"""Scribbles: the labeled pixels of a label image."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.lazy_arrays import is_lazy, iter_chunks

__all__ = ["BACKGROUND", "FIRST_OBJECT", "Scribbles"]

BACKGROUND, FIRST_OBJECT = 1, 2
SAMPLE = 600  # stroke pixels of each class that are looked at
STRIP = 2**20  # pixels that are looked through at once
MANY = 2**16  # labels: so high ones are not counted one by one
ALONG, ACROSS = 512, 9  # pixels that a line is thinned out to, along and across


@dataclass(frozen=True)
class Scribbles:
    """Pixels that the user labelled.

    Parameters
    ----------
    shape : tuple of int
        Size of the label image.
    points : (n, d) array of int
        Pixel coordinates (row, column), depth or time first where there is one.
    labels : (n,) array of int
        1 background, 2, 3, ... objects.
    each : float, optional
        Pixels that each of the points stands for, where wide strokes are thinned out.
    """

    shape: tuple[int, ...]
    points: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    each: float = 1.0

    @classmethod
    def from_label_image(cls, scribbles: Any) -> Scribbles:
        """Collect the labelled pixels of a label image.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array
            0 unlabelled, 1 background, 2, 3, ... objects. A dask or zarr array is read block by
            block.

        Raises
        ------
        InputError
            If the array does not hold whole numbers from 0.
        """
        array = scribbles if is_lazy(scribbles) else np.asarray(scribbles)
        if array.dtype.kind not in "ui":
            raise InputError(
                f"the strokes hold {array.dtype} values: whole numbers are needed, 0 unlabelled, "
                "1 background, 2 and up objects"
            )
        points, labels = _labeled(array)
        if labels.size and labels.min() < 0:
            raise InputError(
                f"the strokes hold the label {labels.min()}: labels are 0 unlabelled, "
                "1 background, 2 and up objects"
            )
        return cls(tuple(array.shape), points, labels)

    read = from_label_image  # Name in version 0.1.0.

    @classmethod
    def from_lines(
        cls, shape: tuple[int, ...], lines: Mapping[int, Sequence[Any]], width: float = 1
    ) -> Scribbles:
        """Strokes as lines: of a very large image much less to read than a label image.

        Parameters
        ----------
        shape : tuple of int
            Size of the image.
        lines : mapping of int to sequence of (n, d) arrays
            By label, 1 background, 2, 3, ... objects: corners of lines in pixel coordinates (row,
            column). A single corner is a dot.
        width : float, optional
            Of the lines in pixels. Wide or long ones are thinned out to some thousand pixels;
            ``each`` is the number of pixels that each of them represents.

        Raises
        ------
        InputError
            If a label is below 1, a line is no (n, d) array, or leaves the image.

        Examples
        --------
        >>> strokes = Strokes.from_lines((100, 100), {1: [[(5, 5), (5, 9)]], 2: [[(50, 50)]]})
        >>> strokes.of(1).tolist()
        [[5, 5], [5, 6], [5, 7], [5, 8], [5, 9]]
        """
        parts = []
        for label, drawn in lines.items():
            if label < BACKGROUND:
                raise InputError(
                    f"a line has the label {label}: labels are 1 background, 2 and up objects"
                )
            for line in drawn:
                points, area = _drawn(np.asarray(line, np.float64), shape, width)
                each = max(1.0, area / len(points))
                parts.append(cls(shape, points, np.full(len(points), label, np.int64), each))
        return cls.concatenate(shape, parts)

    @classmethod
    def concatenate(cls, shape: tuple[int, ...], parts: Sequence[Scribbles]) -> Scribbles:
        """Strokes of the same image together; of pixels with several labels the last one counts."""
        if not parts:
            return cls.empty(shape)
        points = np.concatenate([part.points for part in parts])[::-1]
        labels = np.concatenate([part.labels for part in parts])[::-1]
        _, first = np.unique(np.ravel_multi_index(tuple(points.T), shape), return_index=True)
        pixels = sum(part.each * len(part.labels) for part in parts)
        return cls(tuple(shape), points[first], labels[first], pixels / len(labels))

    @cached_property
    def objects(self) -> tuple[int, ...]:
        """Labels of the objects that have strokes, rising."""
        if self.labels.size and self.labels.max() < MANY:  # to count is much quicker than to sort
            found = np.flatnonzero(np.bincount(self.labels))
        else:
            found = np.unique(self.labels)
        return tuple(int(k) for k in found if k >= FIRST_OBJECT)

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Scribbles:
        """Return scribbles without pixels for an image of this size."""
        return cls(shape, np.zeros((0, len(shape)), np.int64), np.zeros(0, np.int64))

    none = empty  # Name in version 0.1.0.

    def validate(
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

    def select(self, labels: Container[int]) -> Scribbles:
        """Return the scribbles of some labels."""
        use = np.isin(self.labels, [k for k in (BACKGROUND, *self.objects) if k in labels])
        return Scribbles(self.shape, self.points[use], self.labels[use], self.each)

    def exclude(self, labels: Container[int]) -> Scribbles:
        """Return the scribbles of all other labels."""
        return self.select([k for k in (BACKGROUND, *self.objects) if k not in labels])

    def pixels_of(self, label: int) -> npt.NDArray[np.int64]:
        """Return the pixel coordinates (n, d) of one label."""
        points: npt.NDArray[np.int64] = self.points[self.labels == label]
        return points

    def resample_to(self, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Return pixel coordinates (n, d) of all labels on another raster of the same area."""
        if shape == self.shape:
            return self.points
        sizes = zip(self.points.T, shape, self.shape, strict=True)
        return np.stack([(2 * x + 1) * n // (2 * size) for x, n, size in sizes], axis=1)

    def sample(
        self, seed: int, count: int = SAMPLE
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return at most ``count`` pixels of each label: points (n, d) and labels (n,)."""
        rng = np.random.default_rng(seed)
        chosen = []
        for label in (BACKGROUND, *self.objects):
            index = np.flatnonzero(self.labels == label)
            chosen.append(rng.choice(index, count, replace=False) if len(index) > count else index)
        every = np.concatenate(chosen)
        return self.points[every], self.labels[every]


def _labeled(
    array: Any,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return coordinates (n, d) and labels (n,) of the non-zero pixels.

    Most of a large picture holds no stroke, which its maximum tells ten times as fast as a search
    does. What is searched is a copy: somebody may be drawing.
    """
    points, labels = [np.zeros((0, array.ndim), np.int64)], [np.zeros(0, np.int64)]
    for window in iter_chunks(array, STRIP * array.dtype.itemsize):
        strip = np.asarray(array[window])
        if strip.size == 0 or not (strip.max() if array.dtype.kind == "u" else strip.any()):
            continue
        flat = strip.copy().reshape(-1)
        index = np.flatnonzero(flat != 0)
        labels.append(flat[index].astype(np.int64))
        points.append(_places(index, strip.shape, [side.start for side in window]))
    return np.concatenate(points), np.concatenate(labels)


def _places(
    index: npt.NDArray[np.int64], shape: tuple[int, ...], first: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Return coordinates (n, d) of flat indices, twice as fast as ``numpy.nonzero``."""
    places = np.empty((len(index), len(shape)), np.int64)
    for axis in range(len(shape) - 1, -1, -1):
        rest = index // shape[axis] if axis else np.zeros_like(index)
        places[:, axis] = index - rest * shape[axis] + first[axis]
        index = rest
    return places


def _drawn(
    line: npt.NDArray[np.float64], shape: tuple[int, ...], width: float
) -> tuple[npt.NDArray[np.int64], float]:
    """Return pixels (m, d) of a line, or a subset of them, and their number."""
    if line.ndim != 2 or line.shape[1] != len(shape) or not len(line):
        raise InputError(
            f"a line must be an (n, {len(shape)}) array of pixel coordinates, not one of size "
            f"{line.shape}"
        )
    last = np.array(shape) - 1
    if not ((line > -1) & (line < last + 1)).all():
        raise InputError(f"a line leaves the image, whose size is {shape}: draw it inside")
    far = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, far[-1], min(ALONG, int(np.ceil(far[-1])) + 1))
    middle = np.stack([np.interp(places, far, x) for x in line.T], axis=1)
    half = (width - 1) / 2
    aside = np.linspace(-half, half, min(ACROSS, max(1, round(width))))
    # A brush that is a ball: the same width whatever the direction.
    ball = np.stack(np.meshgrid(*[aside] * len(shape), indexing="ij"), axis=-1)
    ball = ball.reshape(-1, len(shape))
    ball = ball[np.linalg.norm(ball, axis=1) <= half + 1e-9] if half > 0 else ball[:1] * 0
    pixels = np.rint(middle[:, None] + ball).reshape(-1, len(shape)).astype(np.int64)
    area = (far[-1] + width) * width ** (len(shape) - 1)
    return np.unique(np.clip(pixels, 0, last), axis=0), float(area)
