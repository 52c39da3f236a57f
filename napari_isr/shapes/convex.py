"""Convex sets: sublevel sets of an input convex neural network (ICNN)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.shapes.base import ICONS, FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.basis_functions import LOG2E, hstack, stable_exp2_sum
from napari_isr.shapes.ellipsoid import Ellipsoid, fit_ellipsoid, unit_directions
from napari_isr.shapes.registry import register_shape

__all__ = ["Convex", "ConvexOptions", "ConvexOrbit"]

DEFAULT_PIECES = {2: 16, 3: 48}
# Exponent of the bounding term per squared relative distance.
BOUND_SLOPE = 40.0
# Radius of the smallest ball about the origin that contains every image.
IMAGE_RADIUS = 2.0
# Weights of the foreground evidence, one for each initial state.
START_FOREGROUND_WEIGHTS = (0.7, 1.5)
# Cells of the evidence from which on bends of the boundary are visible to parts of a pixel.
MANY_CELLS = 256**2
# Absolute logit of the points that decide which pieces are active.
ACTIVE_LOGIT = 3.0
# Largest share of an idle piece in the slope of the logit.
IDLE_SHARE = 0.1
# Softplus of this is nearly 0, so that a deep network starts as the shallow one.
INITIAL_HIDDEN_WEIGHT = -6.0
# Iterations that move pieces outwards until the boundary passes through given points.
GROWTH_STEPS = 3


class ConvexOrbit(Shape):
    r"""``{x : f(x) <= 0}`` for the orbit of a convex function under a finite group.

    With the elements ``g`` of the group as orthogonal matrices about a center ``c``, the local
    coordinates :math:`y = (x - c) / s`, unit normals :math:`n_k` and offsets :math:`b_k`,

    .. math:: f(x) = \log \Big( \sum_g \sum_k \exp \beta (n_k^T g y - b_k) + \exp(\ldots) \Big).

    Each term is convex, log-sum-exp preserves convexity, and ``g`` permutes the terms. So the set
    is convex and symmetric for every value of the parameters. (A convex function of folded
    coordinates such as ``|v|`` would not be convex.) The last term grows with the distance from a
    point and bounds the set by a ball that contains the whole image. The logit is ``-f``.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    bound_radius: ClassVar[float]
    """Radius of the bounding ball in shape coordinates."""
    pieces: nn.Parameter

    def _make_pieces(self, count: int) -> None:
        normals = unit_directions(count, self.ndim, like=self.anchor)
        self.pieces = nn.Parameter(torch.cat([normals, torch.ones(len(normals), 1)], dim=1))

    def group_matrices(self) -> tuple[Tensor, Tensor] | None:
        """Return the matrices (g, d, d) of the group and a term (g,) for their exponents.

        None for the trivial group.
        """
        return None

    def _offset(self, points: Tensor) -> Tensor:
        """Return local coordinates (n, d) relative to the center of the group."""
        return self.to_local(points)

    def _bound_offset(self, points: Tensor, offset: Tensor) -> Tensor:
        """Return shape coordinates (n, d) relative to the center of the bounding ball."""
        return points

    def _bound_center(self) -> Tensor:
        return torch.zeros_like(self.anchor)

    def _exponents(self, points: Tensor, offset: Tensor) -> Tensor:
        """Return exponents of 2 (terms, n): the images of all pieces, then the bound.

        The sum over the first axis is faster. The group moves the pieces and not the points, for
        there are fewer pieces.
        """
        group = self.group_matrices()
        steepness = LOG2E * self.sharpness
        normals, levels = self.pieces[:, :-1], -steepness * self.pieces[:, -1:]
        if group is not None:
            matrices, weights = group
            normals = (normals @ matrices).flatten(0, 1)
            levels = (weights[:, None] * LOG2E + levels[:, 0]).reshape(-1, 1)
        terms = torch.addmm(levels, steepness * normals, offset.T)
        square = self._bound_offset(points, offset).square().sum(1)
        bound = LOG2E * BOUND_SLOPE * (square / self.bound_radius**2 - 1)
        return torch.cat([terms, bound[None]])

    def forward(self, points: Tensor) -> Tensor:
        """Return the logit at points; see :meth:`Shape.forward`."""
        _, total, largest = stable_exp2_sum(self._exponents(points, self._offset(points)))
        return (largest + total.log2()) / -LOG2E

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the closed form: shares of the terms times their derivatives."""
        with torch.no_grad():
            offset = self._offset(points)
            parts, total, largest = stable_exp2_sum(self._exponents(points, offset))
            logit = (largest + total.log2()) / -LOG2E
            group = self.group_matrices()
            images = offset.T[None] if group is None else group[0] @ offset.T
            share = (parts[:-1] * (-self.sharpness / total)).unflatten(0, (len(images), -1))
            by_normals = _sum_over_group(share[:, :, None] * images[:, None])
            by_offsets = -_sum_over_group(share)[:, None]
            by_pieces = torch.cat([by_normals, by_offsets], dim=1).flatten(0, 1).T
            pose = self._pose_derivatives(offset, share, parts[-1] / total)
            return logit, hstack([*pose, by_pieces]) if pose else by_pieces

    def _pose_derivatives(self, offset: Tensor, share: Tensor, bound: Tensor) -> list[Tensor]:
        """Return derivatives (n, q) by the parameters of the group, before those by the pieces.

        Parameters
        ----------
        offset : (n, d) tensor
            Local coordinates relative to the center of the group.
        share : (g, pieces, n) tensor
            Derivatives of the logit by the affine terms.
        bound : (n,) tensor
            Share of the bounding term.
        """
        return []

    def coarse_parameters(self) -> Tensor | None:
        """Return the offsets of the pieces: support function values, nearly a convex fit."""
        first = self.ndim
        for name, value in self.named_parameters():
            if name == "pieces":
                break
            first += value.numel()
        last = first - self.ndim + self.pieces.numel()
        return torch.arange(first, last, self.ndim + 1, device=self.anchor.device)

    def lipschitz_bound(self) -> float | None:
        """Return the slope of the steepest term: the gradient is a mean of those of the terms."""
        reach = IMAGE_RADIUS + float(self._bound_center().norm())
        steepest = self.pieces[:, :-1].detach().norm(dim=1).max()
        return max(
            float(self.sharpness / self.scale * steepest),
            2 * BOUND_SLOPE * reach / self.bound_radius**2,
        )

    def _grow_to(self, boundary: Tensor) -> dict[str, Tensor]:
        """Move the pieces outwards until the boundary passes through one point per piece."""
        # Neighboring pieces add up, so that each piece alone would be too far inside.
        for _ in range(GROWTH_STEPS):
            self.pieces[:, -1] -= self(boundary) / self.sharpness
        return {name: value.clone() for name, value in self.state_dict().items()}


class ConvexOptions(ShapeOptions):
    """Options of the convex shape."""

    pieces: int | None = Field(
        None, ge=4, le=256, description="affine pieces; default 16 in the plane, 48 in space"
    )
    depth: int = Field(1, ge=1, le=6, description="layers; 1 is the log-sum-exp of affine maps")
    width: int = Field(16, ge=1, le=512, description="units of each hidden layer if depth > 1")


@register_shape
class Convex(ConvexOrbit):
    r"""``{x : f(x) <= 0}`` for a convex function ``f``, hence a convex set.

    In local coordinates ``y``, with unit normals :math:`n_k`, offsets :math:`b_k` and sharpness
    :math:`\beta`,

    .. math::

        f(x) = \log \Big( \sum_k \exp(\beta z_k(y)) + \exp(c (\|x\|^2 / R^2 - 1)) \Big),
        \qquad z_k(y) = n_k^T y - b_k + \mathrm{softplus}(W)_k \, h(y)

    where ``h`` are the hidden layers of an input convex neural network (none with ``depth=1``,
    the log-sum-exp of affine maps): :math:`h_1 = \mathrm{softplus}(A_1 (y, 1))`,
    :math:`h_{l+1} = \mathrm{softplus}(\mathrm{softplus}(W_l) h_l + A_{l+1} (y, 1))`. Only the
    weights :math:`W` on the hidden path must be non-negative. The reparametrization by softplus
    ensures that. The weights from the input are free. Softplus and log-sum-exp are convex and
    non-decreasing, so ``f`` is convex for every value of the parameters. The quadratic term bounds
    the set by the ball of radius ``R``, twice the reach of any image. The logit is ``-f``.

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
    bound_radius = 4.0
    # The offsets are fitted first, for free normals at a soft boundary let pieces collapse. The
    # last stages sample mostly the boundary, for few samples of the whole image lie there.
    stages = (
        FitStage(12, 3, coarse=True),
        FitStage(25, 4, coarse=True),
        FitStage(25, 5),
        FitStage(50, 6, reassign_idle_parts=True),
        FitStage(100, 4),
        FitStage(160, 4, oversampling=2, boundary_only=True),
        FitStage(300, 5, oversampling=3, boundary_only=True),
    )
    warm_stages = (
        FitStage(100, 4),
        FitStage(160, 4),
        FitStage(300, 4, oversampling=2, boundary_only=True),
    )
    # Many cells show a bend to parts of a pixel. Pieces that are moved to the bend after the
    # boundary is known that well remain there. Pieces that are moved earlier leave it again.
    many_cells_stages = (
        FitStage(12, 3, coarse=True),
        FitStage(25, 5, coarse=True),
        FitStage(50, 6),
        FitStage(100, 4),
        FitStage(160, 4, oversampling=2, boundary_only=True, reassign_idle_parts=True),
        FitStage(300, 5, oversampling=3, boundary_only=True),
    )
    many_cells_warm_stages = (
        FitStage(100, 3),
        FitStage(300, 5, oversampling=3, boundary_only=True),
    )
    damping = 0.3
    n_candidates = 2

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        pieces = self.options.pieces or DEFAULT_PIECES.get(ndim, 96)
        width, hidden = self.options.width, self.options.depth - 1
        self._make_pieces(pieces)
        inputs = [unit_directions(width, ndim, like=self.anchor).roll(i, 0) for i in range(hidden)]
        self.skip = nn.ParameterList(
            [nn.Parameter(torch.cat([x, -torch.ones(width, 1)], dim=1)) for x in inputs]
        )
        sizes = [width] * max(hidden - 1, 0) + [pieces] * min(hidden, 1)
        self.hidden = nn.ParameterList(
            [nn.Parameter(torch.full((size, width), INITIAL_HIDDEN_WEIGHT)) for size in sizes]
        )

    def _exponents(self, points: Tensor, offset: Tensor) -> Tensor:
        exponents = super()._exponents(points, offset)
        if not len(self.hidden):
            return exponents
        raised = F.softplus(self.hidden[-1]) @ self._hidden_activity(offset.T)
        return exponents + F.pad(raised * (LOG2E * self.sharpness), (0, 0, 0, 1))

    def _hidden_activity(self, local: Tensor) -> Tensor:
        """Return the activity (width, n) of the last hidden layer at points (d, n)."""
        activity = F.softplus(_affine(self.skip[0], local))
        for skip, weight in zip(list(self.skip)[1:], self.hidden, strict=False):
            activity = F.softplus(F.softplus(weight) @ activity + _affine(skip, local))
        return activity

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the closed form for ``depth=1``, and differentiate deep networks."""
        if self.options.depth > 1:
            return Shape.logit_and_jacobian(self, points)
        return super().logit_and_jacobian(points)

    def lipschitz_bound(self) -> float | None:
        """Return a bound for ``depth=1``; see :meth:`Shape.lipschitz_bound`."""
        return None if self.options.depth > 1 else super().lipschitz_bound()

    def stages_for(self, cells: int, *, warm: bool) -> tuple[FitStage, ...]:
        """Return stages that follow the boundary closely if there are many cells.

        In few cells, the pieces would follow the corners of the cells. In space, the sides of an
        object may lie outside the image.
        """
        if self.ndim > 2 or cells < MANY_CELLS:
            return super().stages_for(cells, warm=warm)
        return self.many_cells_warm_stages if warm else self.many_cells_stages

    @torch.no_grad()
    def reassign_idle_parts(self, points: Tensor) -> None:
        """Move pieces that affect no point near the boundary to the strongest bends.

        There, a moved piece cuts the corner as much as its neighbors, and the fit continues from
        that. Pieces of deep networks are not flat, and sides in space may lie outside the image:
        both are left as they are, for moving them made fits worse.
        """
        if self.options.depth > 1 or self.ndim > 2:
            return
        values = self._exponents(points, self._offset(points)) / LOG2E
        near = (values.logsumexp(0).abs() < ACTIVE_LOGIT).nonzero()[:, 0]
        local, values = self.to_local(points[near]), values[:-1, near]
        if not len(near):
            return
        for index in (values.softmax(0).amax(1) < IDLE_SHARE).nonzero()[:, 0]:
            share, level = values.softmax(0), values.logsumexp(0)
            mean = share.T @ self.pieces[:, :-1]
            length = mean.norm(dim=1)
            bend = 1 - length / (share.T @ self.pieces[:, :-1].norm(dim=1))
            # The weight prefers points on the boundary to others between the same two pieces.
            at = (bend * torch.sigmoid(level) * torch.sigmoid(-level)).argmax()
            normal = mean[at] / length[at]
            height = values[:, at].amax() - level[at] + level[at] / length[at]
            offset = normal @ local[at] - height / self.sharpness
            self.pieces[index] = torch.cat([normal, offset[None]])
            values[index] = self.sharpness * (local @ normal - offset)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the ellipsoids that explain the most evidence.

        One is cautious, and one reaches across gaps. Only a stage of the fit shows which of them
        leads to the better set.
        """
        return [
            self._from_ellipsoid(fit_ellipsoid(_reweight_foreground(grid, weight)))
            for weight in START_FOREGROUND_WEIGHTS
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
        return fresh._grow_to(ellipsoid.center + unit @ ellipsoid.radii)


def _sum_over_group(values: Tensor) -> Tensor:
    """Return the sum over the first axis, without a copy for the trivial group."""
    return values[0] if len(values) == 1 else values.sum(0)


def _reweight_foreground(grid: DenseEvidence, weight: float) -> DenseEvidence:
    """Return the evidence with a factor on the part for the object."""
    values = torch.where(grid.values > 0, weight * grid.values, grid.values)
    return DenseEvidence(values, grid.axes)


def _affine(weights: Tensor, points: Tensor) -> Tensor:
    return torch.addmm(weights[:, -1:], weights[:, :-1], points)
