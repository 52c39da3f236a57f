"""EfficientNet-Lite0, a small network trained on natural images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_isr.cancellation import check_cancelled
from napari_isr.errors import InputError

__all__ = ["STRIDES", "EfficientNetLite0"]

# (blocks, kernel, stride, expansion, channels): Tan & Le 2019, Table 1, rows 2 to 8.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_KEPT = (2, 4, 6)  # the last stages at strides 8, 16 and 32
STRIDES = (8, 16, 32)
_EPSILON = 1e-3  # of the batch normalisation that the weights were trained with


class SamePaddedConv2d(nn.Conv2d):
    """A convolution padded as in training: with stride 2, more at the end than at the start."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        inside = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding=inside, groups=groups)
        extra = kernel - stride
        self.around = (extra // 2, extra - extra // 2) * 2 if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        check_cancelled()
        return super().forward(x if self.around is None else F.pad(x, self.around))


class InvertedBottleneck(nn.Module):
    """MBConv without squeeze and excitation: expand, filter each channel, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SamePaddedConv2d(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = SamePaddedConv2d(inner, inner, kernel, stride, groups=inner)
        self.project = SamePaddedConv2d(inner, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y: Tensor = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The convolutional part of EfficientNet-Lite0, batch normalisation folded in.

    Width and depth 1.0, ReLU6, no squeeze and excitation.

    Parameters
    ----------
    weights : mapping of str to Tensor
        ImageNet weights by their published keys (``_conv_stem.weight``, ``_bn0.weight``, ...,
        ``_blocks.15._bn2.running_var``); keys of the classifier are ignored.

    Raises
    ------
    InputError
        If a key is missing or a tensor has the wrong shape.

    References
    ----------
    Tan & Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML
    2019, Table 1; the Lite variants (2020) leave out squeeze and excitation and use ReLU6.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = SamePaddedConv2d(3, _STEM, 3, stride=2)
        blocks, self._ends, inputs = [], [], _STEM
        for count, kernel, stride, expansion, outputs in _STAGES:
            for i in range(count):
                step = stride if i == 0 else 1
                blocks.append(InvertedBottleneck(inputs, outputs, kernel, step, expansion))
                inputs = outputs
            self._ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self._load(weights)
        self.eval().requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _load(self, weights: Mapping[str, Tensor]) -> None:
        fold_batch_norm(self.stem, weights, "_conv_stem", "_bn0")
        for i, block in enumerate(self.blocks):
            assert isinstance(block, InvertedBottleneck)
            name = f"_blocks.{i}."
            if block.expand is not None:
                fold_batch_norm(block.expand, weights, f"{name}_expand_conv", f"{name}_bn0")
            fold_batch_norm(block.depthwise, weights, f"{name}_depthwise_conv", f"{name}_bn1")
            fold_batch_norm(block.project, weights, f"{name}_project_conv", f"{name}_bn2")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps at strides 8, 16 and 32 with 40, 112 and 320 channels.

        Parameters
        ----------
        image : (n, 3, h, w) tensor
            RGB in [0, 1]; h and w are multiples of 32.
        """
        # Channels last takes half the time.
        image = image.contiguous(memory_format=torch.channels_last)
        x = F.relu6(self.stem((image * 255 - 127) / 128), inplace=True)
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in (self._ends[stage] for stage in _KEPT):
                maps.append(x)
        return maps


def fold_batch_norm(
    conv: SamePaddedConv2d, weights: Mapping[str, Tensor], name: str, norm: str
) -> None:
    """Load a convolution without bias, and the batch normalisation that follows it, as one."""
    kernel = pop_tensor(weights, f"{name}.weight", conv.weight.shape)
    names = ("weight", "bias", "running_mean", "running_var")
    gain, bias, mean, variance = (
        pop_tensor(weights, f"{norm}.{part}", (conv.out_channels,)) for part in names
    )
    gain = gain / torch.sqrt(variance + _EPSILON)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(kernel * gain[:, None, None, None])
        conv.bias.copy_(bias - mean * gain)


def pop_tensor(weights: Mapping[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    """Return one tensor of a weights file, in single precision, after a look at its shape."""
    if key not in weights:
        raise InputError(f"the weights are not those of EfficientNet-Lite0: '{key}' is missing")
    found = weights[key]
    if tuple(found.shape) != tuple(shape):
        raise InputError(
            f"the weights are not those of EfficientNet-Lite0: '{key}' has the shape "
            f"{tuple(found.shape)} instead of {tuple(shape)}"
        )
    return found.float()
