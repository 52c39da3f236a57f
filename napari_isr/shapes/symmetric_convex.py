"""Convex sets that are mirror-symmetric or rotationally symmetric too."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes._numerics import LOG2E, stable_exp2_sum
from napari_isr.shapes.base import ICONS, FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.ellipsoid import fit_ellipsoid, unit_directions
from napari_isr.shapes.initialization import (
    candidate_orders,
    search_mirror_axes,
    search_mirror_planes,
    search_rotation_order,
    sum_over_leading_axes,
)
from napari_isr.shapes.mirror import axis_basis
from napari_isr.shapes.options import (
    AxisOptions,
    OrderOptions,
    axis_from_pixels,
    describe_axis,
    describe_normal,
    describe_point,
    describe_spacing,
    double_copy,
    point_from_pixels,
)
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.star import REACH, RINGS
from napari_isr.shapes.symmetric_bases import hstack
from napari_isr.shapes.symmetric_star import best_star_evidence

__all__ = ["ConvexMirror", "ConvexMirrorOptions", "ConvexRotational", "ConvexRotationalOptions"]

BOUND_RADIUS = 8.0  # about the center of the symmetry, which may lie outside the image
BOUND_SLOPE = 40.0


class GroupConvex(Shape):
    r"""``{x : f(x) <= 0}`` for the orbit of a convex function under a finite group.

    With the elements ``g`` of the group as orthogonal matrices about the center ``c``, and
    :math:`y = (x - c) / s`,

    .. math:: f(x) = \log \Big( \sum_g \sum_k \exp \beta (n_k^T g y - b_k) + \exp(\ldots) \Big).

    Each term is convex, log-sum-exp keeps that, and ``g`` only changes the order of the terms: the
    set is convex and symmetric for every value of the parameters. (A convex function of folded
    coordinates such as ``|v|`` would not be convex.) The last term depends on the distance from
    ``c`` alone and bounds the set by a ball that holds the whole image. The logit is ``-f``.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    stages = (FitStage(12, 4, coarse=True), FitStage(25, 5), FitStage(60, 5))
    start_cells = 8192
    center: Tensor
    pieces: nn.Parameter

    def _make_pieces(self, count: int) -> None:
        normals = unit_directions(max(count, self.ndim + 1), self.ndim, like=self.anchor)
        self.pieces = nn.Parameter(torch.cat([normals, torch.ones(len(normals), 1)], dim=1))

    @abstractmethod
    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Matrices (g, d, d) of the group, and what is added to each's exponents (g,)."""

    def _exponents(self, offset: Tensor) -> Tensor:
        """Exponents of 2 (g * pieces + 1, n): those of the images of each piece, and the bound's.

        The pieces are moved, not the points: there are fewer of them.
        """
        matrices, weight = self.group_matrices()
        normals = self.pieces[:, :-1] @ matrices
        steepness = LOG2E * self.sharpness
        level = weight[:, None] * LOG2E - steepness * self.pieces[:, -1]
        z = torch.addmm(level.reshape(-1, 1), steepness * normals.flatten(0, 1), offset.T)
        square = (offset * self.scale).square().sum(1)
        bound = LOG2E * BOUND_SLOPE * (square / BOUND_RADIUS**2 - 1)
        return torch.cat([z, bound[None]])

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        _, total, largest = stable_exp2_sum(self._exponents(self.to_local(points) - self.center))
        return (largest + total.log2()) / -LOG2E

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form: shares of the terms times their derivatives."""
        with torch.no_grad():
            offset = self.to_local(points) - self.center
            parts, total, largest = stable_exp2_sum(self._exponents(offset))
            logit = (largest + total.log2()) / -LOG2E
            matrices, _ = self.group_matrices()
            share = (parts[:-1] * (-self.sharpness / total)).unflatten(0, (len(matrices), -1))
            images = (matrices @ offset.T)[:, None]  # (g, 1, d, n)
            by_normals = (share[:, :, None] * images).sum(0)
            by_pieces = torch.cat([by_normals, -share.sum(0)[:, None]], dim=1).flatten(0, 1)
            # How the logit changes with each image of the point, and by the bound.
            pull = self.pieces[:, :-1].T @ share
            bound = parts[-1] / total
            return logit, hstack([*self._pose_slopes(offset, pull, bound), by_pieces.T])

    def _pose_slopes(self, offset: Tensor, pull: Tensor, bound: Tensor) -> list[Tensor]:
        """Derivatives (n, q) by the parameters of the center and the axis.

        ``pull`` (g, d, n) is how the logit changes with each image of the point, ``bound`` (n,)
        the share of the bound in it.
        """
        if "center" not in self._parameters:
            return []
        by_offset = (self.group_matrices()[0].mT @ pull).sum(0).T
        steep = 2 * BOUND_SLOPE * self.scale.square() / BOUND_RADIUS**2
        by_offset = by_offset - bound[:, None] * steep * offset
        return [-by_offset]

    def coarse_parameters(self) -> Tensor | None:
        """Only the offsets of the pieces."""
        total, width = sum(p.numel() for p in self.parameters()), self.ndim + 1
        first = total - self.pieces.numel() + width - 1
        return torch.arange(first, total, width, device=self.anchor.device)

    def lipschitz_bound(self) -> float | None:
        """Slope of the steepest piece: the gradient is a mean of those of the pieces."""
        center = self.anchor + self.scale * self.center.detach()
        bound = 2 * BOUND_SLOPE * (2 + float(center.norm())) / BOUND_RADIUS**2
        steepest = self.pieces[:, :-1].detach().norm(dim=1).max()
        return max(float(self.sharpness / self.scale * steepest), bound)

    @torch.no_grad()
    def _ball(self, center: Tensor, size: Tensor, **changed: Tensor) -> dict[str, Tensor]:
        """Start from a ball; ``changed`` is what else the state shall hold."""
        fresh = type(self)(self.ndim, self.options).to(center)
        state = {name: value.clone() for name, value in fresh.state_dict().items()}
        state.update(changed, anchor=center, scale=size)
        state["sharpness"] = torch.full_like(self.sharpness, self.stages[0].sharpness)
        fresh.load_state_dict(state)
        unit = fresh.pieces[:, :-1]
        for _ in range(3):  # neighbouring pieces add up: move them out until the boundary fits
            fresh.pieces[:, -1] -= fresh(center + unit * size) / fresh.sharpness
        return {name: value.clone() for name, value in fresh.state_dict().items()}


class ConvexMirrorOptions(AxisOptions):
    """Options of the mirror-symmetric convex shape."""

    pieces: int = Field(12, ge=3, le=256, description="affine pieces; each has a mirror image")


@register_shape
class ConvexMirror(GroupConvex):
    """Convex and mirror-symmetric: the orbit of a convex function under a reflection."""

    name = "convex+mirror"
    guarantee = "the object is convex, and its own mirror image"
    description = ShapeDescription(
        title="convex + mirror",
        hint="Convex + mirror: no dents, two equal halves. Eggs, nuts.",
        adjective="convex and mirror-symmetric",
        certificate_checks=("convex", "mirror"),
        conflict_tests=("convex", "mirror"),
        icon=ICONS / "convex+mirror.svg",
        single_piece=True,
        position=5,
    )
    n_candidates = 2
    fills_occlusions = True
    Options: ClassVar[type[ShapeOptions]] = ConvexMirrorOptions
    options: ConvexMirrorOptions
    turn: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        start = torch.zeros(1) if ndim == 2 else torch.eye(ndim)[-1]
        if self.options.axis is None:
            self.center = nn.Parameter(torch.zeros(ndim))
            self.turn = nn.Parameter(start)
        else:  # a shift along the axis is in the offsets of the pieces
            self.register_buffer("center", torch.zeros(ndim))
            self.register_buffer("turn", start)
        self._make_pieces(self.options.pieces)

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor on the axis that the user gave; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.axis is not None:
            point, angle = axis_from_pixels(self.options.axis, frame)
            self.anchor.copy_(point)
            self.turn.fill_(angle)

    def _normal(self) -> Tensor:
        if self.ndim == 2:
            return torch.cat([self.turn.cos(), -self.turn.sin()])
        return nn.functional.normalize(self.turn, dim=0)

    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Identity and reflection."""
        normal = self._normal()
        eye = torch.eye(self.ndim, device=normal.device, dtype=normal.dtype)
        matrices = torch.stack([eye, eye - 2 * torch.outer(normal, normal)])
        return matrices, torch.zeros_like(matrices[:, 0, 0])

    def _pose_slopes(self, offset: Tensor, pull: Tensor, bound: Tensor) -> list[Tensor]:
        found = super()._pose_slopes(offset, pull, bound)
        if not found:
            return found
        # The reflection of y moves by -2 (dn n.y + n dn.y) with the normal.
        normal = self._normal()
        across = offset @ normal
        pulled = pull[1].T
        by_normal = -2 * (pulled * across[:, None] + (pulled @ normal)[:, None] * offset)
        if self.ndim == 2:
            along = torch.cat([-self.turn.sin(), -self.turn.cos()])
            return [*found, (by_normal @ along)[:, None]]
        tangent = by_normal - (by_normal @ normal)[:, None] * normal
        return [*found, tangent / self.turn.norm()]

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from balls about several axes."""
        ellipsoid = fit_ellipsoid(grid)
        if self.options.axis is not None:
            axis = axis_basis(float(self.turn)).to(self.anchor)[:, 0]
            center = self.anchor + axis * (axis @ (ellipsoid.center - self.anchor))
            return [self._ball(center, ellipsoid.size, turn=self.turn)]
        if self.ndim == 2:
            found = search_mirror_axes(
                grid, best_star_evidence, REACH, RINGS, keep=2, ellipsoid=ellipsoid
            )
            return [
                self._ball(center, size, turn=torch.full_like(self.turn, angle))
                for center, size, angle in found
            ]
        planes = search_mirror_planes(grid, ellipsoid, keep=2)
        return [self._ball(p, ellipsoid.size, turn=frame[:, -1]) for p, frame in planes]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Axis in pixels; in three dimensions or more a point of the plane and its normal."""
        exact = double_copy(self)
        point = exact.anchor + exact.scale * exact.center
        if exact.ndim == 2:
            found = describe_axis(point, float(exact.turn), frame)
        else:
            found = {
                "plane_point": describe_point(point, frame),
                "normal": describe_normal(exact.turn),
            }
        return {**found, **describe_spacing(frame)}


