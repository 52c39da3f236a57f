"""Semantic features of a network trained on photographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.device import iterate_with_cpu_fallback
from napari_isr.errors import InputError
from napari_isr.features.cache import FeatureCache
from napari_isr.features.efficientnet_lite0 import STRIDES, EfficientNetLite0
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.features.source_image import PlaneReader, SourceImage
from napari_isr.features.weight_files import WeightFile
from napari_isr.geometry.image import ImageGeometry

__all__ = ["Semantic"]

Array = npt.NDArray[np.float32]
VERSION = 2  # of the computation: maps kept by another version are not used
SIDE = 768  # of the square with as many pixels as the network sees
ENLARGE = 4.0  # a larger picture of a few pixels shows nothing more


class Semantic(PlaneFeatureBlock):
    """EfficientNet-Lite0 at strides 8, 16 and 32, brought to 16 components.

    Images are brought to a working size first, small ones enlarged: what a network sees depends
    on how large a thing is. Grey images are repeated as red, green and blue, and of more than
    three channels the first three are taken.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    weights : WeightFile
        Of the network.
    cache : FeatureCache
        Keeps the maps.
    device : torch.device or str, optional
        Where the network computes; the maps are kept by the CPU.
    side : int, optional
        Side of the square that has as many pixels as the network sees; its time grows with the
        square.
    basis : mapping, optional
        See :class:`PlaneFeatureBlock`.

    Raises
    ------
    InputError
        On use, if the weights cannot be read or are of another network.
    """

    name = "semantic"
    width = 16
    strides = STRIDES
    source = "EfficientNet-Lite0"

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        weights: WeightFile,
        cache: FeatureCache,
        device: torch.device | str = "cpu",
        side: int = SIDE,
        basis: Mapping[str, Array] | None = None,
    ) -> None:
        super().__init__(
            PlaneReader(image, frame, side, ENLARGE, multiple=STRIDES[-1]), cache, basis
        )
        self.weights, self.device = weights, torch.device(device)

    @property
    def version(self) -> tuple[object, ...]:
        """See :attr:`PlaneFeatureBlock.version`."""
        return VERSION, self.weights.digest

    def compute_scales(self, pixels: Array) -> list[Array]:
        """Return maps at three strides. See :meth:`PlaneFeatureBlock.compute_scales`."""
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None]

        def look(device: torch.device) -> Iterator[list[torch.Tensor]]:
            network = _network(self.weights, self.weights.digest, device)
            with torch.inference_mode():
                yield network(image.to(device))

        (maps,) = iterate_with_cpu_fallback(self.device, look)
        return [m[0].permute(1, 2, 0).float().cpu().numpy() for m in maps]


@lru_cache(maxsize=1)
def _network(weights: WeightFile, _: str, device: torch.device) -> EfficientNetLite0:
    """Return the network (13 MB). It is shared by all images and identified by its digest."""
    tensors = weights.read()
    try:
        network = EfficientNetLite0(tensors)
    except InputError as error:
        raise InputError(f"{error} (in '{weights.path}')") from error
    return network.to(device)
