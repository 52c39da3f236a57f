"""A small U-Net: what lies around a pixel, near and far."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_isr.predictors.conv_base import ConvPredictor, GroupedConvStack

__all__ = ["UNet"]

WIDTHS = (16, 16, 16)  # of the levels, each at half the resolution of the one before
STEP = 2 ** (len(WIDTHS) - 1)
LAST = 6  # index of the layer that ends in logits
QUIET = 0.3  # of its weights at the start: then the features themselves speak first


class UNet(ConvPredictor):
    """Three levels with skip connections, the first from the features themselves; three vote.

    That first connection is a linear classifier of the pixel, which alone does well with few
    strokes; the levels add what its surroundings say.

    Parameters
    ----------
    inputs : int
        Features of a pixel.
    classes : int
        Background and objects.
    seed : int, optional
        Of the start, the crops and the jitter.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox, "U-Net: Convolutional networks for biomedical image
       segmentation", MICCAI 2015.
    """

    name = "unet"
    margin = 4
    cold_steps, warm_steps = 50, 6

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__(inputs, classes, seed)
        a, b, c = WIDTHS
        sizes = [(inputs, a, 1), (a, a, 3), (a, b, 3), (b, c, 3), (b + c, b, 3), (a + b, a, 3)]
        draw = torch.Generator().manual_seed(seed)
        self.layers = GroupedConvStack([*sizes, (a, classes, 1)], self.members, draw)
        self.linear = GroupedConvStack([(inputs, classes, 1)], self.members, draw)
        with torch.no_grad():
            self.layers.kernels[LAST].mul_(QUIET)
            self.linear.kernels[0].zero_()

    def forward(self, planes: Tensor) -> Tensor:
        """Logits; see :meth:`ConvPredictor.forward`."""
        high, wide = planes.shape[-2:]
        planes = functional.pad(planes, (0, -wide % STEP, 0, -high % STEP), mode="replicate")
        fine = self._rectified(1, self._rectified(0, planes))
        middle = self._rectified(2, functional.avg_pool2d(fine, 2))
        coarse = self._rectified(3, functional.avg_pool2d(middle, 2))
        middle = self._rectified(4, self._beside(middle, coarse))
        fine = self._rectified(5, self._beside(fine, middle))
        m = self.margin
        seen = (..., slice(m, high - m), slice(m, wide - m))
        logits: Tensor = self.layers(LAST, fine[seen]) + self.linear(0, planes[seen])
        return logits

    def _rectified(self, layer: int, planes: Tensor) -> Tensor:
        return torch.relu(self.layers(layer, planes, padding=int(layer > 0)))

    def _beside(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Channels of two levels side by side in each member."""
        coarse = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        pair = [level.unflatten(1, (self.members, -1)) for level in (fine, coarse)]
        return torch.cat(pair, dim=2).flatten(1, 2)
