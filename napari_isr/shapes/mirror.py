"""Mirror-symmetric sets."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, ShapeDescription, ShapeOptions
from napari_isr.shapes.basis_functions import (
    bilinear_form,
    boxed_bump_values,
    boxed_extent,
    boxed_gaussian_bumps,
    khatri_rao,
)
from napari_isr.shapes.ellipsoid import fit_ellipsoid
from napari_isr.shapes.initialization import best_bin_sum, search_mirror_axes, search_mirror_planes
from napari_isr.shapes.options import (
    AxisOptions,
    axis_from_pixels,
    describe_axis,
    describe_normal,
    describe_point,
    describe_spacing,
    double_copy,
)
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.symmetric_level_set import SymmetricLevelSet

__all__ = ["Mirror", "MirrorOptions"]

# Half side of the box of the bumps, in units of the scale.
BOX_REACH = 2.2
# Longest half axis of the object at the start, in units of the scale.
MAX_HALF_AXIS = 1.7
N_RINGS = 24


class MirrorOptions(AxisOptions):
    """Options of the mirror-symmetric shape."""

    knots: int | None = Field(
        None, ge=5, le=40, description="bumps along each axis; default: 13, in 3-D 7"
    )


@register_shape
class Mirror(SymmetricLevelSet):
    r"""``{x : F(u, |v|) > 0}`` with distance ``v`` from an axis and position ``u`` along it.

    ``F`` is a product of Gaussian bumps on a grid, even in ``v``. A point and its mirror image have
    the same coordinates ``(u, |v|)``. So the set is its own mirror image for every value of the
    parameters. The coordinates are isotropic, so the axis is a mirror in physical space. In more
    dimensions ``u`` has several coordinates, and the axis is a plane.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    name = "mirror"
    guarantee = "the object is its own mirror image"
    description = ShapeDescription(
        title="mirror",
        hint="Mirror: two equal halves. Butterflies, faces, vases.",
        adjective="mirror-symmetric",
        certificate_checks=("mirror",),
        conflict_tests=("mirror",),
        icon=ICONS / "mirror.svg",
        position=4,
    )
    Options: ClassVar[type[ShapeOptions]] = MirrorOptions
    options: MirrorOptions
    turn: Tensor
    base: Tensor
    offset: Tensor

    def _make_pose(self) -> None:
        self.knots = self.options.knots or {2: 13, 3: 7}.get(self.ndim, 5)
        angles = torch.zeros(self.ndim * (self.ndim - 1) // 2)
        fixed = self.options.axis is not None
        self.register_pose("turn", angles, fixed=fixed)
        self.register_pose("offset", torch.zeros(1), fixed=fixed)
        self.register_buffer("base", torch.eye(self.ndim))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor on the axis of the user; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.axis is not None:
            point, angle = axis_from_pixels(self.options.axis, frame)
            self.anchor.copy_(point)
            self.base.copy_(axis_basis(angle))

    def _orthonormal_basis(self) -> Tensor:
        """Return orthonormal columns (d, d), the last one normal to the axis."""
        if self.ndim == 2:
            cosine, sine = self.turn.cos(), self.turn.sin()
            turned = torch.stack([torch.cat([cosine, sine]), torch.cat([-sine, cosine])])
            return self.base @ turned
        return self.base @ cayley_rotation(self.turn, self.ndim)

    @property
    def knot_spacing(self) -> float:
        """Distance of neighboring bumps in local units."""
        return 2 * BOX_REACH / (self.knots - 3)

    def _box(self) -> tuple[float, int, int]:
        """Return the knot spacing, and the numbers of bumps along the axis and across a half."""
        return self.knot_spacing, self.knots, math.ceil((self.knots + 1) / 2)

    def basis_functions(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return tensor products of bumps (n, m) and excess (n,)."""
        axes, excess = self._values(local)
        return khatri_rao(axes), excess

    def box_distance(self, local: Tensor) -> Tensor:
        """Return the city-block distance from the box (n,)."""
        total = torch.zeros_like(local[:, 0])
        for position, count, even in self._positions(local):
            total = total + (position.abs() - boxed_extent(count, even)).clamp_min(0)
        return self.knot_spacing * total

    def _positions(self, local: Tensor) -> list[tuple[Tensor, int, bool]]:
        """Return for each axis positions (n,) in knots, number of bumps, and whether even."""
        step, along, across = self._box()
        *positions, last = (local @ self._orthonormal_basis()).unbind(1)
        lengthwise = [(position / step, along, False) for position in positions]
        return [*lengthwise, ((last - self.offset) / step, across, True)]

    def _values(self, local: Tensor) -> tuple[list[Tensor], Tensor]:
        found = [boxed_bump_values(*axis) for axis in self._positions(local)]
        excess = torch.stack([beyond for _, beyond in found]).sum(0)
        return [values for values, _ in found], self.knot_spacing * excess

    def _bumps(self, local: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        found = [boxed_gaussian_bumps(*axis) for axis in self._positions(local)]
        excess = torch.stack([beyond for *_, beyond in found]).sum(0)
        return [(values, slopes) for values, slopes, _ in found], self.knot_spacing * excess

    def value(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return the level without products in the plane; see :meth:`SymmetricLevelSet.value`."""
        if self.ndim != 2:
            return super().value(local)
        (left, right), excess = self._values(local)
        return bilinear_form(left, self.weights.view(left.shape[1], -1), right), excess

    def pose_derivatives(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the closed form; see :meth:`SymmetricLevelSet.pose_derivatives`."""
        axes, excess = self._bumps(local)
        basis = khatri_rao([values for values, _ in axes])
        if self.options.axis is not None:
            return basis, excess, local[:, :0]
        if self.ndim != 2:
            return basis, excess, self._pose_derivatives_in_space(local)
        step, along, across = self._box()
        u, v = (local @ self._orthonormal_basis()).unbind(1)
        (left, left_slope), (right, right_slope) = axes
        weights = self.weights.view(along, across)
        by_u = bilinear_form(left_slope, weights, right) / step
        by_v = bilinear_form(left, weights, right_slope) / step
        half_u, half_v = step * (along - 3) / 2, step * (across - 2)
        distance = v - self.offset
        by_u = by_u - torch.where(u.abs() > half_u, u.sign(), torch.zeros_like(u))
        by_v = by_v - torch.where(distance.abs() > half_v, distance.sign(), torch.zeros_like(v))
        # A rotation maps (u, v) to (u cos - v sin, u sin + v cos).
        return basis, excess, self.sharpness * torch.stack([u * by_v - v * by_u, -by_v], dim=1)

    def _pose_derivatives_in_space(self, local: Tensor) -> Tensor:
        by_folded = self.point_gradients(local) @ self._orthonormal_basis()
        with torch.enable_grad():
            turned = torch.autograd.functional.jacobian(
                lambda turn: self.base @ cayley_rotation(turn, self.ndim), self.turn.detach()
            )
        columns = [((local @ turned[..., k]) * by_folded).sum(1) for k in range(len(self.turn))]
        return torch.stack([*columns, -by_folded[:, -1]], dim=1)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from several axes, with the evidence symmetrised about each."""
        ellipsoid = fit_ellipsoid(grid)
        longest = torch.linalg.eigvalsh(ellipsoid.radii)[-1]
        scale = torch.maximum(ellipsoid.size, longest / MAX_HALF_AXIS).clamp_min(grid.cell_size)
        if self.options.axis is not None:
            along = self.base[:, 0]
            anchor = self.anchor + along * (along @ (ellipsoid.center - self.anchor))
            return [self.state_from_evidence(grid, anchor=anchor, scale=scale)]
        if self.ndim == 2:
            found = search_mirror_axes(
                grid,
                best_bin_sum,
                BOX_REACH * float(scale / ellipsoid.size),
                N_RINGS,
                keep=2,
                ellipsoid=ellipsoid,
            )
            poses = [(center, axis_basis(angle).to(center)) for center, _, angle in found]
        else:
            poses = search_mirror_planes(grid, ellipsoid, keep=2)
        zeros = {"turn": torch.zeros_like(self.turn), "offset": torch.zeros_like(self.offset)}
        return [
            self.state_from_evidence(grid, anchor=center, scale=scale, base=base, **zeros)
            for center, base in poses
        ]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the axis in pixels, in space a point of the plane and its normal."""
        exact = double_copy(self)
        axes = exact._orthonormal_basis()
        point = exact.anchor + exact.scale * exact.offset * axes[:, -1]
        if exact.ndim == 2:
            angle = math.atan2(float(axes[0, 0]), float(axes[1, 0]))
            return {**describe_axis(point, angle, frame), **describe_spacing(frame)}
        return {
            "plane_point": describe_point(point, frame),
            "normal": describe_normal(axes[:, -1]),
            **describe_spacing(frame),
        }


def axis_basis(angle: float) -> Tensor:
    """Return columns (2, 2): the direction of an axis at an angle from axis 1, and its normal."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([[sine, cosine], [cosine, -sine]])


def cayley_rotation(angles: Tensor, ndim: int) -> Tensor:
    """Return the Cayley rotation (d, d) of d (d - 1) / 2 numbers, the identity for zeros."""
    upper = torch.triu_indices(ndim, ndim, offset=1, device=angles.device)
    skew = torch.zeros(ndim, ndim, device=angles.device, dtype=angles.dtype)
    skew = skew.index_put((upper[0], upper[1]), angles / 2)
    skew = skew - skew.T
    eye = torch.eye(ndim, device=angles.device, dtype=angles.dtype)
    rotation: Tensor = torch.linalg.solve(eye + skew, eye - skew)
    return rotation
