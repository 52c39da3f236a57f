"""Periodic sets: unions of equal cells of a lattice."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.shapes.base import ICONS, FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.basis_functions import ridge_fit
from napari_isr.shapes.initialization import sum_over_leading_axes
from napari_isr.shapes.lattice import find_lattice, rectify, spectral_contrast
from napari_isr.shapes.options import Place, describe_spacing, double_copy, lattice_from_pixels
from napari_isr.shapes.registry import register_shape

__all__ = ["Periodic", "PeriodicOptions"]

BINS = 64  # of the unit cell along each side: finer than the boundary can be seen
MERGED = 4  # bins along each side that are one sample, away from the boundary
TILES = 2  # of the image along each side, within which cells are folded onto each other
FINE = 512**2  # cells of the image that are folded at most
STEEPEST = 0.6  # the horizon stays this far out: at least 1 / 0.6 from the middle of the image
TILTS = 9  # steps to each side in which the horizon is sought
TILT = 0.04  # a smaller error than that, and the far side of the image is off by a whole cell
HORIZON_CELLS = 128**2
BEYOND = -4.0
CLOSE = 0.05  # nearer to the horizon, pixels stand for too much of the plane


class PeriodicOptions(ShapeOptions):
    """Options of the periodic shape."""

    harmonics: int = Field(4, ge=1, le=10, description="how fine the pattern in one cell may be")
    perspective: bool = Field(
        False, description="the pattern lies on a plane that is seen at an angle"
    )
    lattice: Place | None = Field(
        None,
        description="row/column/row/column of both steps after which the pattern repeats, in "
        "pixels, to hold them fixed",
    )


@register_shape
class Periodic(Shape):
    r"""``{x : F(u(x)) > 0}`` for a Fourier series ``F`` of lattice coordinates ``u = M x``.

    :math:`F(u) = \sum_k a_k \cos 2 \pi k^T u + b_k \sin 2 \pi k^T u` with whole-numbered ``k``:
    a step along a lattice vector, a column of :math:`B = M^{-1}`, adds a whole number to ``u``,
    so ``F`` is the same after it for every value of the parameters. All frequencies are multiples
    of the same two: with frequencies of their own nothing would repeat.

    With ``perspective`` the lattice is that of the plane that the image shows: ``u = M y`` with
    :math:`y = x / (1 + h^T x)` for a trainable ``h``. In space the last two axes have the lattice,
    and the set is the same along the others.

    References
    ----------
    .. [1] Schneider et al., "Implicit Representations for Constrained Image Segmentation",
       ICML 2024, section 3.
    """

    name = "periodic"
    guarantee = "the object is the same after a step along either lattice vector"
    description = ShapeDescription(
        title="periodic",
        hint="Periodic: it repeats on a lattice. Windows, tiles, crystals.",
        adjective="periodic",
        certificate_checks=("periodic",),
        conflict_tests=("periodic",),
        icon=ICONS / "periodic.svg",
        position=7,
    )
    Options: ClassVar[type[ShapeOptions]] = PeriodicOptions
    options: PeriodicOptions
    stages = (FitStage(6, 6), FitStage(12, 6))
    damping = 0.1
    start_cells = 256**2
    orders: Tensor
    frequency: Tensor
    horizon: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__(ndim, options)
        reach = torch.arange(-self.options.harmonics, self.options.harmonics + 1)
        orders = torch.cartesian_prod(reach, reach)
        half = (orders[:, 0] > 0) | ((orders[:, 0] == 0) & (orders[:, 1] > 0))
        self.register_buffer("orders", orders[half].float())
        if self.options.lattice is None:
            self.frequency = nn.Parameter(torch.eye(2))
        else:  # held fixed, in units of the scale
            self.register_buffer("frequency", torch.eye(2))
        if self.options.perspective:
            self.horizon = nn.Parameter(torch.zeros(2))
        else:
            self.register_buffer("horizon", torch.zeros(2))
        self.weights = nn.Parameter(torch.zeros(1 + 2 * int(half.sum())))

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Take the lattice that the user gave; see :meth:`Shape.apply_fixed_pose`."""
        if self.options.lattice is not None:
            vectors = lattice_from_pixels(self.options.lattice, frame)
            scale = torch.linalg.det(vectors).abs().sqrt()
            self.scale.copy_(scale)
            self.frequency.copy_(torch.linalg.inv(vectors / scale).T)

    def _horizon(self) -> Tensor:
        """Per unit of shape coordinates; shorter than STEEPEST whatever the parameter."""
        return STEEPEST * self.horizon / (1 + self.horizon.square().sum()).sqrt()

    def _place(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return coordinates (n, 2) on the plane, and proximity (n,), 0 at the horizon."""
        offset = points[:, -2:] - self.anchor[-2:]
        if not self.options.perspective:
            return offset / self.scale, torch.ones_like(offset[:, 0])
        near = 1 + offset @ self._horizon()
        return offset / (self.scale * near.clamp_min(1e-3)[:, None]), near

    def _basis(self, place: Tensor) -> Tensor:
        phase = (place @ (2 * torch.pi * self.frequency.T)) @ self.orders.T
        return torch.cat([torch.ones_like(phase[:, :1]), phase.cos(), phase.sin()], dim=1)

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points; see :meth:`Shape.forward`."""
        place, near = self._place(points)
        level = self._basis(place) @ self.weights
        if self.options.perspective:  # nothing of the plane is seen beyond its horizon
            level = torch.where(near > 1e-2, level, torch.full_like(level, BEYOND))
        return self.sharpness * level

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the closed form."""
        with torch.no_grad():
            place, near = self._place(points)
            basis = self._basis(place)
            count = len(self.orders)
            waves = torch.cat(
                [
                    basis[:, 1 + count :] * -self.weights[1 : 1 + count],
                    basis[:, 1 : 1 + count] * self.weights[1 + count :],
                ],
                dim=1,
            )
            turns = 2 * torch.pi * self.sharpness * torch.cat([self.orders, self.orders])
            by_phase = waves @ turns
            columns = []
            if "frequency" in self._parameters:
                columns.append((by_phase[:, :, None] * place[:, None, :]).flatten(1))
            if self.options.perspective:
                by_place = by_phase @ self.frequency
                offset = points[:, -2:] - self.anchor[-2:]
                pull = -(by_place * place).sum(1) / near.clamp_min(1e-3)
                length = 1 + self.horizon.square().sum()
                slope = torch.eye(2).to(length) / length.sqrt()
                slope = slope - torch.outer(self.horizon, self.horizon) / length**1.5
                columns.append(STEEPEST * (pull[:, None] * offset) @ slope)
            columns.append(self.sharpness * basis)
            logit, jacobian = self.sharpness * (basis @ self.weights), torch.cat(columns, dim=1)
            if self.options.perspective:
                seen = near > 1e-2
                logit = torch.where(seen, logit, self.sharpness * BEYOND)
                jacobian = jacobian * seen[:, None]
            return logit, jacobian

    def own_samples(self, evidence: Evidence, budget: int) -> tuple[Tensor, Tensor] | None:
        """Fold every cell of the image into one lattice cell for each tile of the image.

        What is exactly periodic can be summed before it is fitted: a few thousand samples stand
        for all pixels. The tiles keep what tells the lattice itself.
        """
        del budget
        with torch.no_grad():
            table, cells = self._folded(
                sum_over_leading_axes(evidence.coarsen(evidence.block_size_for(FINE)))
            )
            count = BINS // MERGED
            merged = table.unflatten(2, (count, MERGED)).unflatten(1, (count, MERGED))
            crossed = self._boundary(table)
            fine = crossed.repeat_interleave(MERGED, 0).repeat_interleave(MERGED, 1)
            parts = [
                (_bins(count, table)[~crossed.flatten()], merged.sum((2, 4))[:, ~crossed]),
                (_bins(BINS, table)[fine.flatten()], table[:, fine]),
            ]
            where = torch.cat([(cells[:, None] + inner).flatten(0, 1) for inner, _ in parts])
            return self._shown(where), torch.cat([values.flatten() for _, values in parts])

    def _folded(self, grid: DenseEvidence) -> tuple[Tensor, Tensor]:
        """Return sums (tiles, BINS, BINS) and the representative cell (tiles, 2) of each tile."""
        values = grid.values
        first, second, near = self._lattice_places(grid)
        if near is not None:
            values = values * (near > CLOSE)
        rows, columns = ((torch.arange(n, device=values.device) * TILES) // n for n in values.shape)
        tile = rows[:, None] * TILES + columns
        index, middles = tile, []
        for place in (first, second):
            cell = place.floor()
            bins = ((place - cell) * BINS).to(torch.int32).clamp_max_(BINS - 1)
            index = index * BINS + bins
            middles.append(_tile_means(cell))
        total = values.new_zeros(TILES**2 * BINS**2)
        total.index_add_(0, index.flatten(), values.flatten())
        return total.view(-1, BINS, BINS), torch.stack(middles, dim=1).round()

    def _lattice_places(self, grid: DenseEvidence) -> tuple[Tensor, Tensor, Tensor | None]:
        """Both lattice coordinates (n1, n2) of all cells, and how near the plane is there."""
        if self.options.perspective:
            place, near = self._place(grid.points)
            first, second = (place @ self.frequency.T).T.unflatten(1, grid.values.shape)
            return first, second, near.view_as(grid.values)
        rows, columns = (
            (axis - middle) / self.scale
            for axis, middle in zip(grid.axes, self.anchor[-2:], strict=True)
        )
        first, second = (row * rows[:, None] + column * columns for row, column in self.frequency)
        return first, second, None

    def _shown(self, lattice_place: Tensor) -> Tensor:
        """Shape coordinates (n, d) of lattice coordinates (n, 2)."""
        place = lattice_place @ torch.linalg.inv(self.frequency).T * self.scale
        if self.options.perspective:
            place = place / (1 - place @ self._horizon()).clamp_min(CLOSE)[:, None]
        lead = self.anchor[:-2].expand(len(place), -1)
        return torch.cat([lead, place + self.anchor[-2:]], dim=1)

    def _boundary(self, table: Tensor) -> Tensor:
        """Blocks (BINS / MERGED, BINS / MERGED) of a cell that the boundary may cross."""
        level = self._basis(_bins(BINS, table) @ torch.linalg.inv(self.frequency).T)
        inside = (level @ self.weights > 0).to(table).view(1, 1, BINS, BINS)
        # A ring of bins around each block, from the other side of the cell where it ends.
        ringed = torch.nn.functional.pad(inside, (1, 1, 1, 1), mode="circular")
        size = MERGED + 2
        most = torch.nn.functional.max_pool2d(ringed, size, MERGED)[0, 0]
        least = -torch.nn.functional.max_pool2d(-ringed, size, MERGED)[0, 0]
        return most > least

    @torch.no_grad()
    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Start from the lattice in the autocorrelation, and the evidence folded into its cell."""
        plane = sum_over_leading_axes(grid)
        horizon = self._start_horizon(plane)
        state = {name: value.clone() for name, value in self.state_dict().items()}
        state.update(
            anchor=torch.zeros_like(self.anchor),
            sharpness=torch.full_like(self.sharpness, self.stages[0].sharpness),
        )
        if self.options.lattice is None:
            state.update(self._found_lattice(plane, horizon))
        if horizon is not None:
            bent = horizon / STEEPEST
            state["horizon"] = bent / (1 - bent.square().sum()).sqrt()
        return [self._with_pattern(state, plane)]

    @staticmethod
    def _found_lattice(plane: DenseEvidence, horizon: Tensor | None) -> dict[str, Tensor]:
        """Scale and frequency of the lattice that the evidence repeats on."""
        values = plane.values
        lattice = find_lattice(values if horizon is None else rectify(values, horizon))
        if lattice is None:
            raise InputError(
                "nothing repeats in the unaries, so no periodic shape fits: choose another shape, "
                "or perspective=true if the pattern lies on a plane that is seen at an angle"
            )
        vectors = lattice * plane.cell_size
        scale = torch.linalg.det(vectors).abs().sqrt()
        return {"scale": scale, "frequency": torch.linalg.inv(vectors / scale).T.contiguous()}

    def _with_pattern(self, state: dict[str, Tensor], plane: DenseEvidence) -> dict[str, Tensor]:
        """Set the smoothed evidence of one cell as the level set of a state."""
        fresh = type(self)(self.ndim, self.options).to(plane.values)
        fresh.load_state_dict(state)
        folded = fresh._folded(plane)[0].sum(0).flatten()
        place = _bins(BINS, folded) @ torch.linalg.inv(fresh.frequency).T
        penalty = 1e-3 * BINS**2 * torch.ones_like(self.weights)
        pattern = folded / folded.abs().amax().clamp_min(1e-30)
        state["weights"] = ridge_fit(fresh._basis(place), pattern, penalty)
        return state

    def _start_horizon(self, plane: DenseEvidence) -> Tensor | None:
        """Return the horizon whose rectified image repeats most clearly, or None."""
        if not self.options.perspective:
            return None
        values = plane.coarsen(plane.block_size_for(HORIZON_CELLS)).values
        best, center, step = values.new_zeros(2), values.new_zeros(2), TILT
        for reach in (TILTS, 4):
            line = torch.arange(-reach, reach + 1).to(values) * step
            tilts = [t + center for t in torch.cartesian_prod(line, line)]
            scores = [spectral_contrast(rectify(values, tilt)) for tilt in tilts]
            best = tilts[scores.index(max(scores))]
            center, step = best, step / 4
        return best

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Lattice vectors in pixels; with ``perspective`` the plane too."""
        exact = double_copy(self)
        step = frame.vectors_to_pixels(torch.eye(frame.ndim, dtype=torch.float64)).diagonal()
        vectors = torch.linalg.inv(exact.frequency).T * exact.scale
        lead = torch.zeros(2, frame.ndim - 2, dtype=torch.float64)
        lattice = torch.cat([lead, vectors], dim=1) * step
        found: dict[str, Any] = {"lattice": lattice.tolist(), **describe_spacing(frame)}
        if self.options.perspective:
            horizon = torch.cat([lead[0], exact._horizon()]) / step
            found["horizon"] = horizon.tolist()
            found["origin"] = frame.to_pixels(exact.anchor[None])[0].tolist()
        return found


def _tile_means(values: Tensor) -> Tensor:
    """Mean of each tile (TILES ** 2,) of an image; 0 where a tile has no cells."""
    ends = [[-(-n * i // TILES) for i in range(TILES + 1)] for n in values.shape]
    strips = [values[a:b] for a, b in pairwise(ends[0])]
    means = [part[:, a:b].mean() for part in strips for a, b in pairwise(ends[1])]
    return torch.stack(means).nan_to_num()


def _bins(count: int, like: Tensor) -> Tensor:
    """Middles (count ** 2, 2) of the bins of the unit cell."""
    step = (torch.arange(count).to(like) + 0.5) / count
    return torch.cartesian_prod(step, step)
