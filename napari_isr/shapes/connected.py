"""Connected sets: preimages of convex sets under a diffeomorphism."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes.base import ICONS, FitStage, OverTime, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.ellipsoid import Ellipsoid, fit_ellipsoid, unit_directions
from napari_isr.shapes.ffd import Deformation, FfdLevel
from napari_isr.shapes.registry import register_shape
from napari_isr.shapes.sparse_jacobian import RowSparseMatrix, SparseJacobianShape

__all__ = ["Connected", "ConnectedOptions"]

LEVELS = {2: 10, 3: 6, 4: 4}
COARSEST, FINEST = 2, {2: 48, 3: 14, 4: 8}  # knot intervals across the image
DESCENTS = 80


class ConnectedOptions(ShapeOptions):
    """Options of the connected shape."""

    pieces: int = Field(12, ge=4, le=256, description="affine pieces of the convex set")
    levels: int | None = Field(
        None, ge=1, le=32, description="deformations, coarse to fine; 10 in the plane, 6 in space"
    )


@register_shape
class Connected(SparseJacobianShape):
    r"""``{x in image : f(phi(x)) <= 0}`` for a convex ``f`` and a diffeomorphism ``phi``.

    .. math::

        f(y) = \log \sum_k \exp(\beta (n_k^T (y - m) / s - b_k)), \qquad
        \phi = \phi_L \circ \dots \circ \phi_1 \circ w

    The warp ``w`` takes the image to the cube :math:`[-1, 1]^d`, axis by axis by an asinh, so
    that the object fills a good part of it, however small it is. Each level :math:`\phi_l` is a
    bounded B-spline deformation of the cube onto itself
    (:class:`napari_isr.shapes.ffd.FfdLevel`). So the set is the image, under
    :math:`\phi^{-1}`, of the convex set :math:`\{f \le 0\} \cap [-1, 1]^d`: one piece, without
    holes, and all of it within the image, for every value of the parameters. Beyond the image
    the logit is negative.

    Parameters
    ----------
    ndim : int
        Number of coordinates.
    options : ConnectedOptions or None
        See there.
    most : int or None
        Knot intervals of the finest level at most; with few of them there are fewer levels.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3 (there with an invertible network).
    .. [2] Choi & Lee, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions",
       Graphical Models 62 (2000).
    .. [3] Rueckert et al., "Diffeomorphic registration using B-splines", MICCAI 2006.
    """

    name = "connected"
    guarantee = "the object is one piece without holes, and all of it lies in the image"
    description = ShapeDescription(
        title="connected",
        hint="Connected: one piece without holes. Animals, roads, vessels.",
        adjective="connected, without holes",
        certificate_checks=("connected",),
        conflict_tests=("connected",),
        icon=ICONS / "connected.svg",
        single_piece=True,
        position=3,
    )
    Options = ConnectedOptions
    options: ConnectedOptions
    usual_levels: ClassVar[dict[int, int]] = LEVELS
    finest: ClassVar[dict[int, int]] = FINEST
    stages = (FitStage(10, 6), FitStage(30, 6), FitStage(80, 4), FitStage(80, 3, oversampling=2))
    border: Tensor
    spread: Tensor
    middle: Tensor
    size: Tensor

    def __init__(
        self, ndim: int, options: ShapeOptions | None = None, most: int | None = None
    ) -> None:
        super().__init__(ndim, options)
        self.most = most
        self.deformation = Deformation([FfdLevel(n, ndim) for n in self._intervals(most)])
        normals = unit_directions(self.options.pieces, ndim, like=self.anchor)
        self.pieces = nn.Parameter(torch.cat([normals, torch.ones(len(normals), 1)], dim=1))
        self.register_buffer("border", torch.ones(ndim))
        self.register_buffer("spread", torch.full((ndim,), 0.5))
        self.register_buffer("middle", torch.zeros(ndim))
        self.register_buffer("size", torch.tensor(0.5))

    @classmethod
    def build_for_sequence(
        cls, geometry: TimeSeriesGeometry, options: ShapeOptions, over_time: OverTime
    ) -> Shape:
        """Build a tube for a smooth motion; see :meth:`Shape.build_for_sequence`."""
        if over_time != "smooth":
            return super().build_for_sequence(geometry, options, over_time)
        from napari_isr.shapes.tube import Tube, TubeCrossSection

        assert isinstance(options, ConnectedOptions)
        return Tube(TubeCrossSection.for_geometry(geometry.frame_geometry, options), geometry)

    def _intervals(self, most: int | None) -> list[int]:
        """Knot intervals of each level, ``most`` of the finest; few need fewer levels."""
        usual, finest = self.usual_levels[self.ndim], self.finest[self.ndim]
        count = self.options.levels or usual
        if most is not None and most < finest:
            most = max(most, COARSEST)
            share = math.log(most / COARSEST) / math.log(finest / COARSEST)
            count = self.options.levels or 1 + round((usual - 1) * share)
            finest = most
        ratio = (finest / COARSEST) ** (1 / max(count - 1, 1))
        return [round(finest / ratio**i) for i in reversed(range(count))]

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        inside = torch.minimum(torch.maximum(points, -self.border), self.border)
        logit = -self._exponents(self.deformation(self.warp(inside).T)).logsumexp(0)
        beyond = (points - inside).abs().sum(1) * (self.sharpness / self.scale)
        return torch.where(beyond > 0, logit.clamp_max(0) - beyond, logit)

    @torch.no_grad()
    def path_between(self, start: Tensor, stop: Tensor, fractions: Tensor) -> Tensor:
        """Return points on a path that stays in the set if both of its ends do.

        The way is the preimage of the straight segment between their images.

        Parameters
        ----------
        start, stop : (d,) tensor
            Points of the image.
        fractions : (m,) tensor
            Places on the segment, from 0 to 1.

        Returns
        -------
        (m, d) tensor
        """
        first, last = self.deformation(self.warp(torch.stack([start, stop])).T).T
        between = torch.lerp(first, last, fractions[:, None])
        return self._demagnified(self.deformation.inverse(between.T).T)

    @torch.no_grad()
    def interior_point(self) -> Tensor:
        """Return a point (d,) deep in the set, found by a subgradient method."""
        normals = F.normalize(self.pieces[:, :-1], dim=1)
        place = best = self.middle.clamp(-1, 1)
        value, length = -torch.inf, self.size * 1.0
        for _ in range(DESCENTS):
            exponents = self._exponents(place[:, None])[:, 0]
            depth = float(-exponents.logsumexp(0))
            if depth > value:
                best, value = place, depth
            place = (place - length * normals[exponents.argmax()]).clamp(-1, 1)
            length = length * 0.9
        return self._demagnified(self.deformation.inverse(best[:, None]).T)[0]

    def warp(self, points: Tensor) -> Tensor:
        """Map points (n, d) of the image to the cube, in which the object is enlarged."""
        low, high = self._ends()
        place = ((points - self.anchor) / self.spread).asinh()
        return ((2 * place - low - high) / (high - low)).clamp(-1, 1)

    def warp_jacobian(self, points: Tensor) -> Tensor:
        """Return derivatives (n, d) of the warp at points (n, d), axis by axis."""
        low, high = self._ends()
        stretch = (self.spread.square() + (points - self.anchor).square()).sqrt()
        return 2 / (stretch * (high - low))

    def _demagnified(self, points: Tensor) -> Tensor:
        low, high = self._ends()
        return self.anchor + self.spread * ((points * (high - low) + low + high) / 2).sinh()

    def _ends(self) -> tuple[Tensor, Tensor]:
        low, high = -self.border - self.anchor, self.border - self.anchor
        return (low / self.spread).asinh(), (high / self.spread).asinh()

    def _exponents(self, local: Tensor) -> Tensor:
        """Exponents (pieces, n) at deformed points (d, n)."""
        normals = F.normalize(self.pieces[:, :-1], dim=1)
        offset = local - self.middle[:, None]
        return self.sharpness * torch.addmm(-self._offsets()[0], normals, offset / self.size)

    def _offsets(self) -> tuple[Tensor, Tensor]:
        """Offsets (pieces, 1) of the pieces, and their derivatives by the parameters."""
        offsets = self.pieces[:, -1:]
        return offsets, torch.ones_like(offsets)

    def prior_mean(self) -> Tensor:
        """Return the parameters of the undeformed set with its present pieces."""
        rest = torch.zeros_like(self.parameter_vector())
        rest[: self.pieces.numel()] = self.pieces.detach().flatten()
        return rest

    @torch.no_grad()
    def sparse_jacobian(self, points: Tensor) -> tuple[Tensor, RowSparseMatrix]:
        """Return the closed form for points in the image. See :class:`SparseJacobianShape`."""
        tangents = self.deformation.tangents(self.warp(points).T)
        image = tangents[-1].image
        exponents = self._exponents(image)
        logit = -exponents.logsumexp(0)
        share = -self.sharpness * (exponents + logit).exp()
        length = self.pieces[:, :-1].norm(dim=1, keepdim=True)
        normals = self.pieces[:, :-1] / length
        local = (image - self.middle[:, None]) / self.size
        along, turned = normals @ local, share / length
        rows = [turned * (y - n[:, None] * along) for y, n in zip(local, normals.T, strict=True)]
        own = torch.stack([*rows, -share * self._offsets()[1]], dim=1).flatten(0, 1)
        width = sum(value.numel() for value in self.parameters())
        place = torch.arange(len(own), device=own.device)
        columns, values, start = [place[:, None].expand_as(own)], [own], width
        gradient = normals.T @ share / self.size
        for level, tangent in reversed(list(zip(self.deformation, tangents, strict=True))):
            start -= level.knots.numel()
            columns.append((tangent.columns + start).flatten(0, 1))
            values.append((tangent.values * gradient[:, None]).flatten(0, 1))
            gradient = (tangent.jacobian * gradient[:, None]).sum(0)
        return logit, RowSparseMatrix(torch.cat(columns), torch.cat(values), width)

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the ellipsoid that explains the most evidence, not deformed."""
        return [self._from_ellipsoid(fit_ellipsoid(grid), half_extent(grid))]

    @torch.no_grad()
    def _from_ellipsoid(self, ellipsoid: Ellipsoid, border: Tensor) -> dict[str, Tensor]:
        fresh = type(self)(self.ndim, self.options, self.most).to(border)
        fresh.border.copy_(border)
        fresh.anchor.copy_(ellipsoid.center)
        fresh.scale.copy_(ellipsoid.size)
        fresh.spread.copy_(ellipsoid.radii.norm(dim=1))
        fresh.sharpness.fill_(self.stages[0].sharpness)
        unit = unit_directions(self.options.pieces, self.ndim, like=border)
        touching = ellipsoid.center + unit @ ellipsoid.radii
        touching = torch.minimum(torch.maximum(touching, -border), border)
        # Normals go with the inverse transposed derivative of the warp, which is diagonal.
        normals = torch.linalg.solve(ellipsoid.radii, unit.T).T / fresh.warp_jacobian(touching)
        normals = F.normalize(normals, dim=1)
        fresh.middle.copy_(fresh.warp(ellipsoid.center))
        offsets = ((fresh.warp(touching) - fresh.middle) * normals).sum(1)
        fresh.size.copy_(offsets.mean())
        fresh.pieces.copy_(torch.cat([normals, offsets[:, None] / fresh.size], dim=1))
        for _ in range(3):  # neighbouring pieces add up: move them out until the boundary fits
            fresh.pieces[:, -1] -= fresh(touching) / fresh.sharpness
        return {name: value.clone() for name, value in fresh.state_dict().items()}


def half_extent(grid: DenseEvidence) -> Tensor:
    """Half of the image's sides (d,): the image is centered at the origin."""
    sides = []
    for axis in grid.axes:
        if len(axis) == 1:  # all that is known: not more than one cell
            sides.append(axis.new_tensor(grid.cell_size / 2))
        else:  # the last cell may be smaller than the others
            step = axis[1] - axis[0] if len(axis) > 2 else 2 * axis[1]
            sides.append(step / 2 - axis[0])
    return torch.stack(sides)
