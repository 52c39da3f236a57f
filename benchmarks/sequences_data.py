"""Sequences for measuring: real ones with truth, and a generated one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["ball", "generated", "sequence"]

KNOWN = {
    "blackswan": "davis_4seq",
    "car-shadow": "davis_4seq",
    "cars9": "bms26_cars",
}
Array = npt.NDArray[np.generic]


def sequence(data: Path, name: str) -> dict[str, Array]:
    """Images (t, y, x, 3), truth (t, y, x) and the robot's strokes (t, y, x) of a sequence."""
    folder = data / KNOWN[name]

    def stack(part: str) -> Array:
        return np.stack(
            [np.asarray(Image.open(p)) for p in sorted((folder / part).glob(f"{name}_*"))]
        )

    return {
        "images": stack("images"),
        "truth": stack("gt") == 255,
        "strokes": stack("scribbles/robot"),
    }


def ball(data: Path, part: str = "likelihood/temporal_ball_{}_naive.png") -> Array:
    """Return the eight pictures of the ball of the teaser, of one kind."""
    places = [data / "icml_teaser" / part.format(number) for number in range(8)]
    return np.stack([np.asarray(Image.open(place)) for place in places])


def generated(frames: int = 10, size: int = 120) -> Array:
    """Return a mask (t, y, x) of a bent body that moves, grows and turns."""
    row, column = np.mgrid[:size, :size] / size
    masks = []
    for time in np.linspace(0, 1, frames):
        y, x = 0.35 + 0.3 * time, 0.25 + 0.45 * time
        angle, radius = 1.2 * time, 0.13 + 0.05 * time
        along = (row - y) * np.cos(angle) + (column - x) * np.sin(angle)
        across = (column - x) * np.cos(angle) - (row - y) * np.sin(angle)
        bent = across + 1.6 * along**2 - 0.04
        masks.append((along / 1.8) ** 2 + bent**2 < radius**2 * 0.6)
    return np.stack(masks)
