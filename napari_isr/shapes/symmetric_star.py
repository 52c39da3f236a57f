"""Star-shaped sets that are mirror-symmetric or rotationally symmetric too."""

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
from napari_isr.shapes.star import REACH, RINGS, Star, StarOptions, best_radii
from napari_isr.shapes.symmetric_bases import fourier_basis, fourier_derivative, to_polar

__all__ = ["StarMirror", "StarMirrorOptions", "StarRotational", "StarRotationalOptions"]

LEGENDRE = 7  # polynomials of the height, of a star with an axis of rotation in 3-D


class StarMirrorOptions(StarOptions, AxisOptions):
    """Options of the mirror-symmetric star."""


@register_shape
class StarMirror(Star):
    r"""Star-shaped about a point on a mirror axis, with equal radii on both sides.

    In two dimensions :math:`R(\theta) = \exp(\sum_k w_k \cos k (\theta - \psi))` is even about the
    axis :math:`\psi`; in more, each function of the direction is added to its mirror image in the
    plane with a trainable normal.
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
        if self.options.axis is None:
            self.turn = nn.Parameter(start)
        else:
            self.register_buffer("turn", start)
        super()._make_basis()
        if self.ndim == 2:
            self.radius = nn.Parameter(torch.zeros(1 + self.options.harmonics))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor on the axis that the user gave; see :meth:`Shape.apply_fixed_pose`."""
        super().apply_fixed_pose(frame)
        if self.options.axis is not None:
            point, angle = axis_from_pixels(self.options.axis, frame)
            self.anchor.copy_(point)
            self.turn.fill_(angle)

    def _middle(self) -> Tensor:
        if self.options.axis is None:
            return self.center
        axis = torch.cat([self.turn.sin(), self.turn.cos()])
        return axis * (axis @ self.center)

    def _series(self, angle: Tensor) -> Tensor:
        phase = self.orders[:, None] * (angle - self.turn)
        return torch.cat([torch.ones_like(angle)[None], phase.cos()]).T

    def _circle(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        basis = fourier_basis(angle - self.turn, self.orders)
        weights = torch.cat([self.radius, torch.zeros_like(self.radius[1:])])
        return basis[:, : len(self.radius)], fourier_derivative(basis, self.orders, weights)

    def _by_center(self, gradient: Tensor) -> Tensor:
        if self.options.axis is None:
            return gradient
        axis = torch.cat([self.turn.sin(), self.turn.cos()])
        return (gradient @ axis)[:, None] * axis

    def _sphere(self, direction: Tensor) -> Tensor:
        normal = F.normalize(self.turn, dim=0)
        image = direction - 2 * (direction @ normal)[:, None] * normal
        return super()._sphere(direction) + super()._sphere(image)

    def _frequencies(self) -> Tensor:
        return super()._frequencies()[: len(self.radius)]

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the best center and axis on a grid of both."""
        if self.ndim > 2:
            return self._starts_in_space(grid)
        if self.options.axis is not None:
            axis = torch.cat([self.turn.sin(), self.turn.cos()])
            ellipsoid = fit_ellipsoid(grid)
            center = self.anchor + axis * (axis @ (ellipsoid.center - self.anchor))
            centers, size = search_centers(grid, self._score, fixed=center, ellipsoid=ellipsoid)
            table = self._mirrored(self._table(grid, centers, size)[0], float(self.turn))
            return [self._start(centers[0], size, table)]
        states = []
        for center, size, angle in search_mirror_axes(
            grid, best_star_evidence, REACH, RINGS, keep=2, fixed=self._fixed()
        ):
            table = self._mirrored(self._table(grid, center[None], size)[0], angle)
            turn = torch.full_like(self.turn, angle)
            states.append(self._start(center, size, table, turn=turn))
        return states

    @staticmethod
    def _mirrored(table: Tensor, angle: float) -> Tensor:
        tables = average_over_reflections(table)
        return tables[round(angle * len(table) / math.pi) % len(table)]

    def _starts_in_space(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """One start for each of several normals."""
        centers, size = search_centers(grid, super()._score, fixed=self._fixed())
        table = self._table(grid, centers[:1], size)[0]
        axes = torch.linalg.eigh(fit_ellipsoid(grid).radii).eigenvectors.T
        normals = torch.cat([axes, unit_directions(16, self.ndim, like=axes)])
        return [self._start(centers[0], size, table, turn=normal) for normal in normals]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Center and axis in pixels; in three dimensions or more the normal of the plane."""
        exact = double_copy(self)
        found = super().describe(frame)
        if exact.ndim == 2:
            center = exact.anchor + exact.scale * exact._middle()
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
        size = (1 + 2 * count) * (1 if self.ndim == 2 else LEGENDRE)
        self.radius = nn.Parameter(torch.zeros(size))

    def _sphere(self, direction: Tensor) -> Tensor:
        flat, angle = to_polar(direction)
        around = fourier_basis(angle, self.orders)
        # The angle means nothing on the axis: what depends on it fades out there.
        around = torch.cat([around[:, :1], around[:, 1:] * flat.square()[:, None]], dim=1)
        height = direction[:, :1] ** torch.arange(LEGENDRE, device=direction.device)
        return (height[:, :, None] * around[:, None, :]).flatten(1)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the best center, and from the best order if none is given."""
        plane, fixed = sum_over_leading_axes(grid), self._fixed()
        order, flat_center, size = search_rotation_order(
            plane,
            candidate_orders(self.options.order),
            best_star_evidence,
            REACH,
            RINGS,
            fixed=fixed if fixed is None else fixed[-2:],
        )
        orders = order * torch.arange(1, len(self.orders) + 1).to(self.orders)
        if self.ndim == 2:
            table = self._table(grid, flat_center[None], size, n_sectors_for(order))[0]
            return [
                self._start(flat_center, size, average_over_rotations(table, order), orders=orders)
            ]
        ellipsoid = fit_ellipsoid(grid)
        center = torch.cat([ellipsoid.center[:-2], flat_center]) if fixed is None else fixed
        size = ellipsoid.size
        return [self._start(center, size, self._table(grid, center[None], size)[0], orders=orders)]

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Center in pixels and order."""
        exact = double_copy(self)
        return {**super().describe(frame), "order": round(float(exact.orders[0]))}


def best_star_evidence(tables: Tensor) -> Tensor:
    """Evidence of the best star of bins in polar tables (..., sectors, rings)."""
    return best_radii(tables)[0].sum(-1)
