"""Geometry with extra coordinates, such as depth, for each pixel.

A shape is a function of coordinates. With a map ``f`` the pixel ``(row, column)`` lies at
``(row, column, f(row, column))``, on a surface in a space of one more dimension, and the shape is
fitted and holds there. A floor that is hidden behind a chair is convex in (row, column, depth),
whatever it looks like in the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt

from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.lazy_arrays import MEMORY, block_mean, downsampled_shape, is_lazy, read_chunk_bytes

__all__ = [
    "CoordinateGeometry",
    "CoordinateMap",
    "Coordinates",
    "with_coordinates",
]

Array = TypeVar("Array", npt.NDArray[np.floating], torch.Tensor)

SPREAD = (2, 98)  # percentiles that are brought to the extent of the image
CUT = 1.5  # times that half extent: beyond, values are cut, for stereo has gross errors
MOST = 3  # further coordinates
MOST_KEPT = 2**22  # values of a map that is not in memory
RESERVED_COORDINATE_NAMES = ("time", "plane", "row", "column")


@dataclass(frozen=True, eq=False)
class CoordinateMap:
    """A map whose value at a pixel is a further coordinate of the pixel.

    Between pixels the map is linear. Pixels without a value (NaN or infinite) get that of the
    nearest pixel that has one. The middle 96 % of the values span as much as the longest side of
    the image, times ``weight``; values that lie beyond by more than a quarter of that are cut.

    Parameters
    ----------
    values : (n1, ..., nd) array
        Bool, integers or floats, of the image's size. Of one that is not in memory (dask, zarr, a
        memory map) means over cells are kept, at most about 4 million.
    weight : float, optional
        How much the coordinate counts beside the axes of the image. Convex and star-shaped sets
        stay what they are in stretched coordinates: it decides which of them fits best.
    unit : str, optional
        Of the values, for reports.

    Raises
    ------
    InputError
        If there is no value, or the weight is not positive.
    """

    values: npt.NDArray[Any]
    weight: float = 1.0
    unit: str = ""
    shape: tuple[int, ...] = field(init=False)
    """Of the values as they were given."""

    def __post_init__(self) -> None:
        """Check the fields."""
        values = _kept(self.values)
        object.__setattr__(self, "shape", tuple(np.shape(self.values)))
        if values.dtype.kind not in "buif":
            raise InputError(f"a coordinate holds {values.dtype} values: real numbers are needed")
        if values.dtype.kind == "f" and not np.isfinite(values).any():
            raise InputError("a coordinate has no finite value: give a map with numbers in it")
        if not 0 < self.weight < float("inf"):
            raise InputError(f"the weight of a coordinate must be positive, not {self.weight}")
        object.__setattr__(self, "values", values)

    @cached_property
    def filled_values(self) -> npt.NDArray[np.float32]:
        """The values with those that are missing filled in."""
        values = self.values.astype(np.float32)
        missing = ~np.isfinite(values)
        if missing.any():
            nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
            values = values[tuple(nearest)]
        return values

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """Middle and half width of the middle 96 % of the values; of all, if those are equal."""
        low, high = np.percentile(self.filled_values, SPREAD)
        if low == high:
            low, high = self.filled_values.min(), self.filled_values.max()
        return float(low + high) / 2, float(high - low) / 2 or 1.0

    @cached_property
    def normalized_values(self) -> torch.Tensor:
        """The values from -1 to 1 over the middle 96 %, cut beyond 1.5."""
        middle, half = self.value_range
        return torch.from_numpy(((self.filled_values - middle) / half).clip(-CUT, CUT))


Coordinates = Mapping[str, npt.ArrayLike | CoordinateMap]
"""Maps by the names of the coordinates."""


@dataclass(frozen=True)
class CoordinateGeometry(ImageGeometry):
    """A frame whose shape coordinates are those of the axes and, behind them, values of maps.

    Parameters
    ----------
    names : tuple of str
        Of the further coordinates.
    coordinates : tuple of CoordinateMap
        Their maps; they may have more pixels than the frame, of the same area.
    """

    names: tuple[str, ...] = ()
    coordinates: tuple[CoordinateMap, ...] = ()

    @property
    def n_coordinates(self) -> int:
        """Number of shape coordinates."""
        return self.ndim + len(self.coordinates)

    @cached_property
    def physical_unit_length(self) -> float:
        """Physical length that has the value 1 in shape coordinates.

        All coordinates shrink beside one that counts more than the axes, so that everything stays
        within the reach of the shapes.
        """
        sides = (n * s for n, s in zip(self.shape, self.spacing, strict=True))
        return max(sides) / 2 * self._largest

    @cached_property
    def _largest(self) -> float:
        return max(1.0, *(c.weight for c in self.coordinates))

    @property
    def space(self) -> str:
        """The coordinates in words: ``(row, column, depth)``."""
        return f"({', '.join((*RESERVED_COORDINATE_NAMES[-self.ndim :], *self.names))})"

    def scale_of(self, coordinate: CoordinateMap) -> float:
        """Shape coordinates for each unit of a coordinate's table."""
        return coordinate.weight / self._largest

    def append_coordinates(self, coordinates: Array) -> Array:
        """Join the values of the maps to shape coordinates (n, d) of the axes: (n, dims)."""
        if not isinstance(coordinates, torch.Tensor):
            joined: Array = self.append_coordinates(
                torch.from_numpy(np.asarray(coordinates))
            ).numpy()
            return joined
        columns = [coordinates]
        for coordinate in self.coordinates:
            where = coordinates * coordinates.new_tensor(self._steps(coordinate))
            sizes = coordinate.normalized_values.shape
            where = where + where.new_tensor([(n - 1) / 2 for n in sizes])
            values = _between(coordinate.normalized_values.to(where), where)
            columns.append(values[:, None] * self.scale_of(coordinate))
        return torch.cat(columns, dim=1)

    def _steps(self, coordinate: CoordinateMap) -> list[float]:
        """Return the pixels of the map for each unit of the normalized coordinates."""
        sizes = zip(coordinate.normalized_values.shape, self.shape, self.spacing, strict=True)
        return [self.physical_unit_length * n / (m * s) for n, m, s in sizes]

    def to_normalized_point(
        self, pixels: Sequence[float], further: Mapping[str, float]
    ) -> npt.NDArray[np.float64]:
        """Shape coordinates (dims,) of a pixel and further coordinates in units of their maps."""
        flat = self.to_normalized(np.array([pixels], dtype=np.float64))[0, : self.ndim]
        values = []
        for name, coordinate in zip(self.names, self.coordinates, strict=True):
            middle, half = coordinate.value_range
            values.append((further[name] - middle) / half * self.scale_of(coordinate))
        return np.concatenate([flat, values])

    def extra_coordinates_of(self, point: torch.Tensor) -> dict[str, float]:
        """Return the extra coordinates of a point (dims,) in their units, keyed by name."""
        found = {}
        names = zip(self.names, self.coordinates, point[self.ndim :].tolist(), strict=True)
        for name, coordinate, value in names:
            middle, half = coordinate.value_range
            found[name] = middle + half * value * self._largest / coordinate.weight
        return found


