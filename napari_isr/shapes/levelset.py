"""Level sets of splines, which can take any form: the base of mirror and rotational shapes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from napari_isr.evidence import EvidenceGrid
from napari_isr.shapes.base import Shape, ShapeOptions, Stage
from napari_isr.shapes.folded import ridge
from napari_isr.shapes.search import coarse_enough

__all__ = ["LevelSet"]

FAR = -0.5  # value of the first level set where nothing is known
ROUGHNESS = 1e-3
SLOPE = 0.5  # evidence runs from -1 to 1 across the boundary, a level set with about slope 1


class LevelSet(Shape):
    r"""``{x : w . phi(q(x)) > e(q(x))}`` for functions ``phi`` of folded coordinates ``q``.

    Whatever the weights ``w``, points that the symmetry maps onto each other have the same folded
    coordinates ``q``, hence the same logit :math:`\beta (w^T \varphi(q) - e(q))`. The excess ``e``
    is the distance of ``q`` from the box of the splines and bounds the set.
    """

    stages = (Stage(12, 4), Stage(25, 4))
    damping = 0.3
    weights: nn.Parameter

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        self._make_pose()
        with torch.no_grad():
            size = self.features(torch.zeros(1, ndim))[0].shape[1]
        self.weights = nn.Parameter(torch.full((size,), FAR))

    @abstractmethod
    def _make_pose(self) -> None:
        """Register the parameters that place the symmetry."""

    @abstractmethod
    def features(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Functions of the folded coordinates (n, m) and the excess (n,)."""

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        basis, excess = self.features(self.local(points))
        return self.sharpness * (basis @ self.weights - excess)

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form in the weights, forward differentiation in the few pose parameters."""
        with torch.no_grad():
            local = self.local(points)
            basis, excess = self.features(local)
            logit = self.sharpness * (basis @ self.weights - excess)
            return logit, torch.cat([self.pose_slopes(local), self.sharpness * basis], dim=1)

    def pose_slopes(self, local: Tensor) -> Tensor:
        """Derivatives (n, q) of the logit by all parameters but the weights."""
        pose = {name: p.detach() for name, p in self.named_parameters() if name != "weights"}

        def level(pose: dict[str, Tensor]) -> Tensor:
            level: Tensor = functional_call(
                self, pose, (local * self.scale + self.anchor,), strict=False
            )
            return level

        columns = []
        for name, value in pose.items():
            for unit in torch.eye(value.numel()).to(value):
                tangent = {key: torch.zeros_like(other) for key, other in pose.items()}
                tangent[name] = unit.view_as(value)
                columns.append(jvp(level, (pose,), (tangent,))[1])
        return torch.stack(columns, dim=1) if columns else local[:, :0]

    @torch.no_grad()
    def fitted(self, grid: EvidenceGrid, **changed: Tensor) -> dict[str, Tensor]:
        """State whose level set is that of the evidence, symmetrised and smoothed.

        ``changed`` is what the state shall hold beside the weights.
        """
        grid = coarse_enough(grid, changed["scale"])
        state = {name: value.clone() for name, value in self.state_dict().items()}
        state.update(changed)
        state["sharpness"] = torch.full_like(self.sharpness, self.stages[0].sharpness)
        fresh = type(self)(self.ndim, self.options).to(grid.values)
        fresh.load_state_dict(state)
        basis, excess = fresh.features(fresh.local(grid.points))
        near = excess == 0
        values = grid.values.flatten()[near]
        density = (values / values.abs().max().clamp_min(1e-30)) if len(values) else values
        penalty = torch.full_like(self.weights, ROUGHNESS * max(len(values), 1))
        state["weights"] = SLOPE * (ridge(basis[near], density - FAR, penalty) + FAR * fresh.flat())
        return state

    def flat(self) -> Tensor:
        """Weights (m,) whose level set is 1 everywhere."""
        return torch.ones_like(self.weights)
