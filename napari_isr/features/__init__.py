"""Features of pixels, evaluated at points."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError, suggest_name
from napari_isr.features.cache import FeatureCache, default_folder
from napari_isr.features.color_features import ColorFeatures
from napari_isr.features.dino import Dino, find_dino_weights
from napari_isr.features.edge_refinement import EDGES
from napari_isr.features.normalized_cuts import NormalizedCutFeatures
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.features.position import CoordinateFeatures, PositionFeatures
from napari_isr.features.registry import (
    BUILT_IN_NAMES,
    BlockOrFactory,
    FeatureBlock,
    all_names,
    make_block,
    register_features,
)
from napari_isr.features.scribble_proximity import NEARNESS
from napari_isr.features.semantic import Semantic
from napari_isr.features.source_image import SourceImage
from napari_isr.features.texture import Texture
from napari_isr.features.weight_files import find_weights
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = [
    "AUTO",
    "AUTO_IN_TIME",
    "Bases",
    "FeatureBlock",
    "FeatureCache",
    "FeatureStack",
    "ImageFeatures",
    "SourceImage",
    "default_folder",
    "describe_semantic_source",
    "feature_names",
    "parse_features",
    "register_features",
]

AUTO = ("rgb", "semantic", "spectral", NEARNESS, EDGES)
AUTO_IN_TIME = ("rgb", "semantic", NEARNESS, EDGES)  # of plane frames
AUTO_IN_SPACE = ("rgb", "spatial", NEARNESS)  # a network for each plane would take too long
_OF_STROKES = (NEARNESS, EDGES)  # no blocks: they depend on the strokes


Bases = Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
"""What each block standardises and reduces by, by the block's name and the array's."""


def feature_names() -> list[str]:
    """Return the names of the blocks in their fixed order."""
    return list(all_names())


def describe_semantic_source(weights: str | os.PathLike[str] | None = None) -> str:
    """Describe the source of the semantic features on this machine, for ``info`` and reports.

    Parameters
    ----------
    weights : path, optional
        As for :class:`ImageFeatures`.
    """
    return NormalizedCutFeatures.source if find_weights(weights) is None else Semantic.source


def parse_features(
    text: str | Sequence[str], ndim: int = 2, in_time: bool = False, extra: Sequence[str] = ()
) -> tuple[str, ...]:
    """Read ``"auto"`` or names separated by commas, in the fixed order of the blocks.

    Parameters
    ----------
    text : str or sequence of str
        What the user asked for.
    ndim : int, optional
        Number of the image's axes; ``"auto"`` depends on it.
    in_time : bool, optional
        Whether the first one is time; so does that.
    extra : sequence of str, optional
        Names of blocks that are passed beside the names.

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
        if in_time:
            return tuple(name for name in AUTO_IN_TIME if ndim == 3 or name != EDGES)
        return AUTO if ndim == 2 else AUTO_IN_SPACE
    known = all_names(extra)
    for name in names:
        if name not in known:
            raise InputError(f"unknown features '{name}': {suggest_name(name, ['auto', *known])}")
    if EDGES in names and ndim - in_time != 2:
        raise InputError(
            f"the features '{EDGES}' are for images, and frames, of 2 axes, not {ndim - in_time}"
        )
    if not names:
        raise InputError(f"no features given: name one or more of {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _in_time(names: list[str], weights: bool) -> list[str]:
    """Blocks that mean the same in every frame; texture stands in for a network."""
    if "spectral" in names:
        raise InputError(
            "the features 'spectral' of one frame mean nothing in another: leave them out, "
            "for example --features rgb,texture,nearness"
        )
    twice = not weights and "texture" in names
    return [name for name in names if not (twice and name == "semantic")]


class FeatureStack:
    """Blocks side by side; without any there is one feature, 0.

    Parameters
    ----------
    blocks : sequence of FeatureBlock
        In their order.
    """

    def __init__(self, blocks: Sequence[FeatureBlock]) -> None:
        self.blocks = list(blocks)

    @property
    def sources(self) -> dict[str, str]:
        """Source of each block for reports, keyed by name."""
        return {block.name: block.source for block in self.blocks}

    @property
    def width(self) -> int:
        """Number of features of one pixel."""
        return sum(block.width for block in self.blocks) if self.blocks else 1

    def prepare(self, first: npt.NDArray[np.floating]) -> Iterator[float]:
        """Make the maps that features are read from, block by block.

        Parameters
        ----------
        first : (n, d) array
            Pixel coordinates; a few will do.

        Yields
        ------
        float
            Progress from 0 to 1.
        """
        for done, block in enumerate(self.blocks, start=1):
            block.at(first)
            yield done / len(self.blocks)

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Features (n, width) at pixel coordinates (n, d)."""
        if not self.blocks:
            return np.zeros((len(points), 1), np.float32)
        found = []
        for block in self.blocks:
            check_cancelled()
            found.append(block.at(points))
        return np.concatenate(found, axis=1)


class ImageFeatures(FeatureStack):
    """All chosen blocks side by side.

    Nearness and edges are no blocks, for they depend on the strokes:
    :class:`napari_isr.segmentation.predicted_unaries.PredictedUnaries` joins them with what is
    predicted from the
    blocks. Without any block there is one feature, 0.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        The image's frame.
    names : str or sequence of str, optional
        As :func:`parse_features` reads them.
    cache : FeatureCache, optional
        Keeps what is computed. Default: one in memory, of this object alone. To keep maps on
        disk between runs, pass ``FeatureCache(default_folder())``.
    weights : path, optional
        Weights file of the semantic features; see
        :func:`napari_isr.features.weight_files.find_weights`. Without any, superpixels take the
        network's place.
    device : torch.device or str, optional
        Where networks compute.
    dino : path, optional
        Weights file of the features ``dino``; see
        :func:`napari_isr.features.dino.find_dino_weights`.
    download : bool, optional
        Let the weights of ``dino`` be downloaded (licence Apache-2.0) if no file is named. Nothing
        else is ever downloaded.
    blocks : mapping, optional
        Blocks of other packages, or classes that make them, keyed by name.
    bases : mapping, optional
        Those of another image, so that its features and these mean the same; see
        :attr:`normalizations`.

    Raises
    ------
    InputError
        If a name is unknown, a weights file does not exist, or ``dino`` is named without a file
        and without leave to download one.
    """

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        names: str | Sequence[str] = "auto",
        cache: FeatureCache | None = None,
        weights: str | os.PathLike[str] | None = None,
        device: torch.device | str = "cpu",
        dino: str | os.PathLike[str] | None = None,
        download: bool = False,
        bases: Bases | None = None,
        blocks: Mapping[str, BlockOrFactory] | None = None,
    ) -> None:
        extra = {} if blocks is None else blocks
        in_time = isinstance(frame, TimeSeriesGeometry)
        self.names = parse_features(names, frame.ndim, in_time, tuple(extra))
        cache = FeatureCache() if cache is None else cache
        given = {} if bases is None else bases

        def make(name: str) -> FeatureBlock:
            basis = given.get(name)
            if name not in BUILT_IN_NAMES:
                return make_block(name, image, frame, extra)
            if name == "rgb":
                return ColorFeatures(image, frame, basis)
            if name == "spatial":
                return PositionFeatures(image, frame)
            if name == "texture":
                return Texture(image, frame, cache, basis)
            if name == "dino":
                return Dino(image, frame, cache, find_dino_weights(dino), device, download, basis)
            if isinstance(frame, TimeSeriesGeometry) and found is None:
                return Texture(image, frame, cache, basis)
            if name == "spectral" or found is None:
                return NormalizedCutFeatures(image, frame, cache, name)
            return Semantic(image, frame, found, cache, device, basis=basis)

        chosen = [name for name in self.names if name not in _OF_STROKES]
        found = find_weights(weights) if "semantic" in chosen else None
        if isinstance(frame, TimeSeriesGeometry):
            chosen = _in_time(chosen, weights=found is not None)
        if found is None and "spectral" in chosen:  # which would be there twice
            chosen = [name for name in chosen if name != "semantic"]
        super().__init__(
            [
                *(make(name) for name in chosen),
                *([CoordinateFeatures(frame)] if frame.has_extra_coordinates else []),
            ]
        )

    @property
    def _lasting(self) -> list[ColorFeatures | PositionFeatures | PlaneFeatureBlock]:
        """Blocks that mean something in another image, too."""
        return [
            b
            for b in self.blocks
            if isinstance(b, (ColorFeatures, PositionFeatures, PlaneFeatureBlock))
        ]

    @cached_property
    def transferable(self) -> FeatureStack:
        """Those of the blocks that mean something in another image, too.

        Normalised cuts do not: the cuts of another image are others.
        """
        return FeatureStack(self._lasting)

    @property
    def normalizations(self) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
        """Normalization of each :attr:`transferable` block, keyed by name.

        Another image needs it.
        """
        return {block.name: block.normalization for block in self._lasting}

    @property
    def versions(self) -> dict[str, str]:
        """Version of each :attr:`transferable` block, such as a digest, keyed by name."""
        return {b.name: repr(b.version) for b in self._lasting if isinstance(b, PlaneFeatureBlock)}
