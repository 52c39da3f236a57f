"""Semantic features of DINO, a self-supervised vision transformer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_isr.device import iterate_with_cpu_fallback
from napari_isr.errors import InputError
from napari_isr.features.cache import FeatureCache
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.features.source_image import PlaneReader, SourceImage
from napari_isr.features.weight_files import WeightFile, weights_from_argument_or_env
from napari_isr.geometry.image import ImageGeometry

__all__ = ["LICENSE", "VARIABLE", "Dino", "find_dino_weights"]

VARIABLE = "NAPARI_ISR_DINO_WEIGHTS"  # environment variable that names a weights file
LICENSE = "Apache-2.0"  # of the published weights
VERSION = 1  # of the computation: maps kept by another version are not used
MODEL = "vit_small_patch14_dinov2"
PATCH = 14
SIDE = 560  # of the square with as many pixels as the network sees: 40 patches
ENLARGE = 4.0  # a larger picture of a few pixels shows nothing more
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as in the network's training

Array = npt.NDArray[np.float32]


class Dino(PlaneFeatureBlock):
    """Patches of DINOv2 ViT-S/14, brought to 24 components; only if asked for by name.

    The network is that of timm (extra ``dino``). Its weights come from a file; nothing is
    downloaded unless the user asks for it.

    Parameters
    ----------
    image : SourceImage
        The image.
    frame : ImageGeometry
        Its frame.
    cache : FeatureCache
        Keeps the maps.
    weights : WeightFile, optional
        Of the network. Default: downloaded weights (``download``).
    device : torch.device or str, optional
        Where the network computes; the maps are kept by the CPU.
    download : bool, optional
        Without a file, let timm fetch the published weights (88 MB, licence Apache-2.0), or take
        them from its folder if it did so before.
    basis : mapping, optional
        See :class:`PlaneFeatureBlock`.

    Raises
    ------
    InputError
        At once if there are no weights and none may be downloaded; on use if timm is missing, or
        the weights cannot be read or are of another network.

    References
    ----------
    Oquab et al., "DINOv2: Learning robust visual features without supervision", TMLR 2024.
    """

    name = "dino"
    width = 24
    strides = (PATCH,)
    source = f"DINOv2 ViT-S/14 (weights: {LICENSE})"

    def __init__(
        self,
        image: SourceImage,
        frame: ImageGeometry,
        cache: FeatureCache,
        weights: WeightFile | None = None,
        device: torch.device | str = "cpu",
        download: bool = False,
        basis: Mapping[str, Array] | None = None,
    ) -> None:
        super().__init__(PlaneReader(image, frame, SIDE, ENLARGE, multiple=PATCH), cache, basis)
        if weights is None and not download:
            raise InputError(
                "the features 'dino' need a weights file of DINOv2 ViT-S/14: name one (dino=, "
                f"--dino or the environment variable {VARIABLE}), or allow the download (88 MB, "
                f"licence {LICENSE}) with download=True or --download"
            )
        self.weights, self.device = weights, torch.device(device)

    @property
    def version(self) -> tuple[object, ...]:
        """See :attr:`PlaneFeatureBlock.version`."""
        return VERSION, self.weights.digest if self.weights else "published"

    @cached_property
    def _network(self) -> nn.Module:
        network = build_vit(pretrained=self.weights is None)
        if self.weights is not None:
            load_vit_weights(network, self.weights)
        return network.eval().requires_grad_(False)

    def compute_scales(self, pixels: Array) -> list[Array]:
        """Patches of the last layer; see :meth:`PlaneFeatureBlock.compute_scales`."""
        rgb = (pixels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        image = torch.from_numpy(rgb).permute(2, 0, 1)[None]

        def look(device: torch.device) -> Iterator[list[Tensor]]:
            network = self._network.to(device)
            with torch.inference_mode():
                yield network.forward_intermediates(  # type: ignore[operator]
                    image.to(device), indices=1, norm=True, intermediates_only=True
                )

        (maps,) = iterate_with_cpu_fallback(self.device, look)
        return [maps[-1][0].permute(1, 2, 0).float().cpu().numpy()]


def find_dino_weights(given: str | os.PathLike[str] | None = None) -> WeightFile | None:
    """Find a weights file of DINOv2 on this machine.

    Parameters
    ----------
    given : path, optional
        A file of the user's: a state dict as published, or a ``.safetensors`` file. Default: what
        the environment variable ``NAPARI_ISR_DINO_WEIGHTS`` names.

    Returns
    -------
    Weights or None
        None if no file is named.

    Raises
    ------
    InputError
        If a file is named that does not exist.
    """
    return weights_from_argument_or_env(given, VARIABLE)


def build_vit(pretrained: bool) -> nn.Module:
    """Make the network, with random weights or with those that timm fetches."""
    try:
        import timm
    except Exception as error:  # a torchvision that does not fit raises more than ImportError
        if isinstance(error, ImportError) and error.name == "timm":
            raise InputError(
                "the features 'dino' need the package timm: pip install 'napari-isr[dino]'"
            ) from error
        raise InputError(
            f"the package timm, which the features 'dino' need, cannot be loaded ({error}): "
            "install a torchvision that fits the installed torch"
        ) from error
    try:
        network: nn.Module = timm.create_model(
            MODEL, pretrained=pretrained, num_classes=0, dynamic_img_size=True
        )
    except Exception as error:  # whatever a network, a proxy or a full disk raises
        if not pretrained:
            raise
        raise InputError(
            f"the weights of DINOv2 could not be downloaded ({type(error).__name__}): name a file "
            f"(dino=, --dino or the environment variable {VARIABLE})"
        ) from error
    return network


def load_vit_weights(network: nn.Module, weights: WeightFile) -> None:
    """Load a published state dict, after a look at its keys and shapes."""
    state, known = weights.read(), network.state_dict()
    for key, value in known.items():
        if key not in state:
            wrong = f"'{key}' is missing"
        elif state[key].shape != value.shape:
            shapes = tuple(state[key].shape), tuple(value.shape)
            wrong = f"'{key}' has the shape {shapes[0]} instead of {shapes[1]}"
        else:
            continue
        raise InputError(
            f"the weights are not those of DINOv2 ViT-S/14: {wrong} (in '{weights.path}')"
        )
    # What the network does not have (the token of hidden patches) served in training only.
    network.load_state_dict({key: state[key] for key in known})
