"""Features of pixels, evaluated at points: one block a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError, nearest
from napari_isr.features.image import SourceImage
from napari_isr.features.rgb import Rgb
from napari_isr.features.spatial import Spatial
from napari_isr.frame import Frame

__all__ = ["AUTO", "FeatureBlock", "Features", "SourceImage", "feature_names", "parse_features"]

AUTO = ("rgb", "spatial")
_BLOCKS: dict[str, type[Rgb] | type[Spatial]] = {block.name: block for block in (Rgb, Spatial)}


class FeatureBlock(Protocol):
    """Features of one kind."""

    name: str

    @property
    def width(self) -> int:
        """Number of features of one pixel."""

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d), of about unit variance."""


def feature_names() -> list[str]:
    """Names of the blocks."""
    return list(_BLOCKS)


def parse_features(text: str | Sequence[str]) -> tuple[str, ...]:
    """Read ``"auto"`` or names separated by commas, in the fixed order of the blocks.

    Parameters
    ----------
    text : str or sequence of str
        What the user asked for.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If a name is unknown or none is given.
    """
    names = text.split(",") if isinstance(text, str) else list(text)
    names = [name.strip().lower() for name in names if name.strip()]
    if names == ["auto"]:
        return AUTO
    for name in names:
        if name not in _BLOCKS:
            raise InputError(f"unknown features '{name}': {nearest(name, ['auto', *_BLOCKS])}")
    if not names:
        raise InputError(f"no features given: name one or more of {', '.join(_BLOCKS)}")
    return tuple(name for name in _BLOCKS if name in names)


class Features:
    """All chosen blocks side by side.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : Frame
        The image's frame.
    names : str or sequence of str, optional
        As :func:`parse_features` reads them.
    """

    def __init__(
        self, image: SourceImage, frame: Frame, names: str | Sequence[str] = "auto"
    ) -> None:
        self.names = parse_features(names)
        self.blocks: list[FeatureBlock] = [_BLOCKS[name](image, frame) for name in self.names]

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return sum(block.width for block in self.blocks)

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        return np.concatenate([block.at(points) for block in self.blocks], axis=1)
