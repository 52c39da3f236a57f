"""Masks and sub-pixel contours of a logit at any resolution."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from skimage.measure import find_contours

from napari_isr.cancellation import check_cancelled
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.rendering.lipschitz_bound import BlockVariationBound, block_variation_bound
from napari_isr.shapes.base import Shape

__all__ = ["ShapeLogit", "grid_contours", "grid_coordinates", "rasterize_blocks", "trace_contours"]

Logit = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

POINTS_PER_YIELD = 16_384  # points between two yields: a few milliseconds
BLOCK_RATIO = 8
STRIP = 2**21  # pixels that are written at once
BLOCKS = (64, 8, 1)  # sides of the blocks that are decided at once
DOUBT = 0.02  # logits nearer to zero than this are computed again in double precision
REFINEMENTS = 4
OUTSIDE = -1e3


class ShapeLogit:
    """Logit of a shape at pixel coordinates, exact in sign.

    Single precision decides nearly every pixel; the few next to the boundary are computed again
    in double precision, so that rounding does not break a property on the pixels.

    Parameters
    ----------
    shape : Shape
        A copy is taken: later changes of the shape do not show.
    frame : ImageGeometry
        The image.
    keep : bool, optional
        False: no copy is taken, and the shape must not change while this is in use.
    """

    def __init__(self, shape: Shape, frame: ImageGeometry, *, keep: bool = True) -> None:
        self.frame = frame
        self.shape = copy.deepcopy(shape).requires_grad_(False) if keep else shape

    @cached_property
    def _double(self) -> Shape:
        return copy.deepcopy(self.shape).requires_grad_(False).cpu().double()

    def __call__(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Logit (n,) at pixel coordinates (n, d)."""
        return self.at_normalized(self.frame.to_normalized(np.asarray(points, dtype=np.float64)))

    @torch.no_grad()
    def at_normalized(self, coordinates: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Logit (n,) at shape coordinates (n, dims)."""
        exact = torch.from_numpy(np.asarray(coordinates, dtype=np.float64))
        logit = self.shape(exact.to(self.shape.anchor)).cpu().double()
        doubt = logit.abs() < DOUBT
        if bool(doubt.any()):
            logit[doubt] = self._double(exact[doubt])
        values: npt.NDArray[np.float64] = logit.numpy()
        return values

    @torch.no_grad()
    def in_double_precision(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Logit (n,) at pixel coordinates (n, d), all in double precision."""
        exact = torch.from_numpy(self.frame.to_normalized(np.asarray(points, dtype=np.float64)))
        logit: npt.NDArray[np.float64] = self._double(exact).numpy()
        return logit

    def block_bound(self) -> BlockVariationBound | None:
        """Bound of the logit's change in blocks of pixels; None: not known."""
        bound = self.shape.lipschitz_bound()
        return None if bound is None else block_variation_bound(self.frame, bound)


def rasterize_blocks(
    logit: Logit,
    axes: Sequence[npt.NDArray[np.float64]],
    reach: BlockVariationBound | None = None,
) -> Iterator[npt.NDArray[np.bool_] | None]:
    """Rasterize a logit on the product of axes, in steps of a few milliseconds.

    Where a bound of the slope is known, whole blocks are decided by the logit at their centre,
    and only those near the boundary are looked at more closely; the mask is the same.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, d) to values (n,).
    axes : sequence of (ni,) arrays
        Pixel coordinates along each axis, rising.
    reach : callable, optional
        Bound of the logit's change in blocks, see :meth:`ShapeLogit.block_bound`.

    Yields
    ------
    None or (n1, ..., nd) bool array
        None after each step but the last, so that the work can be stopped; then the mask.
    """
    sizes = np.array([len(axis) for axis in axes])
    mask = np.zeros(sizes, dtype=bool)
    levels = BLOCKS if reach is not None else BLOCKS[-1:]
    open_blocks = np.argwhere(np.ones(-(-sizes // levels[0]), dtype=bool))
    for block in levels:
        inside = np.zeros(-(-sizes // block), dtype=bool)
        undecided = []
        for start in range(0, len(open_blocks), POINTS_PER_YIELD):
            index = open_blocks[start : start + POINTS_PER_YIELD]
            low, high = index * block, np.minimum((index + 1) * block, sizes) - 1
            first, last = grid_coordinates(axes, low), grid_coordinates(axes, high)
            values = logit((first + last) / 2)
            inside[tuple(index[values > 0].T)] = True
            if reach is not None and block > 1:
                undecided.append(index[np.abs(values) <= reach(first, last) + DOUBT])
            yield None
        if block > 1:
            open_blocks = np.concatenate([open_blocks[:0], *undecided])
            inside[tuple(open_blocks.T)] = False
        _mark(mask, inside, block)
        if block > 1:
            open_blocks = _subdivided(open_blocks, BLOCK_RATIO)
            block_sizes = -(-sizes // (block // BLOCK_RATIO))
            open_blocks = open_blocks[(open_blocks < block_sizes).all(axis=1)]
    yield mask


def grid_coordinates(
    axes: Sequence[npt.NDArray[np.float64]], index: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return coordinates (n, d) of the pixels with indices (n, d) on the product of axes."""
    return np.stack([axis[i] for axis, i in zip(axes, index.T, strict=True)], axis=1)


def _mark(mask: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_], block: int) -> None:
    """Set the pixels of the blocks that are inside.

    Strip by strip: to enlarge all at once would keep every other thread waiting meanwhile.
    """
    step = max(1, STRIP // max(1, block * mask[:1].size))
    for start in range(0, len(inside), step):
        part = inside[start : start + step]
        if part.any():
            for axis, size in enumerate(mask.shape if block > 1 else ()):
                part = part.repeat(block, axis=axis)
                part = part[(slice(None),) * axis + (slice(0, size),)]
            strip = mask[start * block : (start + step) * block]
            strip |= part[: len(strip)]
        check_cancelled()


def _subdivided(index: npt.NDArray[np.int64], ratio: int) -> npt.NDArray[np.int64]:
    offsets = np.argwhere(np.ones((ratio,) * index.shape[1], dtype=bool))
    children: npt.NDArray[np.int64] = (index[:, None] * ratio + offsets).reshape(-1, index.shape[1])
    return children


def trace_contours(
    logit: Logit, frame: ImageGeometry, cells: int = 128
) -> list[npt.NDArray[np.float64]]:
    """Trace closed sub-pixel zero-level contours of a logit in the image.

    A coarse grid over the image finds where the set is, a finer one over its box finds the
    contour, and root finding along the grid's edges puts every vertex on the zero level. Where
    the set leaves the image, the contour follows the image border. A piece that lies wholly between
    the border and the outermost pixels' centres, and so in no mask of that size, is left out.

    Parameters
    ----------
    logit : callable
        Maps pixel coordinates (n, 2) to the logit (n,).
    frame : ImageGeometry
        The image, 2-dimensional.
    cells : int, optional
        Cells of the finer grid along each axis.

    Returns
    -------
    list of (n, 2) arrays
        Vertices (row, column) in pixel coordinates, first and last the same.
    """
    window = [(-0.5, n - 0.5) for n in frame.shape]
    cells *= frame.contour_oversampling
    axes, values = _look(logit, window, cells // 2)
    near = np.argwhere(_near(values))
    if not len(near):
        return []
    low, high = near.min(axis=0), near.max(axis=0)
    window = [
        (a[max(i - 1, 0)], a[min(j + 1, len(a) - 1)])
        for a, i, j in zip(axes, low, high, strict=True)
    ]
    axes, values = _look(logit, window, cells)
    framed = _framed(values)
    found = (_on_level(c, logit, axes, framed) for c in find_contours(framed, 0.0))
    return [contour for contour in found if not _outside_of_pixels(contour, frame)]


def grid_contours(
    values: npt.NDArray[np.floating], axes: Sequence[npt.NDArray[np.float64]], frame: ImageGeometry
) -> list[npt.NDArray[np.float64]]:
    """Trace closed zero-level contours of values at grid nodes by linear interpolation.

    Parameters
    ----------
    values : (n1, n2) array
        Values at the nodes, positive inside.
    axes : sequence of (ni,) arrays
        Pixel coordinates of the nodes.
    frame : ImageGeometry
        The image: contours follow its border where the inside reaches it.

    Returns
    -------
    list of (n, 2) arrays
        Vertices (row, column) in pixel coordinates.
    """
    wide = [np.r_[-0.5, a, n - 0.5] for a, n in zip(axes, frame.shape, strict=True)]
    framed = _framed(np.pad(np.asarray(values, dtype=np.float64), 1, mode="edge"))
    last = [len(a) - 1 for a in wide]
    return [_positions(np.clip(c - 1, 0, last), wide) for c in find_contours(framed, 0.0)]


def _outside_of_pixels(contour: npt.NDArray[np.float64], frame: ImageGeometry) -> bool:
    """Return True for points between the border and the outermost pixel centers."""
    low, high = contour.min(axis=0), contour.max(axis=0)
    return bool((high < 0).any() or (low > np.subtract(frame.shape, 1)).any())


def _look(
    logit: Logit, window: Sequence[tuple[float, float]], cells: int
) -> tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
    axes = [np.linspace(start, stop, cells + 1) for start, stop in window]
    return axes, logit(meshgrid_points(axes)).reshape([len(axis) for axis in axes])


def _near(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Grid nodes inside, or so near to zero that the set may lie between the nodes."""
    change = np.zeros_like(values)
    for axis in range(values.ndim):
        step = np.abs(np.diff(values, axis=axis))
        for part in (slice(None, -1), slice(1, None)):
            index = tuple(part if a == axis else slice(None) for a in range(values.ndim))
            change[index] = np.maximum(change[index], step)
    return (values > 0) | (np.abs(values) <= 1.5 * change)


def _framed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.pad(values, 1, constant_values=OUTSIDE)


def _on_level(
    contour: npt.NDArray[np.float64],
    logit: Logit,
    axes: Sequence[npt.NDArray[np.float64]],
    framed: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Move the vertices of a marching-squares contour along their grid edges to the zero level.

    By false position; an end that stays twice counts less (Anderson and Björck 1973).
    """
    corners = [corner(contour).astype(np.intp) for corner in (np.floor, np.ceil)]
    values = np.stack([framed[tuple(corner.T)] for corner in corners])
    places = np.stack([_positions(corner.astype(np.float64) - 1, axes) for corner in corners])
    crossing = (values.min(axis=0) < 0) & (values.max(axis=0) >= 0)
    ways = np.arange(len(contour))
    order = values.argmax(axis=0)
    high, low = values[order, ways], values[1 - order, ways]
    inner, outer = places[order, ways], places[1 - order, ways]
    stayed = np.zeros(len(contour))
    for _ in range(REFINEMENTS):
        middle = _between(inner, outer, high, low)
        value = logit(middle)
        inside = value > 0
        low = np.where(inside & (stayed > 0), low * _illinois_weight(value, high), low)
        high = np.where(~inside & (stayed < 0), high * _illinois_weight(value, low), high)
        inner, high = np.where(inside[:, None], middle, inner), np.where(inside, value, high)
        outer, low = np.where(inside[:, None], outer, middle), np.where(inside, low, value)
        stayed = np.where(inside, 1.0, -1.0)
    # Vertices without a crossing lie where the set is cut by the image border.
    border = _positions(np.clip(contour - 1, 0, [len(a) - 1 for a in axes]), axes)
    return np.where(crossing[:, None], _between(inner, outer, high, low), border)


def _illinois_weight(
    value: npt.NDArray[np.float64], last: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the weight of the retained end of a bracket (Illinois algorithm)."""
    less = 1 - value / np.where(last == 0, 1, last)
    return np.where(less > 0, less, 0.5)


def _between(
    inner: npt.NDArray[np.float64],
    outer: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Interpolate the zero between the values at both ends."""
    part = high / np.maximum(high - low, np.finfo(np.float64).tiny)
    between: npt.NDArray[np.float64] = inner + part[:, None] * (outer - inner)
    return between


def _positions(
    nodes: npt.NDArray[np.float64], axes: Sequence[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    columns = [np.interp(n, np.arange(len(a)), a) for n, a in zip(nodes.T, axes, strict=True)]
    return np.stack(columns, axis=1)
