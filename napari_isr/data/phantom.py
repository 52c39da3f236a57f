"""Volume with a known truth: two touching ellipsoids and a bent tube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Phantom", "phantom"]

SPACING = (4.0, 1.0, 1.0)  # a slice is four times as thick as a pixel is wide
LEVELS = {1: 50.0, 2: 170.0, 3: 120.0, 4: 215.0}
NOISE = 10.0
SLICES = (0.3, 0.5, 0.7)  # where strokes are drawn, of the height

Grid = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Phantom:
    """A generated volume, ready to be segmented.

    Attributes
    ----------
    image : (Z, Y, X) ndarray of uint8
        Grey values with noise.
    scribbles : (Z, Y, X) ndarray of uint8
        Strokes on three slices: 0 unlabelled, 1 background, 2, 3, 4 objects.
    truth : dict of int to (Z, Y, X) ndarray of bool
        Whole objects, also where another one is seen: ellipsoid and tube overlap.
    spacing : tuple of float
        Distance of voxel centres along each axis.
    shapes : dict of int to str
        What suits each object.
    """

    image: NDArray[np.uint8]
    scribbles: NDArray[np.uint8]
    truth: dict[int, NDArray[np.bool_]]
    spacing: tuple[float, ...]
    shapes: dict[int, str]


def phantom(side: int = 64, seed: int = 0) -> Phantom:
    """Generate the volume: ``side / 4`` slices of ``side`` by ``side`` pixels.

    Parameters
    ----------
    side : int, optional
        Pixels of a slice along each axis, 32 at least.
    seed : int, optional
        Of the noise.

    Returns
    -------
    Phantom

    Examples
    --------
    >>> phantom(32).image.shape
    (8, 32, 32)
    """
    shape = (round(side / SPACING[0]), side, side)
    axes = [(np.arange(n) + 0.5) / n * 2 - 1 for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    truth = {
        2: _ellipsoid((z, y, x), (0.0, -0.15, -0.45), (0.6, 0.5, 0.33)),
        3: _ellipsoid((z, y, x), (0.05, -0.2, 0.18), (0.55, 0.38, 0.3)),
        4: _tube((z, y, x)),
    }
    truth[3] &= ~truth[2]
    truth[4] &= ~truth[2]
    seen = np.ones(shape, np.uint8)
    for label, mask in truth.items():
        seen[mask] = label
    image = np.array([0.0, *LEVELS.values()])[seen]
    image += np.random.default_rng(seed).normal(0, NOISE, shape)
    return Phantom(
        image.clip(0, 255).astype(np.uint8),
        _strokes(seen),
        truth,
        SPACING,
        {2: "convex", 3: "convex", 4: "connected"},
    )


def _ellipsoid(
    grid: Sequence[Grid], centre: Sequence[float], radii: Sequence[float]
) -> NDArray[np.bool_]:
    parts = (((a - c) / r) ** 2 for a, c, r in zip(grid, centre, radii, strict=True))
    inside: NDArray[np.bool_] = sum(parts, start=np.zeros_like(grid[0])) < 1
    return inside


def _tube(grid: Sequence[Grid]) -> NDArray[np.bool_]:
    """Return a tube along an arc that rises from one corner of the volume to another."""
    inside = np.zeros(grid[0].shape, bool)
    for t in np.linspace(0, 1, 60):
        centre = (1.3 * t - 0.65, 0.75 - 1.1 * t**2, -0.55 + 0.9 * np.sin(t * np.pi / 2))
        inside |= sum((a - c) ** 2 for a, c in zip(grid, centre, strict=True)) < 0.17**2
    return inside


def _strokes(seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Midlines of what is seen of each object on three slices, and a line around all of them."""
    from scipy.ndimage import binary_dilation, binary_erosion
    from skimage.morphology import disk, skeletonize

    strokes = np.zeros_like(seen)
    gap = max(2, seen.shape[1] // 24)
    for place in SLICES:
        k = int(place * len(seen))
        around = binary_dilation(seen[k] > 1, disk(gap))
        strokes[k][binary_dilation(around) & ~around] = 1
        for label in range(2, 5):
            core = binary_erosion(seen[k] == label, disk(max(1, gap // 2)))
            strokes[k][skeletonize(core)] = label
    return strokes
