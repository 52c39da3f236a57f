"""Convex sets that are also mirror-symmetric or rotationally symmetric."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, FitStage, ShapeDescription, ShapeOptions
from napari_isr.shapes.convex import BOUND_SLOPE, ConvexOrbit
from napari_isr.shapes.ellipsoid import fit_ellipsoid
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
from napari_isr.shapes.star import N_RINGS, TABLE_REACH
from napari_isr.shapes.symmetric_star import best_star_evidence

__all__ = ["ConvexMirror", "ConvexMirrorOptions", "ConvexRotational", "ConvexRotationalOptions"]


class SymmetricConvex(ConvexOrbit):
    """Convex set that is symmetric about a center, which may lie outside the image."""

    stages = (FitStage(12, 4, coarse=True), FitStage(25, 5), FitStage(60, 5))
    start_cells = 8192
    fills_occlusions = True
    bound_radius = 8.0
    center: Tensor

    def _offset(self, points: Tensor) -> Tensor:
        return self.to_local(points) - self.center

    def _bound_offset(self, points: Tensor, offset: Tensor) -> Tensor:
        return offset * self.scale

    def _bound_center(self) -> Tensor:
        return self.anchor + self.scale * self.center.detach()

    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Return the matrices (g, d, d) of the group and a term (g,) for their exponents."""
        raise NotImplementedError

    def _pose_derivatives(self, offset: Tensor, share: Tensor, bound: Tensor) -> list[Tensor]:
        if "center" not in self._parameters:
            return []
        by_images = self.pieces[:, :-1].T @ share
        by_offset = (self.group_matrices()[0].mT @ by_images).sum(0).T
        steepness = 2 * BOUND_SLOPE * self.scale.square() / self.bound_radius**2
        by_center = -(by_offset - bound[:, None] * steepness * offset)
        return [by_center, *self._axis_derivatives(offset, by_images)]

    def _axis_derivatives(self, offset: Tensor, by_images: Tensor) -> list[Tensor]:
        """Return derivatives (n, q) by the axis from those by the image points (g, d, n)."""
        return []

    @torch.no_grad()
    def _from_ball(self, center: Tensor, size: Tensor, **values: Tensor) -> dict[str, Tensor]:
        """Return the state of a ball, with further values."""
        fresh = type(self)(self.ndim, self.options).to(center)
        fresh.load_state_dict(fresh.initial_state(**values, anchor=center, scale=size))
        return fresh._grow_to(center + fresh.pieces[:, :-1] * size)


class ConvexMirrorOptions(AxisOptions):
    """Options of the mirror-symmetric convex shape."""

    pieces: int = Field(12, ge=3, le=256, description="affine pieces; each has a mirror image")


