"""Projection of differentiable probabilities onto a shape."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from napari_isr.evidence import DenseEvidence, axis_anisotropy, signed_evidence
from napari_isr.fitting.projection import iter_project_shape
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.solvers import minimize
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import Shape

__all__ = ["ShapeProjector", "foreground_weights"]

STEEPEST = 2.0  # slope of the shape's logit, per pixel
NEAR = 12.0  # logits beyond which the sigmoid is flat
POLISH, TOLERANCE = 10, 1e-4  # steps at most with all pixels near the boundary, and when to stop
ROUNDS = 4  # of such steps after a projection
WORTHWHILE = 0.98  # of the distance that a round began with: what it must reach for another
SUDDEN, UNSEEN = 1.25, 1e-3  # growth of the distance that a known shape follows without a new fit


class ShapeProjector:
    """The shape of one image, and how far it was from the prediction at best."""

    def __init__(self, shape: Shape, frame: ImageGeometry, foreground_weight: float) -> None:
        self.shape, self.frame, self.foreground_weight = shape, frame, foreground_weight
        self.distance = math.inf

    def project(self, probability: Tensor) -> Tensor:
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
        evidence = signed_evidence(probability, self.foreground_weight)
        grid = DenseEvidence(
            evidence / evidence.numel(),
            self.frame.normalized_axes(probability),
            stretch=axis_anisotropy(self.frame.spacing),
        )
        for _ in iter_project_shape(self.shape, grid, warm=warm, fine=False):
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
        axes = torch.meshgrid(*self.frame.normalized_axes(like), indexing="ij")
        return torch.stack(axes, dim=-1).flatten(0, -2)

    def _polished(self, probability: Tensor) -> tuple[Tensor, float]:
        """Lower the distance itself; return the shape's probabilities and the distance."""
        shape, points = self.shape, self._points(probability)
        logit, distance = self._compared(points, probability)
        near = (logit.flatten().abs() < NEAR).nonzero()[:, 0]
        if len(near):
            before, target = shape.parameter_vector(), probability.flatten()[near]
            weight = foreground_weights(target, self.foreground_weight) / probability.numel()
            samples = Samples(points[near], target, weight)
            for _ in minimize(shape, samples, iterations=POLISH, tolerance=TOLERANCE):
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
        weight = foreground_weights(probability, self.foreground_weight)
        return logit, float((weight * (torch.sigmoid(logit) - probability) ** 2).mean())


def foreground_weights(probability: Tensor, foreground_weight: float) -> Tensor:
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
