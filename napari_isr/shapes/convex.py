"""Convex sets: sublevel sets of an input convex neural network (ICNN)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.shapes._numerics import LOG2E, stable_exp2_sum
from napari_isr.shapes.base import ICONS, FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.ellipsoid import Ellipsoid, fit_ellipsoid, unit_directions
from napari_isr.shapes.registry import register_shape

__all__ = ["Convex", "ConvexOptions"]

DEFAULT_PIECES = {2: 16, 3: 48}
BOUND_RADIUS = 4.0  # the image lies within radius 2, whatever its number of axes
BOUND_SLOPE = 40.0
START_FOREGROUND_WEIGHTS = (0.7, 1.5)  # weight of the foreground for each start
MANY_CELLS = 256**2  # of the evidence: from there on, bends are seen to parts of a pixel
ACTIVE_LOGIT = 3.0  # logits of the points that say which pieces are felt
IDLE_SHARE = 0.1  # of the logit's slope, the most that a piece has that no point feels
INITIAL_HIDDEN_WEIGHT = (
    -6.0
)  # hidden weights start near zero: the deep network starts as the shallow one


class ConvexOptions(ShapeOptions):
    """Options of the convex shape."""

    pieces: int | None = Field(
        None, ge=4, le=256, description="affine pieces; default 16 in the plane, 48 in space"
    )
    depth: int = Field(1, ge=1, le=6, description="layers; 1 is the log-sum-exp of affine maps")
    width: int = Field(16, ge=1, le=512, description="units of each hidden layer if depth > 1")


@register_shape
class Convex(Shape):
    r"""``{x : f(x) <= 0}`` for a convex function ``f``, hence a convex set.

    In local coordinates ``y``, with unit normals :math:`n_k`, offsets :math:`b_k` and sharpness
    :math:`\beta`,

    .. math::

        f(x) = \log \Big( \sum_k \exp(\beta z_k(y)) + \exp(c (\|x\|^2 / R^2 - 1)) \Big),
        \qquad z_k(y) = n_k^T y - b_k + \mathrm{softplus}(W)_k \, h(y)

    where ``h`` are the hidden layers of an input convex neural network (none with ``depth=1``,
    the log-sum-exp of affine maps): :math:`h_1 = \mathrm{softplus}(A_1 (y, 1))`,
    :math:`h_{l+1} = \mathrm{softplus}(\mathrm{softplus}(W_l) h_l + A_{l+1} (y, 1))`. Only the
    weights :math:`W` on the hidden path must be non-negative, and they are so by
    reparametrisation; those from the input are free. Softplus and log-sum-exp are convex and
    non-decreasing, so ``f`` is convex for every value of the parameters. The quadratic term
    bounds the set by the ball of radius ``R``, twice the reach of any image. The logit is ``-f``.

    References
    ----------
    .. [1] Amos, Xu, Kolter, "Input Convex Neural Networks", ICML 2017, section 3.
    .. [2] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    name = "convex"
    guarantee = "the straight line between any two points of the object stays in the object"
    description = ShapeDescription(
        title="convex",
        hint="Convex: no dents. Cells, fruit, stones, balls.",
        adjective="convex",
        certificate_checks=("convex",),
        conflict_tests=("convex",),
        icon=ICONS / "convex.svg",
        single_piece=True,
        extra_coordinates=True,
        position=1,
    )
    fills_occlusions = True
    Options = ConvexOptions
    options: ConvexOptions
    # Offsets first, then the normals too: free normals at a soft boundary let pieces collapse. At
    # last with most of the samples at the boundary: of those that see the whole image, few do.
    stages = (
        FitStage(12, 3, coarse=True),
        FitStage(25, 4, coarse=True),
        FitStage(25, 5),
        FitStage(50, 6, reassign_idle_parts=True),
        FitStage(100, 4),
        FitStage(160, 4, oversampling=2, boundary_only=True),
        FitStage(300, 5, oversampling=3, boundary_only=True),
    )
    damping = 0.3
    n_candidates = 2
    warm_stages = (
        FitStage(100, 4),
        FitStage(160, 4),
        FitStage(300, 4, oversampling=2, boundary_only=True),
    )

    # Many cells show a bend to parts of a pixel. There, pieces that are put where it bends only
    # once the boundary is known that well stay at the bend; put there earlier, they leave it again.
    close_stages = (
        FitStage(12, 3, coarse=True),
        FitStage(25, 5, coarse=True),
        FitStage(50, 6),
        FitStage(100, 4),
        FitStage(160, 4, oversampling=2, boundary_only=True, reassign_idle_parts=True),
        FitStage(300, 5, oversampling=3, boundary_only=True),
    )
    close_warm_stages = (FitStage(100, 3), FitStage(300, 5, oversampling=3, boundary_only=True))

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        pieces = self.options.pieces or DEFAULT_PIECES.get(ndim, 96)
        width, hidden = self.options.width, self.options.depth - 1
        normals = unit_directions(pieces, ndim, like=self.anchor)
        self.pieces = nn.Parameter(torch.cat([normals, torch.ones(pieces, 1)], dim=1))
        looks = [unit_directions(width, ndim, like=self.anchor).roll(i, 0) for i in range(hidden)]
        self.skip = nn.ParameterList(
            [nn.Parameter(torch.cat([look, -torch.ones(width, 1)], dim=1)) for look in looks]
        )
        sizes = [width] * max(hidden - 1, 0) + [pieces] * min(hidden, 1)
        self.hidden = nn.ParameterList(
            [nn.Parameter(torch.full((size, width), INITIAL_HIDDEN_WEIGHT)) for size in sizes]
        )

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        _, total, largest = stable_exp2_sum(self._exponents(points))
        return (largest + total.log2()) / -LOG2E

    def _exponents(self, points: Tensor) -> Tensor:
        """Exponents of 2 (pieces + 1, n); pieces first, for sums over the first axis are faster."""
        local = self.to_local(points).T
        pieces = self.pieces * (LOG2E * self.sharpness)
        z = torch.addmm(-pieces[:, -1:], pieces[:, :-1], local)
        if len(self.hidden):
            lift = F.softplus(self.hidden[-1]) @ self._hidden(local)
            z = z + lift * (LOG2E * self.sharpness)
        bound = LOG2E * BOUND_SLOPE * (points.square().sum(1) / BOUND_RADIUS**2 - 1)
        return torch.cat([z, bound[None]])

    def _hidden(self, local: Tensor) -> Tensor:
        activity = F.softplus(_affine(self.skip[0], local))
        for skip, weight in zip(list(self.skip)[1:], self.hidden, strict=False):
            activity = F.softplus(F.softplus(weight) @ activity + _affine(skip, local))
        return activity

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form for ``depth=1``: shares of the pieces times their derivatives."""
        if self.options.depth > 1:
            return super().logit_and_jacobian(points)
        with torch.no_grad():
            parts, total, largest = stable_exp2_sum(self._exponents(points))
            logit = (largest + total.log2()) / -LOG2E
            share = parts[:-1] * (-self.sharpness / total)
            rows = [share * y for y in self.to_local(points).T.contiguous()]
            return logit, torch.stack([*rows, -share], dim=1).flatten(0, 1).T

    def lipschitz_bound(self) -> float | None:
        """Slope of the steepest piece: the gradient is a mean of those of the pieces."""
        if self.options.depth > 1:
            return None
        bound = 2 * BOUND_SLOPE * 2 / BOUND_RADIUS**2
        steepest = self.pieces[:, :-1].detach().norm(dim=1).max()
        return max(float(self.sharpness / self.scale * steepest), bound)

    def stages_for(self, cells: int, *, warm: bool) -> tuple[FitStage, ...]:
        """Return the close stages for outlines in many cells; see :meth:`Shape.stages_for`.

        In few cells the pieces would follow the cells' own corners, and in space the sides of an
        object may lie beyond what is seen.
        """
        if self.ndim > 2 or cells < MANY_CELLS:
            return super().stages_for(cells, warm=warm)
        return self.close_warm_stages if warm else self.close_stages

    def coarse_parameters(self) -> Tensor | None:
        """Only the offsets of the last layer: support function values, nearly a convex fit."""
        last = self.pieces.numel()
        return torch.arange(self.ndim, last, self.ndim + 1, device=self.anchor.device)

    @torch.no_grad()
    def reassign_idle_parts(self, points: Tensor) -> None:
        """Put pieces that no point near the boundary feels to where it bends most.

        There they cut the corner as much as the pieces beside them, and the fit goes on from that.
        Of a deep network, whose pieces are not flat, nothing is moved, and neither in space, where
        the sides of an object may lie beyond what is seen: there it made fits worse.
        """
        if self.options.depth > 1 or self.ndim > 2:
            return
        values = self._exponents(points) / LOG2E
        near = (values.logsumexp(0).abs() < ACTIVE_LOGIT).nonzero()[:, 0]
        local, values = self.to_local(points[near]), values[:-1, near]
        if not len(near):
            return
        for index in (values.softmax(0).amax(1) < IDLE_SHARE).nonzero()[:, 0]:
            share, level = values.softmax(0), values.logsumexp(0)
            mean = share.T @ self.pieces[:, :-1]
            length = mean.norm(dim=1)
            bend = 1 - length / (share.T @ self.pieces[:, :-1].norm(dim=1))
            # Right at the boundary, and not elsewhere between the same two pieces.
            where = (bend * torch.sigmoid(level) * torch.sigmoid(-level)).argmax()
            normal = mean[where] / length[where]
            there = values[:, where].amax() - level[where] + level[where] / length[where]
            offset = normal @ local[where] - there / self.sharpness
            self.pieces[index] = torch.cat([normal, offset[None]])
            values[index] = self.sharpness * (local @ normal - offset)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the ellipsoids that explain the most evidence.

        A cautious one and one that reaches across gaps: which of the two leads to the better set
        is known only after a stage of the fit.
        """
        return [
            self._from_ellipsoid(fit_ellipsoid(_reweight_foreground(grid, w)))
            for w in START_FOREGROUND_WEIGHTS
        ]

    @torch.no_grad()
    def _from_ellipsoid(self, ellipsoid: Ellipsoid) -> dict[str, Tensor]:
        fresh = type(self)(self.ndim, self.options).to(ellipsoid.center)
        fresh.anchor.copy_(ellipsoid.center)
        fresh.scale.copy_(ellipsoid.size)
        fresh.sharpness.fill_(self.stages[0].sharpness)
        unit = unit_directions(len(fresh.pieces), self.ndim, like=ellipsoid.center)
        normals = torch.linalg.solve(ellipsoid.radii, unit.T).T
        length = normals.norm(dim=1, keepdim=True)
        fresh.pieces.copy_(torch.cat([normals / length, 1 / (length * fresh.scale)], dim=1))
        touching = ellipsoid.center + unit @ ellipsoid.radii
        for _ in range(3):  # neighbouring pieces add up: move them out until the boundary fits
            fresh.pieces[:, -1] -= fresh(touching) / fresh.sharpness
        return {name: value.clone() for name, value in fresh.state_dict().items()}


def _reweight_foreground(grid: DenseEvidence, weight: float) -> DenseEvidence:
    """The same evidence with the part for the object weighted."""
    values = torch.where(grid.values > 0, weight * grid.values, grid.values)
    return DenseEvidence(values, grid.axes)


def _affine(weights: Tensor, points: Tensor) -> Tensor:
    return torch.addmm(weights[:, -1:], weights[:, :-1], points)
