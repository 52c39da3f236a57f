"""Free-form deformation: a diffeomorphism of a box by bounded cubic B-splines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Deformation", "FfdLevel", "spline_weights"]

# Largest safe coefficient, in knot spacings, is the inverse of the largest value of
# sum_k |d_1 B_k + ... + d_d B_k|: 2.0464 (2-D), 2.4795 (3-D), 2.8514 (4-D). A tenth is left, so
# that no rounding matters and the inverse converges fast.
_BOUNDS = {1: 0.6, 2: 0.44, 3: 0.36, 4: 0.31}
SOLVE_STEPS = 200


def spline_weights(t: Tensor) -> Tensor:
    """Weights of the four uniform cubic B-splines around a point; they sum to 1.

    Parameters
    ----------
    t : (...) tensor
        Position between two knots, in [0, 1].

    Returns
    -------
    (4, ...) tensor
    """
    s, square = 1 - t, t * t
    cube = square * t / 6
    second = 2 / 3 - square + 3 * cube
    first = s * s * s / 6
    return torch.stack([first, second, 1 - first - second - cube, cube])


def spline_derivatives(t: Tensor) -> Tensor:
    """Return derivatives of :func:`spline_weights` by ``t``. Their sum is 0."""
    s, square = 1 - t, t * t / 2
    first = -s * s / 2
    second = 3 * square - 2 * t
    return torch.stack([first, second, -first - second - square, square])


@dataclass(frozen=True)
class LevelJacobian:
    """One level at some points: where it takes them, and how that changes.

    Parameters
    ----------
    image : (d, n) tensor
        The points, moved.
    jacobian : (d, d, n) tensor
        Derivative of ``image`` (first axis) by the points (second axis).
    columns : (d, k, n) tensor of int
        Entries of the flat parameter on which each coordinate of ``image`` depends.
    values : (d, k, n) tensor
        Derivatives of ``image`` by these entries.
    """

    image: Tensor
    jacobian: Tensor
    columns: Tensor
    values: Tensor


class FfdLevel(nn.Module):
    r"""``y -> y + u(y)`` on the box :math:`[-1, 1]^d`, with ``u`` a cubic B-spline.

    The coefficients are :math:`r h \nu / \sqrt{1 + \nu^2}` with knot spacing ``h``. In the maximum
    norm :math:`\|Du\| \le r h \max_y \sum_k |\sum_j \partial_j B_k(y)| < 1`, so ``u`` is a
    contraction and ``y + u(y)`` a diffeomorphism, whatever the parameters. The coefficients are
    continued beyond the box as an odd function along their own axis and as an even one along the
    others: on a face of the box nothing moves across, so the box is mapped onto itself.

    Parameters
    ----------
    intervals : int
        Knot intervals along each axis, at least 2.
    ndim : int
        Number of coordinates.

    References
    ----------
    .. [1] Choi & Lee, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions",
       Graphical Models 62 (2000), section 3.
    .. [2] Rueckert et al., "Diffeomorphic registration using B-splines", MICCAI 2006.
    """

    source: Tensor
    sign: Tensor
    taps: Tensor

    def __init__(self, intervals: int, ndim: int) -> None:
        super().__init__()
        self.intervals, self.ndim = intervals, ndim
        self.bound = _BOUNDS[ndim] * 2 / intervals
        self.knots = nn.Parameter(torch.zeros(ndim, (intervals + 1) ** ndim))
        beyond = torch.arange(-1, intervals + 2)
        mirrored = intervals - (intervals - beyond.abs()).abs()
        odd = torch.ones(intervals + 3)
        odd[[0, -1]], odd[[1, -2]] = -1.0, 0.0
        faces = [
            odd.view([-1 if a == axis else 1 for a in range(ndim)]).expand([intervals + 3] * ndim)
            for axis in range(ndim)
        ]
        self.register_buffer("source", _ravel([mirrored] * ndim, intervals + 1), persistent=False)
        self.register_buffer("sign", torch.stack(faces).flatten(1), persistent=False)
        self.register_buffer(
            "taps", _ravel([torch.arange(4)] * ndim, intervals + 3), persistent=False
        )

    def forward(self, points: Tensor) -> Tensor:
        """Move points (d, n) of the box. Coordinates are the first axis for speed."""
        index, t = self._locate(points)
        weight = _product(spline_weights(t).unbind(1))
        return points + (self._gathered(self._coefficients(), index) * weight).sum(1)

    def forward_with_jacobian(self, points: Tensor) -> LevelJacobian:
        """Move points (d, n) of the box, with derivatives."""
        index, t = self._locate(points)
        weights, slopes = spline_weights(t).unbind(1), spline_derivatives(t).unbind(1)
        near, weight = self._gathered(self._coefficients(), index), _product(weights)
        rows = []
        for axis in range(self.ndim):
            slope = _product([*weights[:axis], slopes[axis], *weights[axis + 1 :]])
            rows.append((near * slope).sum(1) * (self.intervals / 2))
            rows[axis][axis] += 1
        rate = self.bound * (1 + self.knots.square()) ** -1.5
        values = self._gathered(rate.index_select(1, self.source) * self.sign, index) * weight
        source = self.source.index_select(0, index.flatten()).view_as(index)
        first = torch.arange(self.ndim, device=index.device) * self.knots.shape[1]
        columns = source + first[:, None, None]
        image = points + (near * weight).sum(1)
        return LevelJacobian(image, torch.stack(rows, dim=1), columns, values)

    def inverse(self, points: Tensor) -> Tensor:
        """Invert :meth:`forward` at points (d, n) by fixed-point iteration."""
        limit = 8 * torch.finfo(points.dtype).eps
        guess = points
        for _ in range(SOLVE_STEPS):
            step = points - self(guess)
            guess = (guess + step).clamp(-1, 1)
            if float(step.detach().abs().amax()) < limit:
                break
        return guess

    def _coefficients(self) -> Tensor:
        """Coefficients (d, m) of all knots that matter in the box, those beyond it as well."""
        # Unlike tanh, this squash lets a coefficient come back from its bound in a few steps.
        bounded = self.bound * self.knots / (1 + self.knots.square()).sqrt()
        return bounded.index_select(1, self.source) * self.sign

    def _gathered(self, table: Tensor, index: Tensor) -> Tensor:
        return table.index_select(1, index.flatten()).view(self.ndim, *index.shape)

    def _locate(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return indices (4**d, n) of adjacent knots, and positions (d, n) between two knots."""
        place = (points + 1) * (self.intervals / 2)
        cell = place.detach().floor().clamp(0, self.intervals - 1)
        first = torch.zeros_like(cell[0], dtype=torch.long)
        for row in cell.long():
            first = first * (self.intervals + 3) + row
        return first + self.taps[:, None], place - cell


