"""Basis functions and numerical tools of the shapes.

Matrices (n, m) of functions at points are views of (m, n) ones. Sums over the functions, and the
products of the normal equations, are faster that way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "LOG2E",
    "MAX_SLOPE_SUM",
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
    "stable_exp2_sum",
    "to_polar",
]

LOG2E = 1 / math.log(2)
# Exponent of 2. Smaller powers vanish in a sum with 1, and denormal numbers are slow.
MIN_SUM_EXPONENT = -100.0
MIN_BUMP_EXPONENT = -40.0
# Variance of the bumps, in squared distances of neighbors. Smaller variances ripple, and larger
# ones make neighbors nearly linearly dependent.
BUMP_VARIANCE = 0.36
BUMP_HEIGHT = 1 / math.sqrt(2 * math.pi * BUMP_VARIANCE)
# Maximum over all positions of the sum of the absolute derivatives of all bumps.
MAX_SLOPE_SUM = 1.6


def stable_exp2_sum(exponents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return powers of 2 relative to the largest one, and their sum, along the first axis.

    Powers of 2 take a quarter of the time of powers of e. No power is denormal, for that would
    take thirty times as long. Convex functions remain convex.

    Parameters
    ----------
    exponents : (m, ...) tensor

    Returns
    -------
    parts : (m, ...) tensor
        ``2 ** (exponents - largest)``.
    total : (...) tensor
        Their sum, at least 1.
    largest : (...) tensor
    """
    largest = exponents.amax(dim=0)
    # The largest exponent cancels, so no derivative passes through it.
    parts = (exponents - largest.detach()).clamp_min(MIN_SUM_EXPONENT).exp2()
    return parts, parts.sum(dim=0), largest.detach()


def to_polar(offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the radius (n,) and the angle (n,) of the last two coordinates.

    Angles increase from the last axis towards the one before. The angle is 0 at the center.
    """
    row, column = offsets[:, -2], offsets[:, -1]
    if not torch.is_grad_enabled():
        return torch.hypot(row, column), torch.atan2(row, column)
    # Only the angle is discontinuous at the center. Its derivative there is 0, not NaN.
    at_center = (row == 0) & (column == 0)
    column = torch.where(at_center, torch.ones_like(column), column)
    radius = torch.where(at_center, torch.zeros_like(row), torch.hypot(row, column))
    return radius, torch.atan2(row, column)


def fourier_basis(angle: Tensor, orders: Tensor) -> Tensor:
    """Return ``1, cos(k angle), sin(k angle)`` for each order k, shape (n, 1 + 2 orders)."""
    phase = orders[:, None] * angle
    return torch.cat([torch.ones_like(angle)[None], phase.cos(), phase.sin()]).T


def fourier_derivative(basis: Tensor, orders: Tensor, weights: Tensor) -> Tensor:
    """Return the derivative (n,) of ``basis @ weights`` by the angle.

    ``basis`` is a result of :func:`fourier_basis`.
    """
    count = len(orders)
    cosines, sines = weights[1 : count + 1], weights[count + 1 :]
    return basis[:, 1 : count + 1] @ (orders * sines) - basis[:, count + 1 :] @ (orders * cosines)


def gaussian_bumps(position: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return Gaussian bumps at whole numbers, which nearly sum to 1, and their derivatives.

    They approximate cubic B-splines (of variance 1/3) at a third of the cost.

    Parameters
    ----------
    position : (n,) tensor
        Bump ``k`` has its maximum at ``position = k``.
    count : int
        Number of bumps.

    Returns
    -------
    values, derivatives : (n, count) tensors
    """
    values, offset = _gaussians(position, count)
    return values, offset * values * (-1 / BUMP_VARIANCE)


def boxed_gaussian_bumps(position: Tensor, count: int, even: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return bumps that sum to about 1 in a box, their derivatives, and the distance to the box.

    Parameters
    ----------
    position : (n,) tensor
        Position in distances of neighboring bumps. The box is ``|position| <= (count - 3) / 2``,
        or ``|position| <= count - 2`` for even functions.
    count : int
        Number of functions.
    even : bool
        Whether the functions depend on the absolute value of ``position`` only.

    Returns
    -------
    values, derivatives : (n, count) tensors
        Constant outside the box.
    excess : (n,) tensor
        Distance to the box.
    """
    half = boxed_extent(count, even)
    inside = position.clamp(-half, half)
    if even:
        values, slopes = gaussian_bumps(inside, count)
        images, image_slopes = gaussian_bumps(-inside, count)
        once = _even_multiplicity(values)
        values, slopes = (values + images) * once, (slopes - image_slopes) * once
    else:
        values, slopes = gaussian_bumps(inside + (count - 1) / 2, count)
    excess = (position - inside).abs()
    return values, slopes * (excess == 0)[:, None], excess


def boxed_bump_values(position: Tensor, count: int, even: bool) -> tuple[Tensor, Tensor]:
    """Return the values and the excess of :func:`boxed_gaussian_bumps`, without derivatives."""
    half = boxed_extent(count, even)
    inside = position.clamp(-half, half)
    excess = (position - inside).abs()
    if not even:
        return _gaussians(inside + (count - 1) / 2, count)[0], excess
    values, images = (_gaussians(signed, count)[0] for signed in (inside, -inside))
    return (values + images) * _even_multiplicity(values), excess


def boxed_extent(count: int, even: bool) -> float:
    """Return the half side of the box of :func:`boxed_gaussian_bumps`."""
    return count - 2 if even else (count - 3) / 2


def _even_multiplicity(values: Tensor) -> Tensor:
    """Return factors (m,) of sums with mirror images: the bump at 0 is its own image."""
    once = values.new_ones(values.shape[1])
    once[0] = 0.5
    return once


def _gaussians(position: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return bumps (n, count) at whole numbers, and the distance (n, count) to each."""
    centers = torch.arange(count, device=position.device, dtype=position.dtype)
    offset = position - centers[:, None]
    exponent = (offset.square() * (-0.5 * LOG2E / BUMP_VARIANCE)).clamp_min(MIN_BUMP_EXPONENT)
    values = torch.exp2(exponent) * BUMP_HEIGHT
    return values.T, offset.T


def bilinear_form(basis: Tensor, weights: Tensor, other: Tensor) -> Tensor:
    """Return ``sum_ij basis[:, i] weights[i, j] other[:, j]`` (n,) without the products."""
    return ((weights.T @ basis.T) * other.T).sum(0)


def hstack(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate matrices (n, mi) horizontally to (n, m1 + ... + md)."""
    return torch.cat([part.T for part in parts]).T


def khatri_rao(axes: Sequence[Tensor]) -> Tensor:
    """Return the products (n, m1 * ... * md) of functions (n, mi) of one coordinate each."""
    basis = axes[0]
    for values in axes[1:]:
        basis = (basis[:, :, None] * values[:, None, :]).flatten(1)
    return basis


def ridge_fit(basis: Tensor, target: Tensor, penalty: Tensor) -> Tensor:
    """Return the coefficients (m,) of the penalized least-squares fit of ``basis @ c = target``.

    Parameters
    ----------
    basis : (n, m) tensor
    target : (n,) tensor
    penalty : (m,) tensor
        Weights of the squared coefficients.
    """
    normal = basis.T @ basis
    normal = normal + torch.diag(penalty + 1e-6 * normal.diagonal().mean() + 1e-12)
    solution: Tensor = torch.linalg.solve(normal, basis.T @ target)
    return solution
