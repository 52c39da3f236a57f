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
from napari_isr.shapes.basis_functions import (
    fourier_basis,
    fourier_derivative,
    hstack,
    ridge_fit,
    to_polar,
)
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

__all__ = ["N_RINGS", "TABLE_REACH", "Star", "StarOptions", "best_radii", "to_spherical"]

N_SECTORS, N_RINGS = 48, 36
# Radius of the outermost ring of polar tables, in radii of the object.
TABLE_REACH = 3.0
# Centers along each axis whose tables are compared, and centers whose stars are fitted.
GRID_CENTERS, N_START_CENTERS = 7, 4
# Initial radius of a sector without evidence for the object, in radii of the object.
EMPTY_SECTOR_RADIUS = 0.1
# Shape coordinates: three times the reach of any image.
MAX_RADIUS = 6.0
# Local units.
MIN_RADIUS = 1e-3
# Penalty of the fourth harmonic in the initial radii. It grows with the fourth power.
START_SMOOTHING = 0.02


class StarOptions(CenterOptions):
    """Options of the star shape."""

    harmonics: int = Field(40, ge=1, le=64, description="how finely the radius may vary")


@register_shape
class Star(Shape):
    r"""``{x : r <= R(u)}``, with distance ``r`` and direction ``u`` from a center ``c``.

    The logit is :math:`\beta (R(u) - r)` with :math:`R = \epsilon + 1 / (\exp(-s) + 1 / R_1) > 0`
    for :math:`s = \sum_k w_k \varphi_k(u)`, which is about :math:`\exp s` and bounded. Along each
    ray from ``c`` the direction is constant and ``r`` grows. So the logit decreases and changes
    sign exactly once. The set is star-shaped about ``c``, which is inside, for every value of the
    parameters. In two dimensions :math:`\varphi` is the Fourier series of the angle. In more
    dimensions it consists of bumps :math:`\exp(\kappa (u^T m_k - 1))` at directions :math:`m_k`
    that are evenly spread on the sphere.

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
    # With less damping, few strokes of large weight make spikes elsewhere.
    damping = 0.3
    sample_budget = 4096
    start_cells = 8192
    center: Tensor
    orders: Tensor
    middles: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        # A fixed center is the anchor.
        fixed = self.options.center is not None
        self.register_pose("center", torch.zeros(ndim), fixed=fixed)
        self._make_basis()

    def _make_basis(self) -> None:
        count = self.options.harmonics
        if self.ndim == 2:
            self.register_buffer("orders", torch.arange(1.0, count + 1))
            size = 1 + 2 * count
        else:
            # As many bumps as spherical harmonics up to a quarter of that degree.
            size = (count // 4 + 1) ** 2
            self.register_buffer("middles", unit_directions(size, self.ndim, like=self.anchor))
        self.radius = nn.Parameter(torch.zeros(size))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Put the anchor at the center of the user; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.center is not None:
            self.anchor.copy_(point_from_pixels(self.options.center, frame, "center"))

    def _local_center(self) -> Tensor:
        return self.center

    def forward(self, points: Tensor) -> Tensor:
        """Return the logit at points; see :meth:`Shape.forward`."""
        offset = self.to_local(points) - self._local_center()
        if self.ndim == 2:
            distance, angle = to_polar(offset)
            exponent = self._angular_basis(angle) @ self.radius
        else:
            distance, direction = to_spherical(offset)
            exponent = self._spherical_basis(direction) @ self.radius
        return self.sharpness * (self._radius(exponent)[0] - distance)

    def _radius(self, exponent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the radius in local units, and its derivative by the exponent."""
        free = 1 / ((-exponent).exp() + self.scale / MAX_RADIUS)
        return MIN_RADIUS + free, free * (1 - free * (self.scale / MAX_RADIUS))

    def _angular_basis(self, angle: Tensor) -> Tensor:
        """Return functions (n, m) of the angle (n,)."""
        return fourier_basis(angle, self.orders)

    def _angular_derivative(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Return functions (n, m) of the angle, and the slope (n,) of their weighted sum."""
        basis = fourier_basis(angle, self.orders)
        return basis, fourier_derivative(basis, self.orders, self.radius)

    def _spherical_basis(self, direction: Tensor) -> Tensor:
        """Return functions (n, m) of the direction (n, d) in three dimensions or more."""
        # The bumps are as wide as their distance.
        return (len(self.middles) / 4 * (direction @ self.middles.T - 1)).exp()

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the closed form in two dimensions, and in more for the plain star."""
        if self.ndim != 2:
            if type(self) is not Star:
                return super().logit_and_jacobian(points)
            return self._jacobian_in_space(points)
        with torch.no_grad():
            offset = self.to_local(points) - self._local_center()
            distance, angle = to_polar(offset)
            basis, slope = self._angular_derivative(angle)
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
                by_center = torch.stack([by_row, by_column], dim=1)
                parts.insert(0, self._by_center_parameter(by_center))
            return self.sharpness * (radius - distance), hstack(parts)

    @torch.no_grad()
    def _jacobian_in_space(self, points: Tensor) -> tuple[Tensor, Tensor]:
        distance, direction = to_spherical(self.to_local(points) - self._local_center())
        basis = self._spherical_basis(direction)
        radius, rate = self._radius(basis @ self.radius)
        rate = self.sharpness * rate
        parts = [rate[:, None] * basis]
        if "center" in self._parameters:
            # Gradient of the exponent along the sphere.
            slope = len(self.middles) / 4 * (basis * self.radius) @ self.middles
            slope = slope - (slope * direction).sum(1, keepdim=True) * direction
            safe = distance.clamp_min(torch.finfo(distance.dtype).tiny ** 0.5)[:, None]
            parts.insert(0, self.sharpness * direction - rate[:, None] * slope / safe)
        return self.sharpness * (radius - distance), torch.cat(parts, dim=1)

    def _by_center_parameter(self, by_center: Tensor) -> Tensor:
        """Return derivatives (n, d) by the parameter from those by the local center."""
        return by_center

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the centers whose best radii, one for each sector, explain the most."""
        centers, size = search_centers(
            grid,
            self._score_centers,
            keep=N_START_CENTERS,
            fixed=self._fixed_center(),
            candidates=GRID_CENTERS,
        )
        tables = self._polar_tables(grid, centers, size)
        return [
            self._from_table(center, size, table)
            for center, table in zip(centers, tables, strict=True)
        ]

    def _fixed_center(self) -> Tensor | None:
        return None if self.options.center is None else self.anchor

    def _score_centers(self, grid: DenseEvidence, centers: Tensor, size: Tensor) -> Tensor:
        return best_radii(self._polar_tables(grid, centers, size))[0].sum(1)

    @staticmethod
    def _polar_tables(
        grid: DenseEvidence, centers: Tensor, size: Tensor, sectors: int = N_SECTORS
    ) -> Tensor:
        return polar_histogram(grid, centers, TABLE_REACH * size, sectors, N_RINGS)

    @torch.no_grad()
    def _from_table(
        self, center: Tensor, size: Tensor, table: Tensor, **values: Tensor
    ) -> dict[str, Tensor]:
        """Return the state with radii fitted to the best rings of a table (sectors, rings).

        The table may be averaged over a symmetry. ``values`` are further parts of the state.
        """
        zero = torch.zeros_like(center)
        state = self.initial_state(**values, anchor=center, scale=size, center=zero)
        fresh = self.with_state(state)
        sector = unit_directions(len(table), self.ndim, like=center)
        if self.ndim == 2:
            # The first coordinate of these directions is the cosine.
            angle = torch.atan2(sector[:, 1], sector[:, 0])
            basis, frequency = fresh._angular_basis(angle), fresh._frequencies()
        else:
            basis, frequency = fresh._spherical_basis(sector), torch.full_like(self.radius, 2.0)
        target = best_radii(table)[1].log()
        penalty = START_SMOOTHING * len(table) * (frequency / 4) ** 4
        state["radius"] = ridge_fit(basis, target, penalty)
        return state

    def _frequencies(self) -> Tensor:
        return torch.cat([self.orders.new_zeros(1), self.orders, self.orders])

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return the center in pixels."""
        exact = double_copy(self)
        center = exact.anchor + exact.scale * exact._local_center()
        known = {**describe_extra_coordinates(center, frame), **describe_spacing(frame)}
        return {CENTER_KEY: describe_point(center, frame), **known}


def best_radii(table: Tensor) -> tuple[Tensor, Tensor]:
    """Return the most evidence within a radius, and that radius, along the rings of tables.

    Parameters
    ----------
    table : (..., sectors, rings) tensor

    Returns
    -------
    evidence, radius : (..., sectors) tensors
    """
    value, ring = table.cumsum(-1).max(-1)
    radius = (ring + 1) * (TABLE_REACH / N_RINGS)
    return value.clamp_min(0), torch.where(value > 0, radius, EMPTY_SECTOR_RADIUS).to(table)


def to_spherical(offset: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance (n,) and the unit direction (n, d), a fixed one at the center."""
    at_center = (offset == 0).all(1)
    safe = offset + at_center[:, None]
    distance = safe.norm(dim=1)
    direction = safe / distance[:, None]
    return torch.where(at_center, torch.zeros_like(distance), distance), direction
