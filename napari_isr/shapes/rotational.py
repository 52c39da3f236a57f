"""Rotationally symmetric sets."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, ShapeDescription, ShapeOptions
from napari_isr.shapes.basis_functions import (
    bilinear_form,
    boxed_bump_values,
    boxed_extent,
    boxed_gaussian_bumps,
    fourier_basis,
    hstack,
    khatri_rao,
    to_polar,
)
from napari_isr.shapes.ellipsoid import fit_ellipsoid
from napari_isr.shapes.initialization import (
    best_bin_sum,
    candidate_orders,
    search_rotation_order,
    sum_over_leading_axes,
)
from napari_isr.shapes.options import (
    OrderOptions,
    describe_point,
    describe_spacing,
    double_copy,
    point_from_pixels,
)
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.symmetric_level_set import SymmetricLevelSet

__all__ = ["Rotational", "RotationalOptions"]

# Radius of the box of the bumps, in units of the scale.
BOX_REACH = 2.2
# Longest half axis of the object at the start, in units of the scale.
MAX_HALF_AXIS = 1.7
N_RINGS = 24
# Periods in a full turn that the functions of the angle resolve at least.
MIN_RESOLVED_PERIODS = 10
# Bumps along the axis of rotation in space, and their distance in units of the scale.
N_HEIGHTS = 7
HEIGHT_SPACING = 2 * BOX_REACH / (N_HEIGHTS - 3)


class RotationalOptions(OrderOptions):
    """Options of the rotationally symmetric shape."""

    rings: int | None = Field(
        None, ge=4, le=40, description="bumps along the radius; default: 9, in 3-D 6"
    )


@register_shape
class Rotational(SymmetricLevelSet):
    r"""``{x : F(r, cos n t, sin n t) > 0}`` with distance ``r`` and angle ``t`` about a center.

    :math:`F = \sum_j a_{j0} B_j(r) + \sum_{j \ge 2, k \ge 1} B_j(r) (a_{jk} \cos k n t + b_{jk}
    \sin k n t)` with bumps :math:`B_j` along the radius. A turn by :math:`2 \pi / n` changes
    neither ``r`` nor ``cos n t`` nor ``sin n t``. So the set is invariant for every value of the
    parameters. In three dimensions the axis of rotation is along the first axis of the image, and
    the height is another coordinate of ``F``.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    name = "rotational"
    guarantee = "the object is the same after a part of a turn about its center"
    description = ShapeDescription(
        title="rotational",
        hint="Rotational: repeats in a turn. Flowers, wheels, propellers.",
        adjective="rotationally symmetric",
        certificate_checks=("rotational",),
        conflict_tests=("rotational",),
        icon=ICONS / "rotational.svg",
        position=8,
    )
    Options: ClassVar[type[ShapeOptions]] = RotationalOptions
    options: RotationalOptions
    center: Tensor
    orders: Tensor

    def _make_pose(self) -> None:
        if self.ndim > 3:
            raise InputError("rotational is for images with 2 or 3 axes")
        fixed = self.options.center is not None
        self.register_pose("center", torch.zeros(self.ndim), fixed=fixed)
        self.rings = self.options.rings or (9 if self.ndim == 2 else 6)
        order = candidate_orders(self.options.order)[0]
        count = 2 if self.ndim == 3 else min(max(-(-MIN_RESOLVED_PERIODS // max(order, 3)), 2), 5)
        self.register_buffer("orders", order * torch.arange(1.0, count + 1))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor at the center of the user; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.center is not None:
            self.anchor.copy_(point_from_pixels(self.options.center, frame, "center"))

    @property
    def knot_spacing(self) -> float:
        """Distance of neighboring bumps in local units."""
        return BOX_REACH / (self.rings - 2)

    def basis_functions(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return products (n, m) and excess (n,)."""
        return self._polar(local - self.center)[:2]

    def value(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return the level without products in the plane; see :meth:`SymmetricLevelSet.value`."""
        if self.ndim != 2:
            return super().value(local)
        distance, angle = to_polar(local - self.center)
        rings, excess = boxed_bump_values(distance / self.knot_spacing, self.rings, even=True)
        alone, joint = self.weights[: self.rings], self.weights[self.rings :]
        around = fourier_basis(angle, self.orders)[:, 1:]
        swing = bilinear_form(rings[:, 2:], joint.view(self.rings - 2, -1), around)
        return rings @ alone + swing, self.knot_spacing * excess

    def box_distance(self, local: Tensor) -> Tensor:
        """Return the distance from the box (n,)."""
        offset = local - self.center
        distance = offset[:, -2:].norm(dim=1)
        excess: Tensor = (
            distance - self.knot_spacing * boxed_extent(self.rings, even=True)
        ).clamp_min(0)
        if self.ndim == 3:
            reach = HEIGHT_SPACING * boxed_extent(N_HEIGHTS, even=False)
            excess = excess + (offset[:, 0].abs() - reach).clamp_min(0)
        return excess

    def _polar(self, offset: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return products, excess, and radius, bumps, slopes and functions of the angle."""
        count = self.rings
        step = self.knot_spacing
        distance, angle = to_polar(offset)
        rings, slopes, excess = boxed_gaussian_bumps(distance / step, count, even=True)
        around = fourier_basis(angle, self.orders)
        basis, excess = self._join(rings, around), step * excess
        if self.ndim == 3:
            height, beyond = boxed_bump_values(offset[:, 0] / HEIGHT_SPACING, N_HEIGHTS, even=False)
            basis, excess = khatri_rao([height, basis]), excess + HEIGHT_SPACING * beyond
        return basis, excess, (distance, rings, slopes / step, around)

    @staticmethod
    def _join(rings: Tensor, around: Tensor) -> Tensor:
        """Return all rings, and products of functions of the angle with rings that vanish at 0.

        The angle is undefined at the center.
        """
        return hstack([rings, khatri_rao([rings[:, 2:], around[:, 1:]])])

    def pose_derivatives(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the closed form; see :meth:`SymmetricLevelSet.pose_derivatives`."""
        offset = local - self.center
        basis, excess, (distance, rings, slopes, around) = self._polar(offset)
        if "center" not in self._parameters:
            return basis, excess, local[:, :0]
        if self.ndim != 2:
            return basis, excess, -self.point_gradients(local)
        orders, count = self.orders, len(self.orders)
        turned = hstack([-around[:, count + 1 :] * orders, around[:, 1 : count + 1] * orders])
        alone, joint = self.weights[: rings.shape[1]], self.weights[rings.shape[1] :]
        weights = joint.view(-1, 2 * count)
        outward = slopes @ alone + bilinear_form(slopes[:, 2:], weights, around[:, 1:])
        outward = outward - (excess > 0).to(excess)
        safe = distance.clamp_min(torch.finfo(distance.dtype).tiny ** 0.5)
        sideways = bilinear_form(rings[:, 2:], weights, turned) / safe
        row, column = (offset / safe[:, None]).unbind(1)
        by_row, by_column = outward * row + sideways * column, outward * column - sideways * row
        pose = -self.sharpness * torch.stack([by_row, by_column], dim=1)
        return basis, excess, pose

    def lipschitz_bound(self) -> float | None:
        """Return None, for the slope at the center is unbounded."""
        return None

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the best center, and from the best order if none is given."""
        fixed = None if self.options.center is None else self.anchor
        ellipsoid = fit_ellipsoid(grid)
        order, center, size = search_rotation_order(
            sum_over_leading_axes(grid),
            candidate_orders(self.options.order),
            best_bin_sum,
            BOX_REACH,
            N_RINGS,
            fixed=None if fixed is None else fixed[-2:],
            ellipsoid=ellipsoid if self.ndim == 2 else None,
        )
        if self.ndim == 3:
            center = torch.cat([ellipsoid.center[:1], center]) if fixed is None else fixed
        longest = torch.linalg.eigvalsh(ellipsoid.radii)[-1]
        return [
            self.state_from_evidence(
                grid,
                anchor=center,
                scale=torch.maximum(size, longest / MAX_HALF_AXIS),
                center=torch.zeros_like(self.center),
                orders=order * torch.arange(1, len(self.orders) + 1).to(self.orders),
            )
        ]

    def constant_weights(self) -> Tensor:
        """Return the weights (m,) whose level set is 1 everywhere."""
        count = self.rings
        weights = torch.zeros_like(self.weights).view(-1, self.features_per_height())
        weights[:, :count] = 1
        return weights.flatten()

    def features_per_height(self) -> int:
        """Return the number of functions of the last two coordinates."""
        return self.rings + (self.rings - 2) * 2 * len(self.orders)

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the center in pixels and the order."""
        exact = double_copy(self)
        center = exact.anchor + exact.scale * exact.center
        return {
            CENTER_KEY: describe_point(center, frame),
            "order": round(float(exact.orders[0])),
            **describe_spacing(frame),
        }
