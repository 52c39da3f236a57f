"""Distance of predictions to a set of shapes as a training loss."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from napari_isr.errors import InputError, suggest_name
from napari_isr.geometry.image import ImageGeometry
from napari_isr.segmentation.nearest_shape import ShapeProjector, foreground_weights
from napari_isr.shapes.registry import NONE, ShapeSpec

__all__ = ["ShapeRegularizer"]

Reduction = Literal["mean", "sum", "none"]


class ShapeRegularizer(nn.Module):
    r"""Squared distance of predictions to the nearest set that has a shape, as a loss.

    For each image of a batch of logits ``N``, a shape ``G`` with parameters of its own is fitted to
    the prediction (eq. 1 of [1]_), and

    .. math::

        \mathrm{dist}^2(N, S) = \min_\nu \frac{1}{n} \sum_x
            w(x) \big( \sigma(N(x)) - \sigma(G_\nu(x)) \big)^2

    is the loss. The weight ``w`` is 1, or more in the foreground if so wanted. No gradient runs
    through the fit: at its minimum the derivative by :math:`\nu` is zero, so the derivative of the
    distance by ``N`` is that with :math:`\nu` held fixed (the envelope theorem [2]_).

    A prediction without foreground (no probability above 0.5) has the loss 0 and no gradient: the
    empty set lacks no shape, and to pull a network there that has not yet found the object would
    keep it from finding it. For the same reason, switch the loss on after some training: shapes of
    an untrained network say nothing.

    Parameters
    ----------
    shape : str or ShapeSpec, optional
        The shape of the object, with options as in ``"star:center=30/40"``; see
        :meth:`napari_isr.ShapeSpec.parse`.
    ndim : int, optional
        Number of the images' axes, 2 to 4.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis. Default: 1 each.
    foreground_weight : float, optional
        Weight of pixels with a probability above 0.5. With 1, eq. 1 as it stands; more fills what
        is hidden behind something: a part is kept as soon as more than
        ``1 / (1 + foreground_weight)`` of it is seen.
    reduction : {"mean", "sum", "none"}, optional
        What is returned: the mean or the sum over the images of the batch, or each.

    Raises
    ------
    InputError
        If an argument does not fit.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024.
    .. [2] Milgrom & Segal, "Envelope theorems for arbitrary choice sets", Econometrica, 2002.

    Examples
    --------
    >>> import torch
    >>> from napari_isr import ShapeRegularizer
    >>> regularizer = ShapeRegularizer("convex")
    >>> row, column = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    >>> disc = 14 - torch.hypot(row - 20, column - 20)
    >>> bitten = torch.minimum(disc, torch.hypot(row - 20, column - 30) - 9)
    >>> logits = torch.stack([disc, bitten]).requires_grad_()
    >>> whole, missing = ShapeRegularizer("convex", reduction="none")(logits).tolist()
    >>> whole < 0.01 < missing
    True
    >>> regularizer(logits).backward()
    """

    def __init__(
        self,
        shape: str | ShapeSpec = "convex",
        *,
        ndim: int = 2,
        spacing: Sequence[float] = (),
        foreground_weight: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.spec = ShapeSpec.parse(shape)
        if self.spec.name == NONE:
            raise InputError("a regulariser needs a shape: name another one than 'none'")
        if reduction not in get_args(Reduction):
            known = suggest_name(str(reduction), get_args(Reduction))
            raise InputError(f"unknown reduction '{reduction}': {known}")
        if not 0 < foreground_weight < math.inf:
            raise InputError(f"foreground_weight must be positive, not {foreground_weight}")
        self.foreground_weight = float(foreground_weight)
        self.ndim = ImageGeometry((1,) * ndim, tuple(spacing)).ndim
        self.spacing, self.reduction = tuple(spacing), reduction
        self._known: dict[Hashable, ShapeProjector] = {}

    def forward(
        self,
        logits: Tensor,
        *,
        index: Sequence[Hashable] | Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Squared distance of predictions to the nearest shapes.

        Parameters
        ----------
        logits : (batch, n1, ..., nd) or (batch, 1, n1, ..., nd) tensor
            Positive in the object; what a network returns before the sigmoid.
        index : (batch,) sequence or tensor, optional
            What each image is called. The shape of an image that was seen before is fitted from
            where it was, in a fraction of the time.
        weight : (batch,) tensor, optional
            Factors of the images' distances, not negative; images of weight 0 are not fitted.

        Returns
        -------
        tensor
            A scalar, or (batch,) with the reduction ``"none"``; of the device and dtype of the
            logits.

        Raises
        ------
        InputError
            If sizes do not fit or logits are NaN.
        """
        images, frame = self._images(logits)
        factors = self._factors(weight, images)
        shapes = self._shapes(images.detach(), frame, index, factors)
        probability = torch.sigmoid(images)
        fixed = probability.detach()
        targets = [p if s is None else s for p, s in zip(fixed, shapes, strict=True)]
        error = (
            foreground_weights(fixed, self.foreground_weight)
            * (probability - torch.stack(targets)) ** 2
        )
        distance = error.flatten(1).mean(1) * factors
        if self.reduction == "none":
            return distance.to(logits.dtype)
        total = distance.mean() if self.reduction == "mean" else distance.sum()
        return total.to(logits.dtype)

    def project(
        self, logits: Tensor, *, index: Sequence[Hashable] | Tensor | None = None
    ) -> Tensor:
        """Return the nearest shapes as probabilities, of the size of the logits.

        Above 0.5 is inside: each such mask has the shape. It is empty where nothing is predicted.

        Parameters
        ----------
        logits, index
            As for :meth:`forward`.
        """
        images, frame = self._images(logits)
        shapes = self._shapes(images.detach(), frame, index, torch.ones_like(images[:, 0]))
        nothing = torch.zeros_like(images[0])
        found = torch.stack([nothing if s is None else s for s in shapes])
        return found.to(logits.dtype).view_as(logits)

    def reset(self) -> None:
        """Drop the shapes of all images that were seen before."""
        self._known.clear()

    def _images(self, logits: Any) -> tuple[Tensor, ImageGeometry]:
        """Logits (batch, n1, ..., nd), in single precision at least, and their frame."""
        if not isinstance(logits, Tensor) or not logits.is_floating_point():
            raise InputError(
                "the logits are no tensor of floats: pass what the network returns before the "
                "sigmoid"
            )
        size = tuple(logits.shape)
        if len(size) == self.ndim + 2 and size[1] != 1:
            raise InputError(
                f"the logits have {size[1]} channels, but one shape describes one object: pass "
                "the channel of one class"
            )
        if len(size) not in (self.ndim + 1, self.ndim + 2):
            raise InputError(
                f"the logits have the size {size}, but (batch, 1, ...) or (batch, ...) with "
                f"{self.ndim} axes of the images is needed: set ndim to their number"
            )
        if not logits.numel():
            raise InputError(f"the logits are empty (their size is {size})")
        if bool(torch.isnan(logits).any()):
            raise InputError("the logits are NaN: the network has diverged")
        images = logits.flatten(0, 1) if len(size) == self.ndim + 2 else logits
        if torch.finfo(images.dtype).bits < 32:
            images = images.float()
        return images, ImageGeometry(tuple(images.shape[1:]), self.spacing)

    def _factors(self, weight: Tensor | None, images: Tensor) -> Tensor:
        """Weights (batch,) of the images."""
        if weight is None:
            return images.new_ones(len(images))
        factors = torch.as_tensor(weight).to(images)
        if factors.shape != images.shape[:1] or not bool((factors >= 0).all()):
            raise InputError(
                f"the weights must be {len(images)} numbers that are not negative, one for each "
                "image of the batch"
            )
        return factors

    def _shapes(
        self,
        images: Tensor,
        frame: ImageGeometry,
        index: Sequence[Hashable] | Tensor | None,
        factors: Tensor,
    ) -> list[Tensor | None]:
        """Return the probabilities of the nearest shapes, None for empty or unweighted images."""
        names = index.tolist() if isinstance(index, Tensor) else index
        if names is not None and len(names) != len(images):
            raise InputError(
                f"index has {len(names)} entries, but the batch {len(images)} images: "
                "give one for each"
            )
        used = (factors > 0).tolist()
        found: list[Tensor | None] = []
        # Shapes are fitted in full precision and with gradients of their own, whatever the
        # network is run in.
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(images.device.type, enabled=False),
        ):
            for k, probability in enumerate(torch.sigmoid(images.clone())):
                if not used[k] or float(probability.max()) <= 0.5:
                    found.append(None)
                    continue
                fit = self._fit(None if names is None else names[k], frame)
                found.append(fit.project(probability))
        return found

    def _fit(self, name: Hashable, frame: ImageGeometry) -> ShapeProjector:
        """Return the fit of an image, warm-started if the image was seen before."""
        if name in self._known and self._known[name].frame == frame:
            return self._known[name]
        shape = self.spec.build(self.ndim, frame)
        assert shape is not None
        fit = ShapeProjector(shape, frame, self.foreground_weight)
        if name is not None:
            self._known[name] = fit
        return fit

    def extra_repr(self) -> str:
        """Show the shape and how distances are reduced."""
        return f"{str(self.spec)!r}, ndim={self.ndim}, reduction={self.reduction!r}"
