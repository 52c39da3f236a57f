"""Bases that star, mirror, rotational and periodic shapes share.

Matrices (n, m) of functions at points are views of (m, n) ones: sums over the functions, and the
products of the normal equations, are faster so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_isr.shapes._numerics import LOG2E

__all__ = [
    "STEEPEST_SUM",
    "bilinear_form",
    "boxed_bump_values",
    "boxed_extent",
    "boxed_gaussian_bumps",
    "fourier_basis",
    "fourier_derivative",
    "gaussian_bumps",
    "hstack",
    "khatri_rao",
    "ridge_fit",
    "to_polar",
]

VARIANCE = 0.36  # of the bumps; smaller ripples, larger makes neighbours hard to tell apart
FAINT = -40.0  # exponent of 2 of a bump far away: denormal products are slow
HEIGHT = 1 / math.sqrt(2 * math.pi * VARIANCE)
STEEPEST_SUM = 1.6  # largest sum of the sizes of all bumps' derivatives at one place


def to_polar(offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Radius (n,) and angle (n,) of the last two coordinates; the angle is 0 at the center.

    Angles run from the last axis towards the one before it.
    """
    row, column = offsets[:, -2], offsets[:, -1]
    if not torch.is_grad_enabled():
        return torch.hypot(row, column), torch.atan2(row, column)
    # Only the angle jumps at the center; its derivative there is set to 0, not NaN.
    at_center = (row == 0) & (column == 0)
    column = torch.where(at_center, torch.ones_like(column), column)
    radius = torch.where(at_center, torch.zeros_like(row), torch.hypot(row, column))
    return radius, torch.atan2(row, column)


def fourier_basis(angle: Tensor, orders: Tensor) -> Tensor:
    """``1, cos(k angle), sin(k angle)`` for each order k: (n, 1 + 2 orders)."""
    phase = orders[:, None] * angle
    return torch.cat([torch.ones_like(angle)[None], phase.cos(), phase.sin()]).T


def fourier_derivative(basis: Tensor, orders: Tensor, weights: Tensor) -> Tensor:
    """Derivative by the angle (n,) of ``basis @ weights``, for what :func:`fourier_basis` gave."""
    count = len(orders)
    cosines, sines = weights[1 : count + 1], weights[count + 1 :]
    return basis[:, 1 : count + 1] @ (orders * sines) - basis[:, count + 1 :] @ (orders * cosines)


def gaussian_bumps(position: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Gaussian bumps at whole numbers that nearly sum to 1, and their derivatives.

    About cubic B-splines (their variance would be 1/3), at a third of the cost.

    Parameters
    ----------
    position : (n,) tensor
        Bump ``k`` has its top at ``position = k``.
    count : int
        Number of bumps.

    Returns
    -------
    values, derivatives : (n, count) tensors
    """
    values, offset = _gaussians(position, count)
    return values, offset * values * (-1 / VARIANCE)


def bilinear_form(basis: Tensor, weights: Tensor, other: Tensor) -> Tensor:
    """``sum_ij basis[:, i] weights[i, j] other[:, j]`` (n,), without the products of the two."""
    return ((weights.T @ basis.T) * other.T).sum(0)


def boxed_gaussian_bumps(position: Tensor, count: int, even: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Bumps that sum to about 1 in a box, their derivatives, and how far out of it a point is.

    Parameters
    ----------
    position : (n,) tensor
        In steps between bumps; the box is ``|position| <= (count - 3) / 2``, or for even
        functions ``|position| <= count - 2``.
    count : int
        Number of functions.
    even : bool
        Functions of the size of ``position`` alone.

    Returns
    -------
    values, derivatives : (n, count) tensors
        Constant outside the box.
    excess : (n,) tensor
    """
    half = boxed_extent(count, even)
    inside = position.clamp(-half, half)
    if even:
        values, slopes = gaussian_bumps(inside, count)
        images, image_slopes = gaussian_bumps(-inside, count)
        once = _symmetric_multiplicity(values)
        values, slopes = (values + images) * once, (slopes - image_slopes) * once
    else:
        values, slopes = gaussian_bumps(inside + (count - 1) / 2, count)
    excess = (position - inside).abs()
    return values, slopes * (excess == 0)[:, None], excess


def boxed_bump_values(position: Tensor, count: int, even: bool) -> tuple[Tensor, Tensor]:
    """What :func:`boxed_gaussian_bumps` gives, without the derivatives: values and excess."""
    half = boxed_extent(count, even)
    inside = position.clamp(-half, half)
    excess = (position - inside).abs()
    if not even:
        return _gaussians(inside + (count - 1) / 2, count)[0], excess
    values, images = (_gaussians(place, count)[0] for place in (inside, -inside))
    return (values + images) * _symmetric_multiplicity(values), excess


def boxed_extent(count: int, even: bool) -> float:
    """Largest size of a position at which :func:`boxed_gaussian_bumps` are not constant yet."""
    return count - 2 if even else (count - 3) / 2


def _symmetric_multiplicity(values: Tensor) -> Tensor:
    """Factors (m,): the bump at 0 is even by itself and is counted once."""
    once = values.new_ones(values.shape[1])
    once[0] = 0.5
    return once


def _gaussians(position: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Bumps (n, count) at whole numbers, and how far each is (n, count)."""
    centers = torch.arange(count, device=position.device, dtype=position.dtype)
    offset = position - centers[:, None]
    exponent = (offset.square() * (-0.5 * LOG2E / VARIANCE)).clamp_min(FAINT)
    values = torch.exp2(exponent) * HEIGHT
    return values.T, offset.T


def hstack(parts: Sequence[Tensor]) -> Tensor:
    """Matrices (n, mi) side by side: (n, m1 + ... + md)."""
    return torch.cat([part.T for part in parts]).T


def khatri_rao(axes: Sequence[Tensor]) -> Tensor:
    """Products (n, m1 * ... * md) of functions (n, mi) of one coordinate each."""
    basis = axes[0]
    for values in axes[1:]:
        basis = (basis[:, :, None] * values[:, None, :]).flatten(1)
    return basis


def ridge_fit(
    basis: Tensor, target: Tensor, penalty: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Coefficients of the penalised (and weighted) least-squares fit of ``basis @ c = target``."""
    rows = basis if weight is None else basis * weight[:, None]
    normal = rows.T @ basis
    normal = normal + torch.diag(penalty + 1e-6 * normal.diagonal().mean() + 1e-12)
    solution: Tensor = torch.linalg.solve(normal, rows.T @ target)
    return solution