class ConvexRotationalOptions(OrderOptions):
    """Options of the rotationally symmetric convex shape."""

    pieces: int = Field(16, ge=3, le=256, description="affine pieces, all images counted")


@register_shape
class ConvexRotational(GroupConvex):
    """Convex and rotationally symmetric: the orbit of a convex function under turns."""

    name = "convex+rotational"
    guarantee = "the object is convex, and the same after a part of a turn about its center"
    description = ShapeDescription(
        title="convex + rotation",
        hint="Convex + rotational: no dents, repeats in a turn. Coins, signs.",
        adjective="convex and rotationally symmetric",
        certificate_checks=("convex", "rotational"),
        conflict_tests=("convex", "rotational"),
        icon=ICONS / "convex+rotational.svg",
        single_piece=True,
        position=9,
    )
    n_candidates = 7
    fills_occlusions = True
    Options: ClassVar[type[ShapeOptions]] = ConvexRotationalOptions
    options: ConvexRotationalOptions
    order: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        if ndim > 3:
            raise InputError("convex+rotational is for images with 2 or 3 axes")
        orders = candidate_orders(self.options.order)
        if self.options.center is None:
            self.center = nn.Parameter(torch.zeros(ndim))
        else:
            self.register_buffer("center", torch.zeros(ndim))
        self.register_buffer("order", torch.tensor(float(orders[0])))
        self.turns = orders[-1]
        self._make_pieces(-(-self.options.pieces * (ndim - 1) // min(orders[0], 3)))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor at the center that the user gave; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.center is not None:
            self.anchor.copy_(point_from_pixels(self.options.center, frame, "center"))

    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Turns about the axis through the center; those beyond the order count for nothing."""
        index = torch.arange(self.turns, device=self.order.device).to(self.order)
        angle = index * (2 * math.pi) / self.order
        cosine, sine = angle.cos(), angle.sin()
        turns = torch.stack([torch.stack([cosine, sine], 1), torch.stack([-sine, cosine], 1)], 1)
        if self.ndim == 3:
            turns = nn.functional.pad(turns, (1, 0, 1, 0))
            turns[:, 0, 0] = 1
        weight = torch.where(index < self.order, 0.0, -torch.inf).to(self.order)
        return turns, weight

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from a ball about the best center, with the best order if none is given."""
        fixed = None if self.options.center is None else self.anchor
        order, center, size = search_rotation_order(
            sum_over_leading_axes(grid),
            candidate_orders(self.options.order),
            best_star_evidence,
            REACH,
            RINGS,
            fixed=None if fixed is None else fixed[-2:],
        )
        if self.ndim == 3:
            ellipsoid = fit_ellipsoid(grid)
            size = ellipsoid.size
            center = torch.cat([ellipsoid.center[:1], center]) if fixed is None else fixed
        # A ball says little about the order of a polygon: the fits from it are compared.
        orders = dict.fromkeys((int(order), *candidate_orders(self.options.order)))
        return [self._ball(center, size, order=torch.full_like(self.order, n)) for n in orders]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Center in pixels and order."""
        exact = double_copy(self)
        center = exact.anchor + exact.scale * exact.center
        return {
            CENTER_KEY: describe_point(center, frame),
            "order": round(float(exact.order)),
            **describe_spacing(frame),
        }