class Deformation(nn.ModuleList):
    """Composition of levels, coarse to fine: a diffeomorphism of ``[-1, 1]**d`` onto itself.

    Parameters
    ----------
    levels : sequence of FfdLevel
        In the order in which they are applied.
    """

    def __iter__(self) -> Iterator[FfdLevel]:
        """Iterate over the levels."""
        for level in super().__iter__():
            assert isinstance(level, FfdLevel)
            yield level

    def forward(self, points: Tensor) -> Tensor:
        """Move points (d, n) within the box."""
        for level in self:
            points = level(points)
        return points

    def tangents(self, points: Tensor) -> list[LevelJacobian]:
        """Return the Jacobians of all levels at points (d, n)."""
        found = []
        for level in self:
            found.append(level.forward_with_jacobian(points))
            points = found[-1].image
        return found

    def inverse(self, points: Tensor) -> Tensor:
        """Return the points (d, n) that :meth:`forward` maps to ``points``."""
        for level in reversed(list(self)):
            points = level.inverse(points)
        return points


def _product(weights: Sequence[Tensor]) -> Tensor:
    """Weights (4**d, n) of all knots around from those (4, n) of each axis."""
    result = weights[0]
    for more in weights[1:]:
        result = (result[:, None] * more).flatten(0, 1)
    return result


def _ravel(axes: Sequence[Tensor], size: int) -> Tensor:
    """Flat index of every point of the product of the axes, in a cube of ``size`` a side."""
    index = torch.zeros((), dtype=torch.long)
    for axis in axes:
        index = index[..., None] * size + axis
    return index.flatten()
