"""Star-shaped sets: a positive radius for each direction from a center."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_isr.certificates.certificate import CENTER_KEY
from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.ellipsoid import unit_directions
from napari_isr.shapes.initialization import polar_histogram, search_centers
from napari_isr.shapes.options import (
    CenterOptions,
    describe_extra_coordinates,
    describe_point,
    describe_spacing,
    double_copy,
    point_from_pixels,
)
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.symmetric_bases import (
    fourier_basis,
    fourier_derivative,
    hstack,
    ridge_fit,
    to_polar,
)

__all__ = ["REACH", "RINGS", "Star", "StarOptions", "best_radii", "to_spherical"]

SECTORS, RINGS = 48, 36
TRIED = 7  # centers along each axis whose best rings are compared
CANDIDATES = 4  # centers whose stars are compared in full
REACH = 3.0  # radius of the outermost ring, in radii of the object
SMALLEST = 0.1  # first radius where nothing is for the object
LARGEST = 6.0  # radius in shape coordinates: three times the reach of any image
LEAST = 1e-3  # radius in local units
SMOOTHING = 0.02  # of the first radii, for the fourth harmonic; grows with its fourth power


class StarOptions(CenterOptions):
    """Options of the star shape."""

    harmonics: int = Field(40, ge=1, le=64, description="how finely the radius may vary")


@register_shape
class Star(Shape):
    r"""``{x : r <= R(u)}``, with distance ``r`` and direction ``u`` from a center ``c``.

    The logit is :math:`\beta (R(u) - r)` with :math:`R = \epsilon + 1 / (\exp(-s) + 1 / R_1) > 0`
    for :math:`s = \sum_k w_k \varphi_k(u)`: about :math:`\exp s`, and bounded. Along each ray from
    ``c`` the direction is constant and ``r`` grows, so the logit falls and changes sign exactly
    once: the set is star-shaped about ``c``, which is inside, for every value of the
    parameters. In two dimensions :math:`\varphi` is the Fourier series of the angle; in more,
    bumps :math:`\exp(\kappa (u^T m_k - 1))` at directions :math:`m_k` evenly spread on the sphere.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    name = "star"
    guarantee = "the straight line from the center to any point of the object stays in the object"
    description = ShapeDescription(
        title="star",
        hint="Star: seen whole from one point inside. Starfish, leaves, hands.",
        adjective="star-shaped",
        certificate_checks=("star",),
        conflict_tests=("star",),
        icon=ICONS / "star.svg",
        single_piece=True,
        extra_coordinates=True,
        position=2,
    )
    Options: ClassVar[type[ShapeOptions]] = StarOptions
    options: StarOptions
    stages = (FitStage(12, 3), FitStage(40, 4), FitStage(100, 3))
    warm_stages = (FitStage(40, 2), FitStage(100, 3))
    damping = 0.3  # with less, few loud strokes make spikes elsewhere
    sample_budget = 4096
    start_cells = 8192
    center: Tensor
    orders: Tensor
    middles: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        center = torch.zeros(ndim)
        if self._given_center() is None:
            self.center = nn.Parameter(center)
        else:  # held fixed: the anchor
            self.register_buffer("center", center)
        self._make_basis()

    def _make_basis(self) -> None:
        count = self.options.harmonics
        if self.ndim == 2:
            self.register_buffer("orders", torch.arange(1.0, count + 1))
            size = 1 + 2 * count
        else:  # bumps: as many as spherical harmonics up to a quarter of that degree
            size = (count // 4 + 1) ** 2
            self.register_buffer("middles", unit_directions(size, self.ndim, like=self.anchor))
        self.radius = nn.Parameter(torch.zeros(size))

    def _given_center(self) -> tuple[float, ...] | None:
        return self.options.center

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor at the center that the user gave; see :meth:`Shape.apply_fixed_pose`."""
        center = self._given_center()
        if center is not None:
            self.anchor.copy_(point_from_pixels(center, frame, "center"))

    def _middle(self) -> Tensor:
        """Local coordinates of the center."""
        return self.center

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        offset = self.to_local(points) - self._middle()
        if self.ndim == 2:
            distance, angle = to_polar(offset)
            exponent = self._series(angle) @ self.radius
        else:
            distance, direction = to_spherical(offset)
            exponent = self._sphere(direction) @ self.radius
        return self.sharpness * (self._radius(exponent)[0] - distance)

    def _radius(self, exponent: Tensor) -> tuple[Tensor, Tensor]:
        """Radius in local units, and its derivative by the exponent."""
        free = 1 / ((-exponent).exp() + self.scale / LARGEST)
        return LEAST + free, free * (1 - free * (self.scale / LARGEST))

    def _series(self, angle: Tensor) -> Tensor:
        """Functions of the angle (n, m)."""
        return fourier_basis(angle, self.orders)

    def _circle(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Functions of the angle (n, m), and the slope (n,) of their weighted sum."""
        basis = fourier_basis(angle, self.orders)
        return basis, fourier_derivative(basis, self.orders, self.radius)

    def _sphere(self, direction: Tensor) -> Tensor:
        """Functions of the direction (n, m) in three dimensions or more."""
        # As wide as the middles are apart.
        return (len(self.middles) / 4 * (direction @ self.middles.T - 1)).exp()

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form in two dimensions, and in more for the star itself."""
        if self.ndim != 2:
            if type(self) is not Star:
                return super().logit_and_jacobian(points)
            return self._in_space(points)
        with torch.no_grad():
            offset = self.to_local(points) - self._middle()
            distance, angle = to_polar(offset)
            basis, slope = self._circle(angle)
            radius, rate = self._radius(basis @ self.radius)
            rate = self.sharpness * rate
            slope = rate * slope
            parts = [rate[:, None] * basis]
            if "turn" in self._parameters:
                parts.insert(0, -slope[:, None])
            if "center" in self._parameters:
                safe = distance.clamp_min(torch.finfo(distance.dtype).tiny ** 0.5)
                row, column = (offset / safe[:, None]).unbind(1)
                slope = slope / safe
                by_row = self.sharpness * row - slope * column
                by_column = self.sharpness * column + slope * row
                parts.insert(0, self._by_center(torch.stack([by_row, by_column], dim=1)))
            return self.sharpness * (radius - distance), hstack(parts)

    @torch.no_grad()
    def _in_space(self, points: Tensor) -> tuple[Tensor, Tensor]:
        distance, direction = to_spherical(self.to_local(points) - self._middle())
        basis = self._sphere(direction)
        radius, rate = self._radius(basis @ self.radius)
        rate = self.sharpness * rate
        parts = [rate[:, None] * basis]
        if "center" in self._parameters:
            # How the exponent grows along the sphere, per unit of space.
            slope = len(self.middles) / 4 * (basis * self.radius) @ self.middles
            slope = slope - (slope * direction).sum(1, keepdim=True) * direction
            safe = distance.clamp_min(torch.finfo(distance.dtype).tiny ** 0.5)[:, None]
            parts.insert(0, self.sharpness * direction - rate[:, None] * slope / safe)
        return self.sharpness * (radius - distance), torch.cat(parts, dim=1)

    def _by_center(self, gradient: Tensor) -> Tensor:
        """Derivatives (n, d) by the parameter ``center`` from those by the center itself."""
        return gradient

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the center whose best radii, one for each sector, explain the most."""
        centers, size = search_centers(
            grid, self._score, keep=CANDIDATES, fixed=self._fixed(), candidates=TRIED
        )
        tables = self._table(grid, centers, size)
        return [self._start(c, size, table) for c, table in zip(centers, tables, strict=True)]

    def _fixed(self) -> Tensor | None:
        return None if self._given_center() is None else self.anchor

    def _score(self, grid: DenseEvidence, centers: Tensor, size: Tensor) -> Tensor:
        return best_radii(self._table(grid, centers, size))[0].sum(1)

    @staticmethod
    def _table(
        grid: DenseEvidence, centers: Tensor, size: Tensor, sectors: int = SECTORS
    ) -> Tensor:
        return polar_histogram(grid, centers, REACH * size, sectors, RINGS)

    @torch.no_grad()
    def _start(
        self, center: Tensor, size: Tensor, table: Tensor, **changed: Tensor
    ) -> dict[str, Tensor]:
        """Radii fitted to the best rings of a (symmetrised) table (sectors, rings).

        ``changed`` is what else the state dictionary shall hold.
        """
        state = {name: value.clone() for name, value in self.state_dict().items()}
        state.update(changed, anchor=center, scale=size, center=torch.zeros_like(center))
        state["sharpness"] = torch.full_like(self.sharpness, self.stages[0].sharpness)
        fresh = self.with_state(state)
        sector = unit_directions(len(table), self.ndim, like=center)
        if self.ndim == 2:  # its first coordinate is the cosine
            angle = torch.atan2(sector[:, 1], sector[:, 0])
            basis, frequency = fresh._series(angle), fresh._frequencies()
        else:
            basis, frequency = fresh._sphere(sector), torch.full_like(self.radius, 2.0)
        target = best_radii(table)[1].log()
        state["radius"] = ridge_fit(basis, target, SMOOTHING * len(table) * (frequency / 4) ** 4)
        return state

    def _frequencies(self) -> Tensor:
        return torch.cat([self.orders.new_zeros(1), self.orders, self.orders])

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Center in pixels."""
        exact = double_copy(self)
        center = exact.anchor + exact.scale * exact._middle()
        known = {**describe_extra_coordinates(center, frame), **describe_spacing(frame)}
        return {CENTER_KEY: describe_point(center, frame), **known}


def best_radii(table: Tensor) -> tuple[Tensor, Tensor]:
    """Most evidence within a radius, and that radius, along the last axis of polar tables."""
    value, ring = table.cumsum(-1).max(-1)
    radius = (ring + 1) * (REACH / RINGS)
    return value.clamp_min(0), torch.where(value > 0, radius, SMALLEST).to(table)


def to_spherical(offset: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (n,) and unit direction (n, d); at the center some fixed direction."""
    at_center = (offset == 0).all(1)
    safe = offset + at_center[:, None]
    distance = safe.norm(dim=1)
    direction = safe / distance[:, None]
    return torch.where(at_center, torch.zeros_like(distance), distance), direction
