"""Star-shaped sets that are also mirror-symmetric or rotationally symmetric."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, ShapeDescription, ShapeOptions
from napari_isr.shapes.basis_functions import fourier_basis, fourier_derivative, to_polar
from napari_isr.shapes.ellipsoid import fit_ellipsoid, unit_directions
from napari_isr.shapes.initialization import (
    average_over_reflections,
    average_over_rotations,
    candidate_orders,
    n_sectors_for,
    search_centers,
    search_mirror_axes,
    search_rotation_order,
    sum_over_leading_axes,
)
from napari_isr.shapes.options import (
    AxisOptions,
    OrderOptions,
    axis_from_pixels,
    describe_axis,
    describe_normal,
    double_copy,
)
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.star import N_RINGS, TABLE_REACH, Star, StarOptions, best_radii

__all__ = [
    "StarMirror",
    "StarMirrorOptions",
    "StarRotational",
    "StarRotationalOptions",
    "best_star_evidence",
]

# Powers of the height, for a star with an axis of rotation in space.
N_HEIGHT_POWERS = 7
# Normals of mirror planes from which fits in space start, beside the axes of the object.
N_START_NORMALS = 16


class StarMirrorOptions(StarOptions, AxisOptions):
    """Options of the mirror-symmetric star."""


@register_shape
class StarMirror(Star):
    r"""Star-shaped about a point on a mirror axis, with equal radii on both sides.

    In two dimensions :math:`R(\theta) = \exp(\sum_k w_k \cos k (\theta - \psi))` is even about the
    axis :math:`\psi`. In more dimensions each function of the direction is added to its mirror
    image in the plane with a trainable normal.
    """

    name = "star+mirror"
    guarantee = "the object is a star about its center, and its own mirror image"
    description = ShapeDescription(
        title="star + mirror",
        hint="Star + mirror: a star of two equal halves. Leaves, beetles.",
        adjective="star-shaped and mirror-symmetric",
        certificate_checks=("star", "mirror"),
        conflict_tests=("star", "mirror"),
        icon=ICONS / "star+mirror.svg",
        single_piece=True,
        position=6,
    )
    Options: ClassVar[type[ShapeOptions]] = StarMirrorOptions
    options: StarMirrorOptions
    turn: Tensor

    def _make_basis(self) -> None:
        start = torch.zeros(1) if self.ndim == 2 else torch.eye(self.ndim)[-1]
        self.register_pose("turn", start, fixed=self.options.axis is not None)
        super()._make_basis()
        if self.ndim == 2:
            self.radius = nn.Parameter(torch.zeros(1 + self.options.harmonics))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor on the axis of the user; see :meth:`Shape.apply_fixed_pose`."""
        super().apply_fixed_pose(frame)
        if self.options.axis is not None:
            point, angle = axis_from_pixels(self.options.axis, frame)
            self.anchor.copy_(point)
            self.turn.fill_(angle)

    def _axis(self) -> Tensor:
        """Return the unit direction (2,) of the axis in the plane."""
        return torch.cat([self.turn.sin(), self.turn.cos()])

    def _local_center(self) -> Tensor:
        if self.options.axis is None:
            return self.center
        axis = self._axis()
        return axis * (axis @ self.center)

    def _angular_basis(self, angle: Tensor) -> Tensor:
        phase = self.orders[:, None] * (angle - self.turn)
        return torch.cat([torch.ones_like(angle)[None], phase.cos()]).T

    def _angular_derivative(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        basis = fourier_basis(angle - self.turn, self.orders)
        weights = torch.cat([self.radius, torch.zeros_like(self.radius[1:])])
        return basis[:, : len(self.radius)], fourier_derivative(basis, self.orders, weights)

    def _by_center_parameter(self, by_center: Tensor) -> Tensor:
        if self.options.axis is None:
            return by_center
        axis = self._axis()
        return (by_center @ axis)[:, None] * axis

    def _spherical_basis(self, direction: Tensor) -> Tensor:
        normal = F.normalize(self.turn, dim=0)
        image = direction - 2 * (direction @ normal)[:, None] * normal
        return super()._spherical_basis(direction) + super()._spherical_basis(image)

    def _frequencies(self) -> Tensor:
        return super()._frequencies()[: len(self.radius)]

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the best center and axes on a grid of both, in space from several normals."""
        if self.ndim > 2:
            return self._initial_states_in_space(grid)
        if self.options.axis is not None:
            axis = self._axis()
            ellipsoid = fit_ellipsoid(grid)
            center = self.anchor + axis * (axis @ (ellipsoid.center - self.anchor))
            centers, size = search_centers(
                grid, self._score_centers, fixed=center, ellipsoid=ellipsoid
            )
            table = self._mirrored_table(grid, centers, size, float(self.turn))
            return [self._from_table(centers[0], size, table)]
        states = []
        for center, size, angle in search_mirror_axes(
            grid, best_star_evidence, TABLE_REACH, N_RINGS, keep=2, fixed=self._fixed_center()
        ):
            table = self._mirrored_table(grid, center[None], size, angle)
            turn = torch.full_like(self.turn, angle)
            states.append(self._from_table(center, size, table, turn=turn))
        return states

    def _mirrored_table(
        self, grid: DenseEvidence, centers: Tensor, size: Tensor, angle: float
    ) -> Tensor:
        """Return the table (sectors, rings) of the first center, averaged over the reflection."""
        tables = average_over_reflections(self._polar_tables(grid, centers, size)[0])
        return tables[round(angle * len(tables) / math.pi) % len(tables)]

    def _initial_states_in_space(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        centers, size = search_centers(grid, super()._score_centers, fixed=self._fixed_center())
        table = self._polar_tables(grid, centers[:1], size)[0]
        axes = torch.linalg.eigh(fit_ellipsoid(grid).radii).eigenvectors.T
        normals = torch.cat([axes, unit_directions(N_START_NORMALS, self.ndim, like=axes)])
        return [self._from_table(centers[0], size, table, turn=normal) for normal in normals]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the center and the axis in pixels, in space the normal of the plane."""
        exact = double_copy(self)
        found = super().describe(frame)
        if exact.ndim == 2:
            center = exact.anchor + exact.scale * exact._local_center()
            return {**found, **describe_axis(center, float(exact.turn), frame)}
        return {**found, "normal": describe_normal(exact.turn)}


class StarRotationalOptions(StarOptions, OrderOptions):
    """Options of the rotationally symmetric star."""


@register_shape
class StarRotational(Star):
    r"""Star-shaped about a center, with a radius that repeats ``order`` times in a full turn.

    :math:`R(\theta) = \exp(\sum_k a_k \cos(k n \theta) + b_k \sin(k n \theta))` for the order
    ``n``. In three dimensions the axis of rotation is along the first axis of the image, and the
    coefficients are polynomials of the height.
    """

    name = "star+rotational"
    guarantee = "the object is a star about its center, and the same after a part of a turn"
    description = ShapeDescription(
        title="star + rotation",
        hint="Star + rotational: a star that repeats in a turn. Starfish, gears.",
        adjective="star-shaped and rotationally symmetric",
        certificate_checks=("star", "rotational"),
        conflict_tests=("star", "rotational"),
        icon=ICONS / "star+rotational.svg",
        single_piece=True,
        position=10,
    )
    Options: ClassVar[type[ShapeOptions]] = StarRotationalOptions
    options: StarRotationalOptions

    def _make_basis(self) -> None:
        if self.ndim > 3:
            raise InputError("star+rotational is for images with 2 or 3 axes")
        order = candidate_orders(self.options.order)[0]
        count = max(2, -(-self.options.harmonics // max(order, 4)))
        self.register_buffer("orders", order * torch.arange(1.0, count + 1))
        size = (1 + 2 * count) * (1 if self.ndim == 2 else N_HEIGHT_POWERS)
        self.radius = nn.Parameter(torch.zeros(size))

    def _spherical_basis(self, direction: Tensor) -> Tensor:
        flat, angle = to_polar(direction)
        around = fourier_basis(angle, self.orders)
        # The angle is undefined on the axis, so functions of the angle vanish there.
        around = torch.cat([around[:, :1], around[:, 1:] * flat.square()[:, None]], dim=1)
        height = direction[:, :1] ** torch.arange(N_HEIGHT_POWERS, device=direction.device)
        return (height[:, :, None] * around[:, None, :]).flatten(1)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the best center, and from the best order if none is given."""
        plane, fixed = sum_over_leading_axes(grid), self._fixed_center()
        order, center, size = search_rotation_order(
            plane,
            candidate_orders(self.options.order),
            best_star_evidence,
            TABLE_REACH,
            N_RINGS,
            fixed=fixed if fixed is None else fixed[-2:],
        )
        orders = order * torch.arange(1, len(self.orders) + 1).to(self.orders)
        if self.ndim == 2:
            table = self._polar_tables(grid, center[None], size, n_sectors_for(order))[0]
            table = average_over_rotations(table, order)
        else:
            ellipsoid = fit_ellipsoid(grid)
            center = torch.cat([ellipsoid.center[:-2], center]) if fixed is None else fixed
            size = ellipsoid.size
            table = self._polar_tables(grid, center[None], size)[0]
        return [self._from_table(center, size, table, orders=orders)]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the center in pixels and the order."""
        exact = double_copy(self)
        return {**super().describe(frame), "order": round(float(exact.orders[0]))}


def best_star_evidence(tables: Tensor) -> Tensor:
    """Return the evidence (...) of the best star of bins in tables (..., sectors, rings)."""
    return best_radii(tables)[0].sum(-1)