def with_coordinates(frame: ImageGeometry, coordinates: Coordinates | None) -> ImageGeometry:
    """Give a frame further coordinates.

    Parameters
    ----------
    frame : ImageGeometry
        Of the image.
    coordinates : mapping of str to array or CoordinateMap, optional
        Maps of the image's size by name, for example ``{"depth": depth}``. None or an empty
        mapping: the frame as it is.

    Raises
    ------
    InputError
        If a map does not fit, or there are more than three.

    Examples
    --------
    >>> frame = lifted(Frame((2, 3)), {"depth": np.array([[0, 1, 2], [0, 1, 2]])})
    >>> frame.to_shape(np.array([[0.5, 1.0]])).tolist()
    [[0.0, 0.0, 0.0]]
    """
    if not coordinates:
        return frame
    if isinstance(frame, TimeSeriesGeometry):
        raise InputError(
            "further coordinates are for single images and volumes, not for sequences: leave out "
            "the coordinates, or say axes='zyx' to take time for a length"
        )
    if type(frame) is not ImageGeometry:
        raise InputError(
            "coordinates cannot be given with an axis of time: leave them out, or give one picture"
        )
    if len(coordinates) > MOST:
        raise InputError(f"{len(coordinates)} coordinates are given, but at most {MOST} can be")
    found = {}
    for name, value in coordinates.items():
        if not name.strip() or name in RESERVED_COORDINATE_NAMES:
            raise InputError(f"a coordinate cannot be called '{name}': name it after its map")
        map_ = (
            value
            if isinstance(value, CoordinateMap)
            else CoordinateMap(cast("npt.NDArray[Any]", value))
        )
        if map_.shape != frame.shape:
            raise InputError(
                f"the coordinate '{name}' has the size {map_.shape}, but the image has "
                f"{frame.shape}: give a map with one number for each pixel"
            )
        found[name] = map_
    return CoordinateGeometry(frame.shape, frame.spacing, tuple(found), tuple(found.values()))


def _kept(values: Any) -> npt.NDArray[Any]:
    """Return the values, reduced to means over cells if the map is lazy."""
    if not is_lazy(values) or values.dtype.kind not in "buif" or 0 in values.shape:
        return np.asarray(values)
    return block_mean(values, downsampled_shape(values.shape, MOST_KEPT), read_chunk_bytes(MEMORY))


def _between(table: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Interpolate a table (n1, ..., nd) linearly at positions (n, d)."""
    last = torch.tensor(table.shape, device=where.device) - 1
    where = torch.minimum(where.clamp_min(0), last.to(where))
    low = torch.minimum(where.long(), (last - 1).clamp_min(0))
    share = where - low
    found = where.new_zeros(len(where))
    for corner in range(2**table.ndim):
        steps = torch.tensor([corner >> d & 1 for d in range(table.ndim)], device=where.device)
        index = torch.minimum(low + steps, last)
        weight = torch.where(steps.bool(), share, 1 - share).prod(1)
        found = found + table[index.unbind(1)] * weight
    return found
