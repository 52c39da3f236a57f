"""Level sets of splines, which can take any form: the base of mirror and rotational shapes."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.shapes.base import FitStage, Shape, ShapeOptions
from napari_isr.shapes.symmetric_bases import STEEPEST_SUM, hstack, ridge_fit

__all__ = ["SymmetricLevelSet"]

FAR = -0.5  # value of the first level set where nothing is known
ROUGHNESS = 1e-3
SLOPE = 0.5  # evidence runs from -1 to 1 across the boundary, a level set with about slope 1


class SymmetricLevelSet(Shape):
    r"""``{x : w . phi(q(x)) > e(q(x))}`` for functions ``phi`` of folded coordinates ``q``.

    Whatever the weights ``w``, points that the symmetry maps onto each other have the same folded
    coordinates ``q``, hence the same logit :math:`\beta (w^T \varphi(q) - e(q))`. The excess ``e``
    is the distance of ``q`` from the box of the splines and bounds the set.
    """

    stages = (FitStage(12, 4), FitStage(25, 4))
    warm_stages = (FitStage(12, 2), FitStage(25, 4))
    damping = 0.3
    start_cells = 8192
    may_leave_fragments = True
    weights: nn.Parameter

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        self._make_pose()
        with torch.no_grad():
            size = self.basis_functions(torch.zeros(1, ndim))[0].shape[1]
        self.weights = nn.Parameter(torch.full((size,), FAR))

    @abstractmethod
    def _make_pose(self) -> None:
        """Register the parameters that place the symmetry."""

    @property
    @abstractmethod
    def knot_spacing(self) -> float:
        """Distance of neighbouring bumps, in local units."""

    @abstractmethod
    def basis_functions(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Functions of the folded coordinates (n, m) and the excess (n,)."""

    @abstractmethod
    def box_distance(self, local: Tensor) -> Tensor:
        """Excess (n,) alone."""

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        level, excess = self.value(self.to_local(points))
        return self.sharpness * (level - excess)

    def value(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sum of the functions (n,) and the excess (n,)."""
        basis, excess = self.basis_functions(local)
        return basis @ self.weights, excess

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form in the weights; the few parameters of the pose are up to the family."""
        with torch.no_grad():
            local = self.to_local(points)
            basis, excess, pose = self.pose_derivatives(local)
            logit = self.sharpness * (basis @ self.weights - excess)
            return logit, hstack([pose, self.sharpness * basis])

    @abstractmethod
    def pose_derivatives(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`basis_functions` gives, and derivatives (n, q) of the logit by the pose."""

    def lipschitz_bound(self) -> float | None:
        """Slope of the steepest level set with weights in this range."""
        spread = float(self.weights.detach().max() - self.weights.detach().min()) / 2
        slope = 1 + self._roughest() * spread
        return float(self.sharpness / self.scale) * slope

    def _roughest(self) -> float:
        """Largest slope, per local unit, of a sum of the functions with weights up to 1."""
        return math.sqrt(self.ndim) * STEEPEST_SUM / self.knot_spacing

    def point_gradients(self, local: Tensor) -> Tensor:
        """Derivatives (n, d) of the logit by local coordinates."""
        with torch.enable_grad():
            free = local.detach().requires_grad_()
            basis, excess = self.basis_functions(free)
            level = self.sharpness * (basis @ self.weights.detach() - excess)
            return torch.autograd.grad(level.sum(), free)[0]

    @torch.no_grad()
    def feature_size(self, points: Tensor) -> Tensor | None:
        """Distance of the bumps, where there are any; see :meth:`Shape.feature_size`."""
        excess = self.box_distance(self.to_local(points))
        return torch.where(excess == 0, self.knot_spacing * self.scale, torch.inf)

    @torch.no_grad()
    def state_from_evidence(self, grid: DenseEvidence, **changed: Tensor) -> dict[str, Tensor]:
        """State whose level set is that of the evidence, symmetrised and smoothed.

        ``changed`` is what the state shall hold beside the weights.
        """
        state = {name: value.clone() for name, value in self.state_dict().items()}
        state.update(changed)
        state["sharpness"] = torch.full_like(self.sharpness, self.stages[0].sharpness)
        fresh = self.with_state(state)
        basis, excess = fresh.basis_functions(fresh.to_local(grid.points))
        near = (excess == 0).nonzero()[:, 0]
        basis = basis.T.index_select(1, near).T
        values = grid.values.flatten()[near]
        density = (values / values.abs().max().clamp_min(1e-30)) if len(values) else values
        penalty = torch.full_like(self.weights, ROUGHNESS * max(len(values), 1))
        state["weights"] = SLOPE * (
            ridge_fit(basis, density - FAR, penalty) + FAR * fresh.constant_weights()
        )
        return state

    def constant_weights(self) -> Tensor:
        """Weights (m,) whose level set is 1 everywhere."""
        return torch.ones_like(self.weights)
