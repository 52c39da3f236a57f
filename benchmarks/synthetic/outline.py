"""A fruit's outline: an intersection of half-planes, so convex whatever the numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.painting import Float, window_coordinates

__all__ = ["Outline", "random_outline"]

DIRECTIONS = 512
HARMONICS = {2: 0.030, 3: 0.014, 4: 0.008, 5: 0.004}


@dataclass(frozen=True, eq=False)
class Outline:
    """The points p with ``<p - centre, normal> <= offset`` for every normal.

    Attributes
    ----------
    centre : (2,) ndarray of float
        Point inside, as (row, column), in pixels.
    normals : (n, 2) ndarray of float
        Unit vectors, as (row, column).
    offsets : (n,) ndarray of float
        Support function along the normals, in pixels; positive.
    angles, radii : (m,) ndarray of float
        The outline seen from the centre: angle from the column axis towards the row axis, and
        distance in pixels.
    """

    centre: NDArray[np.float64]
    normals: NDArray[np.float64]
    offsets: NDArray[np.float64]
    angles: NDArray[np.float64]
    radii: NDArray[np.float64]

    def polar(
        self, rows: Float, columns: Float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """See points from the centre.

        Parameters
        ----------
        rows, columns : ndarray of float
            Coordinates in pixels; they broadcast.

        Returns
        -------
        distance, angle, radius : ndarray of float
            Distance to the centre, angle, and the outline's distance under that angle.
        """
        down, right = rows - self.centre[0], columns - self.centre[1]
        angle = np.arctan2(down, right)
        radius = np.interp(angle, self.angles, self.radii)
        return np.hypot(down, right), angle, radius

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Mark every pixel whose centre lies inside, exactly.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns.

        Returns
        -------
        mask : (H, W) ndarray of bool
            Digitally convex: the hull of the marked centres holds no other centre.
        """
        rows, columns = window_coordinates((slice(0, shape[0]), slice(0, shape[1])))
        distance, _, radius = self.polar(rows, columns)
        # Only pixels within 1 % of the outline need the half-planes.
        mask: NDArray[np.bool_] = distance <= 0.99 * radius
        ring = np.argwhere(~mask & (distance <= 1.01 * radius))
        reach = (ring - self.centre) @ self.normals.T
        mask[tuple(ring.T)] = (reach <= self.offsets).all(axis=1)
        return mask


def random_outline(rng: np.random.Generator, centre: tuple[float, float], radius: float) -> Outline:
    """Draw a round outline that is slightly flat and slightly uneven.

    Its support function is a constant plus a few low harmonics, as far as ``h + h'' > 0``.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    centre : (float, float)
        Middle as (row, column), in pixels.
    radius : float
        Mean half width, in pixels.

    Returns
    -------
    outline : FitContour
        The convex set.
    """
    angles = np.linspace(-np.pi, np.pi, DIRECTIONS, endpoint=False)
    support = 1 + 0.035 * np.cos(2 * angles)
    for order, size in HARMONICS.items():
        support += size * rng.uniform(0.3, 1) * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    offsets = radius * support
    normals = np.stack([np.sin(angles), np.cos(angles)], axis=1)

    seen = np.linspace(-np.pi, np.pi, 2 * DIRECTIONS + 1)
    cosine = np.stack([np.sin(seen), np.cos(seen)], axis=1) @ normals.T
    reach = np.where(cosine > 0.1, offsets / np.maximum(cosine, 0.1), np.inf)
    return Outline(np.array(centre, float), normals, offsets, seen, reach.min(axis=1))
