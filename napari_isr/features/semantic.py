"""What a pixel shows, as a network sees it that has learned from photographs."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.errors import InputError
from napari_isr.features.cache import FeatureCache, content_key
from napari_isr.features.image import SourceImage
from napari_isr.features.lite0 import STRIDES, Lite0
from napari_isr.features.planes import Planes, bilinear, rescaled
from napari_isr.features.reduction import Reduction
from napari_isr.features.weights import Weights
from napari_isr.frame import Frame, grid_points

__all__ = ["Semantic"]

Array = npt.NDArray[np.float32]
VERSION = 1  # of the computation: maps kept by another version are not used
SIDE = 512  # of the square with as many pixels as the network sees
ENLARGE = 4.0  # a larger picture of a few pixels shows nothing more
BASIS_PLANES = 4  # from which the components of a stack are found


class Semantic:
    """EfficientNet-Lite0 at strides 8, 16 and 32, brought to 16 components.

    Images are brought to a working size first, small ones enlarged: what a network sees depends
    on how large a thing is. Grey images are repeated as red, green and blue, and of more than
    three channels the first three are taken. In a stack each plane of the last two axes is looked
    at for itself, when a point in it is asked for; the components come from four planes.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : Frame
        Its frame.
    weights : Weights
        Of the network.
    cache : FeatureCache
        Keeps the maps.
    device : torch.device or str, optional
        Where the network computes; the maps are kept by the CPU.
    side : int, optional
        Side of the square that has as many pixels as the network sees; its time grows with the
        square.

    Raises
    ------
    InputError
        On use, if the weights cannot be read or are of another network.
    """

    name = "semantic"
    width = 16

    def __init__(
        self,
        image: SourceImage,
        frame: Frame,
        weights: Weights,
        cache: FeatureCache,
        device: torch.device | str = "cpu",
        side: int = SIDE,
    ) -> None:
        self.planes = Planes(image, frame, side, ENLARGE, multiple=STRIDES[-1])
        self.weights, self.cache, self.device = weights, cache, torch.device(device)

    def at(self, points: npt.NDArray[np.floating]) -> Array:
        """Features (n, 16) at pixel coordinates (n, d), between the network's cells linearly."""
        features = np.empty((len(points), self.width), np.float32)
        for plane, chosen, where in self.planes.split(points):
            features[chosen] = bilinear(self.map(plane), rescaled(where, 1 / STRIDES[0]))
        return features

    def map(self, plane: tuple[int, ...] = ()) -> Array:
        """Features (h, w, 16) of a plane at stride 8 of the working size."""
        rgb = self.planes.rgb(plane)

        def compute() -> dict[str, Array]:
            return {"map": self._reduction(self._stages(rgb))}

        found = self.cache.get(content_key(self.name, *self._recipe, rgb), compute)["map"]
        return np.asarray(found, np.float32)

    @cached_property
    def _recipe(self) -> tuple[object, ...]:
        """All that a map depends on beside its own plane."""
        basis = () if not self.planes.leading else tuple(self.planes.rgb(p) for p in self._basis)
        return VERSION, self.weights.digest, self.width, *basis

    @property
    def _basis(self) -> list[tuple[int, ...]]:
        return self.planes.spread(BASIS_PLANES)

    @cached_property
    def _network(self) -> Lite0:
        try:
            network = Lite0(self.weights.read())
        except InputError as error:
            raise InputError(f"{error} (in '{self.weights.path}')") from error
        return network.to(self.device)

    @cached_property
    def _reduction(self) -> Reduction:
        maps = [self._stages(self.planes.rgb(plane)) for plane in self._basis]
        sample = np.concatenate([m.reshape(-1, m.shape[2]) for m in maps])
        return Reduction(sample, self.width, self._widths)

    def _stages(self, rgb: Array) -> Array:
        """All channels (h, w, c) of the three stages on the grid of the finest."""
        image = torch.from_numpy(rgb).permute(2, 0, 1)[None].to(self.device)
        with torch.inference_mode():
            maps: list[torch.Tensor] = self._network(image)
        arrays = [m[0].permute(1, 2, 0).float().cpu().numpy() for m in maps]
        self._widths = [a.shape[2] for a in arrays]
        height, width = arrays[0].shape[:2]
        cells = grid_points([np.arange(float(height)), np.arange(float(width))])
        fine = [
            bilinear(a, rescaled(cells, STRIDES[0] / s))
            for a, s in zip(arrays, STRIDES, strict=True)
        ]
        return np.concatenate(fine, axis=1).reshape(height, width, -1)
