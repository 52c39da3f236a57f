"""Base class of shapes that are level sets of symmetrized coordinates."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.shapes.base import FitStage, Shape, ShapeOptions
from napari_isr.shapes.basis_functions import MAX_SLOPE_SUM, hstack, ridge_fit

__all__ = ["SymmetricLevelSet"]

# Value of the initial level set where there is no evidence.
EMPTY_LEVEL = -0.5
# Penalty of the squared weights, per cell.
START_PENALTY = 1e-3
# Evidence ranges from -1 to 1 across the boundary. The level set has a slope of about 1.
START_SLOPE = 0.5


class SymmetricLevelSet(Shape):
    r"""``{x : w . phi(q(x)) > e(q(x))}`` for functions ``phi`` of folded coordinates ``q``.

    Points that the symmetry maps onto each other have the same folded coordinates ``q``. Hence
    they have the same logit :math:`\beta (w^T \varphi(q) - e(q))` for all weights ``w``. The
    excess ``e`` is the distance of ``q`` from the box of the functions and bounds the set.
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
        self.weights = nn.Parameter(torch.full((size,), EMPTY_LEVEL))

    @abstractmethod
    def _make_pose(self) -> None:
        """Register the parameters of the pose of the symmetry."""

    @property
    @abstractmethod
    def knot_spacing(self) -> float:
        """Distance of neighboring bumps in local units."""

    @abstractmethod
    def basis_functions(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return functions (n, m) of the folded coordinates, and the excess (n,)."""

    @abstractmethod
    def box_distance(self, local: Tensor) -> Tensor:
        """Return the excess (n,)."""

    @abstractmethod
    def pose_derivatives(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return functions, excess, and derivatives (n, q) of the logit by the pose."""

    def forward(self, points: Tensor) -> Tensor:
        """Return the logit at points; see :meth:`Shape.forward`."""
        level, excess = self.value(self.to_local(points))
        return self.sharpness * (level - excess)

    def value(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of the functions (n,) and the excess (n,)."""
        basis, excess = self.basis_functions(local)
        return basis @ self.weights, excess

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the closed form in the weights, with the shape's derivatives by the pose."""
        with torch.no_grad():
            local = self.to_local(points)
            basis, excess, pose = self.pose_derivatives(local)
            logit = self.sharpness * (basis @ self.weights - excess)
            return logit, hstack([pose, self.sharpness * basis])

    def lipschitz_bound(self) -> float | None:
        """Return the slope of the steepest level set with weights in the same range."""
        spread = float(self.weights.detach().max() - self.weights.detach().min()) / 2
        # Slope, per local unit, of sums of the functions with weights of size 1 at most.
        steepest = math.sqrt(self.ndim) * MAX_SLOPE_SUM / self.knot_spacing
        return float(self.sharpness / self.scale) * (1 + steepest * spread)

    def point_gradients(self, local: Tensor) -> Tensor:
        """Return the derivatives (n, d) of the logit by local coordinates."""
        with torch.enable_grad():
            free = local.detach().requires_grad_()
            basis, excess = self.basis_functions(free)
            level = self.sharpness * (basis @ self.weights.detach() - excess)
            return torch.autograd.grad(level.sum(), free)[0]

    @torch.no_grad()
    def feature_size(self, points: Tensor) -> Tensor | None:
        """Return the distance of the bumps inside the box; see :meth:`Shape.feature_size`."""
        excess = self.box_distance(self.to_local(points))
        return torch.where(excess == 0, self.knot_spacing * self.scale, torch.inf)

    @torch.no_grad()
    def state_from_evidence(self, grid: DenseEvidence, **values: Tensor) -> dict[str, Tensor]:
        """Return the state whose level set is that of the symmetrized and smoothed evidence.

        Parameters
        ----------
        grid : DenseEvidence
            The evidence.
        **values : tensor
            All parts of the state except the weights.
        """
        state = self.initial_state(**values)
        fresh = self.with_state(state)
        basis, excess = fresh.basis_functions(fresh.to_local(grid.points))
        near = (excess == 0).nonzero()[:, 0]
        basis = basis.T.index_select(1, near).T
        evidence = grid.values.flatten()[near]
        if len(evidence):
            evidence = evidence / evidence.abs().max().clamp_min(1e-30)
        penalty = torch.full_like(self.weights, START_PENALTY * max(len(evidence), 1))
        weights = ridge_fit(basis, evidence - EMPTY_LEVEL, penalty)
        state["weights"] = START_SLOPE * (weights + EMPTY_LEVEL * fresh.constant_weights())
        return state

    def constant_weights(self) -> Tensor:
        """Return the weights (m,) whose level set is 1 everywhere."""
        return torch.ones_like(self.weights)
