"""Star-shaped sets that are mirror-symmetric or rotationally symmetric too."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_isr.errors import InputError
from napari_isr.evidence import EvidenceGrid
from napari_isr.frame import Frame
from napari_isr.shapes.base import ShapeOptions
from napari_isr.shapes.ellipsoid import best_ellipsoid, directions
from napari_isr.shapes.folded import fourier, fourier_slope, polar
from napari_isr.shapes.places import (
    AxisOptions,
    OrderOptions,
    given_axis,
    in_double,
    readable_axis,
    readable_normal,
)
from napari_isr.shapes.search import (
    best_axes,
    best_centres,
    best_order,
    folded_tables,
    in_plane,
    mirrored_tables,
    orders_of,
    sectors_for,
)
from napari_isr.shapes.star import REACH, RINGS, Star, StarOptions, best_rings

__all__ = ["StarMirror", "StarMirrorOptions", "StarRotational", "StarRotationalOptions"]

LEGENDRE = 7  # polynomials of the height, of a star with an axis of rotation in 3-D


class StarMirrorOptions(StarOptions, AxisOptions):
    """Options of the mirror-symmetric star."""


class StarMirror(Star):
    r"""Star-shaped about a point on a mirror axis, with equal radii on both sides.

    In two dimensions :math:`R(\theta) = \exp(\sum_k w_k \cos k (\theta - \psi))` is even about the
    axis :math:`\psi`; in more, each function of the direction is added to its mirror image in the
    plane with a trainable normal.
    """

    name = "star+mirror"
    promise = "the object is a star about its centre, and its own mirror image"
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

    def place(self, frame: Frame) -> None:
        """Put the anchor on the axis that the user gave; see :meth:`Shape.place`."""
        super().place(frame)
        if self.options.axis is not None:
            point, angle = given_axis(self.options.axis, frame)
            self.anchor.copy_(point)
            self.turn.fill_(angle)

    def _middle(self) -> Tensor:
        if self.options.axis is None:
            return self.centre
        axis = torch.cat([self.turn.sin(), self.turn.cos()])
        return axis * (axis @ self.centre)

    def _series(self, angle: Tensor) -> Tensor:
        phase = self.orders[:, None] * (angle - self.turn)
        return torch.cat([torch.ones_like(angle)[None], phase.cos()]).T

    def _circle(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        basis = fourier(angle - self.turn, self.orders)
        weights = torch.cat([self.radius, torch.zeros_like(self.radius[1:])])
        return basis[:, : len(self.radius)], fourier_slope(basis, self.orders, weights)

    def _by_centre(self, gradient: Tensor) -> Tensor:
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

    def starts(self, grid: EvidenceGrid) -> list[dict[str, Tensor]]:
        """Start from the best centre and axis on a grid of both."""
        if self.ndim > 2:
            return self._starts_in_space(grid)
        if self.options.axis is not None:
            axis = torch.cat([self.turn.sin(), self.turn.cos()])
            ellipsoid = best_ellipsoid(grid)
            centre = self.anchor + axis * (axis @ (ellipsoid.centre - self.anchor))
            centres, size = best_centres(grid, self._score, fixed=centre, ellipsoid=ellipsoid)
            table = self._mirrored(self._table(grid, centres, size)[0], float(self.turn))
            return [self._start(centres[0], size, table)]
        states = []
        for centre, size, angle in best_axes(
            grid, star_score, REACH, RINGS, keep=2, fixed=self._fixed()
        ):
            table = self._mirrored(self._table(grid, centre[None], size)[0], angle)
            turn = torch.full_like(self.turn, angle)
            states.append(self._start(centre, size, table, turn=turn))
        return states

    @staticmethod
    def _mirrored(table: Tensor, angle: float) -> Tensor:
        tables = mirrored_tables(table)
        return tables[round(angle * len(table) / math.pi) % len(table)]

    def _starts_in_space(self, grid: EvidenceGrid) -> list[dict[str, Tensor]]:
        """One start for each of several normals."""
        centres, size = best_centres(grid, super()._score, fixed=self._fixed())
        table = self._table(grid, centres[:1], size)[0]
        axes = torch.linalg.eigh(best_ellipsoid(grid).radii).eigenvectors.T
        normals = torch.cat([axes, directions(16, self.ndim, like=axes)])
        return [self._start(centres[0], size, table, turn=normal) for normal in normals]

    def readable(self, frame: Frame) -> dict[str, Any]:
        """Centre and axis in pixels; in three dimensions or more the normal of the plane."""
        exact = in_double(self)
        found = super().readable(frame)
        if exact.ndim == 2:
            centre = exact.anchor + exact.scale * exact._middle()
            return {**found, **readable_axis(centre, float(exact.turn), frame)}
        return {**found, "normal": readable_normal(exact.turn)}


class StarRotationalOptions(StarOptions, OrderOptions):
    """Options of the rotationally symmetric star."""


class StarRotational(Star):
    r"""Star-shaped about a centre, with a radius that repeats ``order`` times in a full turn.

    :math:`R(\theta) = \exp(\sum_k a_k \cos(k n \theta) + b_k \sin(k n \theta))` for the order
    ``n``. In three dimensions the axis of rotation is along the first axis of the image, and the
    coefficients are polynomials of the height.
    """

    name = "star+rotational"
    promise = "the object is a star about its centre, and the same after a part of a turn"
    Options: ClassVar[type[ShapeOptions]] = StarRotationalOptions
    options: StarRotationalOptions

    def _make_basis(self) -> None:
        if self.ndim > 3:
            raise InputError("star+rotational is for images with 2 or 3 axes")
        order = orders_of(self.options.order)[0]
        count = max(2, -(-self.options.harmonics // max(order, 4)))
        self.register_buffer("orders", order * torch.arange(1.0, count + 1))
        size = (1 + 2 * count) * (1 if self.ndim == 2 else LEGENDRE)
        self.radius = nn.Parameter(torch.zeros(size))

    def _sphere(self, direction: Tensor) -> Tensor:
        flat, angle = polar(direction)
        around = fourier(angle, self.orders)
        # The angle means nothing on the axis: what depends on it fades out there.
        around = torch.cat([around[:, :1], around[:, 1:] * flat.square()[:, None]], dim=1)
        height = direction[:, :1] ** torch.arange(LEGENDRE, device=direction.device)
        return (height[:, :, None] * around[:, None, :]).flatten(1)

    def starts(self, grid: EvidenceGrid) -> list[dict[str, Tensor]]:
        """Start from the best centre, and from the best order if none is given."""
        plane, fixed = in_plane(grid), self._fixed()
        order, flat_centre, size = best_order(
            plane,
            orders_of(self.options.order),
            star_score,
            REACH,
            RINGS,
            fixed=fixed if fixed is None else fixed[-2:],
        )
        orders = order * torch.arange(1, len(self.orders) + 1).to(self.orders)
        if self.ndim == 2:
            table = self._table(grid, flat_centre[None], size, sectors_for(order))[0]
            return [self._start(flat_centre, size, folded_tables(table, order), orders=orders)]
        ellipsoid = best_ellipsoid(grid)
        centre = torch.cat([ellipsoid.centre[:-2], flat_centre]) if fixed is None else fixed
        size = ellipsoid.size
        return [self._start(centre, size, self._table(grid, centre[None], size)[0], orders=orders)]

    def readable(self, frame: Frame) -> dict[str, Any]:
        """Centre in pixels and order."""
        exact = in_double(self)
        return {**super().readable(frame), "order": round(float(exact.orders[0]))}


def star_score(tables: Tensor) -> Tensor:
    """Evidence of the best star of bins in polar tables (..., sectors, rings)."""
    return best_rings(tables)[0].sum(-1)