@register_shape
class ConvexMirror(SymmetricConvex):
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
    Options: ClassVar[type[ShapeOptions]] = ConvexMirrorOptions
    options: ConvexMirrorOptions
    turn: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        start = torch.zeros(1) if ndim == 2 else torch.eye(ndim)[-1]
        # The offsets of the pieces include a shift along a fixed axis.
        fixed = self.options.axis is not None
        self.register_pose("center", torch.zeros(ndim), fixed=fixed)
        self.register_pose("turn", start, fixed=fixed)
        self._make_pieces(max(self.options.pieces, ndim + 1))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor on the axis of the user; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.axis is not None:
            point, angle = axis_from_pixels(self.options.axis, frame)
            self.anchor.copy_(point)
            self.turn.fill_(angle)

    def _normal(self) -> Tensor:
        if self.ndim == 2:
            return torch.cat([self.turn.cos(), -self.turn.sin()])
        return nn.functional.normalize(self.turn, dim=0)

    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Return the identity and the reflection."""
        normal = self._normal()
        eye = torch.eye(self.ndim, device=normal.device, dtype=normal.dtype)
        matrices = torch.stack([eye, eye - 2 * torch.outer(normal, normal)])
        return matrices, torch.zeros_like(matrices[:, 0, 0])

    def _axis_derivatives(self, offset: Tensor, by_images: Tensor) -> list[Tensor]:
        # The derivative of the reflection of y by the normal is -2 (dn n.y + n dn.y).
        normal = self._normal()
        across = offset @ normal
        by_image = by_images[1].T
        by_normal = -2 * (by_image * across[:, None] + (by_image @ normal)[:, None] * offset)
        if self.ndim == 2:
            along = torch.cat([-self.turn.sin(), -self.turn.cos()])
            return [(by_normal @ along)[:, None]]
        tangent = by_normal - (by_normal @ normal)[:, None] * normal
        return [tangent / self.turn.norm()]

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from balls about several axes."""
        ellipsoid = fit_ellipsoid(grid)
        if self.options.axis is not None:
            axis = axis_basis(float(self.turn)).to(self.anchor)[:, 0]
            center = self.anchor + axis * (axis @ (ellipsoid.center - self.anchor))
            return [self._from_ball(center, ellipsoid.size, turn=self.turn)]
        if self.ndim == 2:
            found = search_mirror_axes(
                grid, best_star_evidence, TABLE_REACH, N_RINGS, keep=2, ellipsoid=ellipsoid
            )
            return [
                self._from_ball(center, size, turn=torch.full_like(self.turn, angle))
                for center, size, angle in found
            ]
        planes = search_mirror_planes(grid, ellipsoid, keep=2)
        return [self._from_ball(p, ellipsoid.size, turn=basis[:, -1]) for p, basis in planes]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the axis in pixels, in space a point of the plane and its normal."""
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
class ConvexRotational(SymmetricConvex):
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
    Options: ClassVar[type[ShapeOptions]] = ConvexRotationalOptions
    options: ConvexRotationalOptions
    order: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        if ndim > 3:
            raise InputError("convex+rotational is for images with 2 or 3 axes")
        orders = candidate_orders(self.options.order)
        self.register_pose("center", torch.zeros(ndim), fixed=self.options.center is not None)
        self.register_buffer("order", torch.tensor(float(orders[0])))
        self.max_order = orders[-1]
        count = -(-self.options.pieces * (ndim - 1) // min(orders[0], 3))
        self._make_pieces(max(count, ndim + 1))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor at the center of the user; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.center is not None:
            self.anchor.copy_(point_from_pixels(self.options.center, frame, "center"))

    def group_matrices(self) -> tuple[Tensor, Tensor]:
        """Return the turns about the axis through the center.

        There are as many matrices as the largest order. The exponents of those beyond the order
        are minus infinity.
        """
        index = torch.arange(self.max_order, device=self.order.device).to(self.order)
        angle = index * (2 * math.pi) / self.order
        cosine, sine = angle.cos(), angle.sin()
        turns = torch.stack([torch.stack([cosine, sine], 1), torch.stack([-sine, cosine], 1)], 1)
        if self.ndim == 3:
            turns = nn.functional.pad(turns, (1, 0, 1, 0))
            turns[:, 0, 0] = 1
        weights = torch.where(index < self.order, 0.0, -torch.inf).to(self.order)
        return turns, weights

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from a ball about the best center, with all orders if none is given."""
        fixed = None if self.options.center is None else self.anchor
        order, center, size = search_rotation_order(
            sum_over_leading_axes(grid),
            candidate_orders(self.options.order),
            best_star_evidence,
            TABLE_REACH,
            N_RINGS,
            fixed=None if fixed is None else fixed[-2:],
        )
        if self.ndim == 3:
            ellipsoid = fit_ellipsoid(grid)
            size = ellipsoid.size
            center = torch.cat([ellipsoid.center[:1], center]) if fixed is None else fixed
        # A ball does not determine the order of a polygon, so fits from all orders are compared.
        orders = dict.fromkeys((int(order), *candidate_orders(self.options.order)))
        return [self._from_ball(center, size, order=torch.full_like(self.order, n)) for n in orders]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the center in pixels and the order."""
        exact = double_copy(self)
        center = exact.anchor + exact.scale * exact.center
        return {
            CENTER_KEY: describe_point(center, frame),
            "order": round(float(exact.order)),
            **describe_spacing(frame),
        }
