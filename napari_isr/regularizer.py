"""Shapes for anyone's network: the distance of its predictions to a set of shapes, as a loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from napari_isr.errors import InputError, nearest
from napari_isr.evidence import EvidenceGrid, evidence_from_probability, stretch_of
from napari_isr.fitting.projection import project_shape
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.solver import minimise
from napari_isr.frame import Frame
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import NONE, ShapeSpec

__all__ = ["ShapeRegularizer"]

Reduction = Literal["mean", "sum", "none"]
STEEPEST = 2.0  # slope of the shape's logit, per pixel
NEAR = 12.0  # logits beyond which the sigmoid is flat
POLISH, TOLERANCE = 10, 1e-4  # steps at most with all pixels near the boundary, and when to stop
ROUNDS = 4  # of such steps after a projection
WORTHWHILE = 0.98  # of the distance that a round began with: what it must reach for another
SUDDEN, UNSEEN = 1.25, 1e-3  # growth of the distance that a known shape follows without a new fit


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
        The shape of the object, with options as in ``"star:centre=30/40"``; see
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
            raise InputError(
                f"unknown reduction '{reduction}': {nearest(str(reduction), get_args(Reduction))}"
            )
        if not 0 < foreground_weight < math.inf:
            raise InputError(f"foreground_weight must be positive, not {foreground_weight}")
        self.foreground_weight = float(foreground_weight)
        self.ndim = Frame((1,) * ndim, tuple(spacing)).ndim
        self.spacing, self.reduction = tuple(spacing), reduction
        self._known: dict[Hashable, _Fit] = {}

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
        error = _weights(fixed, self.foreground_weight) * (probability - torch.stack(targets)) ** 2
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

    def forget(self) -> None:
        """Drop the shapes of all images that were seen before."""
        self._known.clear()

    def _images(self, logits: Any) -> tuple[Tensor, Frame]:
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
        return images, Frame(tuple(images.shape[1:]), self.spacing)

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
        frame: Frame,
        index: Sequence[Hashable] | Tensor | None,
        factors: Tensor,
    ) -> list[Tensor | None]:
        """Probability of each image's nearest shape; None if it is empty or counts for nothing."""
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
                found.append(fit.to(probability))
        return found

    def _fit(self, name: Hashable, frame: Frame) -> _Fit:
        """The fit of an image, taken up again if the image has been seen before."""
        if name in self._known and self._known[name].frame == frame:
            return self._known[name]
        shape = self.spec.build(self.ndim, frame)
        assert shape is not None
        fit = _Fit(shape, frame, self.foreground_weight)
        if name is not None:
            self._known[name] = fit
        return fit

    def extra_repr(self) -> str:
        """Show the shape and how distances are reduced."""
        return f"{str(self.spec)!r}, ndim={self.ndim}, reduction={self.reduction!r}"


class _Fit:
    """The shape of one image, and how far it was from the prediction at best."""

    def __init__(self, shape: Shape, frame: Frame, foreground_weight: float) -> None:
        self.shape, self.frame, self.foreground_weight = shape, frame, foreground_weight
        self.distance = math.inf

    def to(self, probability: Tensor) -> Tensor:
        """Fit to an image of probabilities, and return the shape's own (n1, ..., nd)."""
        self.shape.to(probability)
        warm = math.isfinite(self.distance)
        known = self._polished(probability) if warm else None
        if known is not None and known[1] <= SUDDEN * self.distance + UNSEEN:
            self.distance = min(self.distance, known[1])
            return known[0]
        before = copy.deepcopy(self.shape.state_dict())
        inside, self.distance = self._projected(probability, warm)
        if known is not None and known[1] < self.distance:
            self.shape.load_state_dict(before)
            inside, self.distance = known
        return inside

    def _projected(self, probability: Tensor, warm: bool) -> tuple[Tensor, float]:
        """Fit from wherever a projection begins; return as :meth:`_polished` does.

        The projection aims at the sign of the evidence, with few samples and a steep boundary: its
        minimum is only close to that of the distance. A boundary that pixels can resolve makes the
        distance smooth in the parameters, as the envelope theorem has it.
        """
        evidence = evidence_from_probability(probability, self.foreground_weight)
        grid = EvidenceGrid(
            evidence / evidence.numel(),
            self.frame.axes(probability),
            stretch=stretch_of(self.frame.spacing),
        )
        for _ in project_shape(self.shape, grid, warm=warm):
            pass
        slope = _steepness(self._compared(self._points(probability), probability)[0])
        if slope > STEEPEST:
            self.shape.sharpness.mul_(STEEPEST / slope)
        inside, distance = self._polished(probability)
        for _ in range(ROUNDS - 1):
            last = distance
            inside, distance = self._polished(probability)
            if distance > WORTHWHILE * last:
                break
        return inside, distance

    def _points(self, like: Tensor) -> Tensor:
        """Shape coordinates (n, d) of all pixels."""
        axes = torch.meshgrid(*self.frame.axes(like), indexing="ij")
        return torch.stack(axes, dim=-1).flatten(0, -2)

    def _polished(self, probability: Tensor) -> tuple[Tensor, float]:
        """Lower the distance itself; return the shape's probabilities and the distance."""
        shape, points = self.shape, self._points(probability)
        logit, distance = self._compared(points, probability)
        near = (logit.flatten().abs() < NEAR).nonzero()[:, 0]
        if len(near):
            before, target = shape.vector(), probability.flatten()[near]
            weight = _weights(target, self.foreground_weight) / probability.numel()
            samples = Samples(points[near], target, weight)
            for _ in minimise(shape, samples, iterations=POLISH, tolerance=TOLERANCE):
                pass
            polished, reached = self._compared(points, probability)
            if reached <= distance:
                return torch.sigmoid(polished), reached
            shape.load_vector(before)
        return torch.sigmoid(logit), distance

    @torch.no_grad()
    def _compared(self, points: Tensor, probability: Tensor) -> tuple[Tensor, float]:
        """Logit of the shape at all pixels, and the distance."""
        logit = self.shape(points).view_as(probability)
        weight = _weights(probability, self.foreground_weight)
        return logit, float((weight * (torch.sigmoid(logit) - probability) ** 2).mean())


def _weights(probability: Tensor, foreground_weight: float) -> Tensor:
    """Weights of pixels, by what is predicted there."""
    return torch.where(probability > 0.5, foreground_weight, 1.0).to(probability)


def _steepness(logit: Tensor) -> float:
    """Median change of a logit from pixel to pixel across its boundary; 0 if there is none."""
    steps = []
    for axis in range(logit.ndim):
        last = logit.shape[axis] - 1
        first, second = logit.narrow(axis, 0, last), logit.narrow(axis, 1, last)
        steps.append((first - second)[(first > 0) != (second > 0)].abs())
    crossing = torch.cat(steps)
    return float(crossing.median()) if len(crossing) else 0.0
