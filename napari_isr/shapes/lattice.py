"""Lattices of periodic images, estimated from the autocorrelation."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["find_lattice", "rectify", "spectral_contrast", "subtract_mean", "unit_cell_sum"]

PEAKS = 5  # nearest peaks of the autocorrelation, pairs of which are tried
HIGH = 0.4  # of the highest peak: lower ones are not looked at
OVERLAP = 0.2  # lags at which less of the image overlaps with itself are not trusted
DISTINCT = 0.15  # sine of the smallest angle between two lattice vectors
ENOUGH = 0.9  # the smallest cell that explains this part of what the best one explains is taken
BINS = 12
SAME = 2.5  # lattices whose vectors differ less than that many cells are one
LITTLE = 0.25  # a lattice that explains less of the foreground is none
REPEATS = (1, 2, 4, 8)


def find_lattice(values: Tensor) -> Tensor | None:
    """Lattice (2, 2), one vector a row and in cells, that best explains what repeats.

    Parameters
    ----------
    values : (n1, n2) tensor
        Evidence of square cells.

    Returns
    -------
    (2, 2) tensor or None
        None if nothing repeats.
    """
    correlation = _autocorrelation(values)
    peaks = _peaks(correlation)
    found: list[tuple[float, float, Tensor]] = []
    for i in range(len(peaks)):
        for j in range(i):
            pair = torch.stack([peaks[i], peaks[j]])
            if float(torch.linalg.det(pair).abs()) < DISTINCT * float(pair.norm(dim=1).prod()):
                continue
            pair = _reduced(pair)
            if any(float((pair - other).abs().max()) < SAME for *_, other in found):
                continue
            refined = _reduced(_refined(pair, correlation))
            score = float(unit_cell_sum(values, refined, BINS).clamp_min(0).sum())
            found.append((score, float(torch.linalg.det(refined).abs()), refined))
    if not found:
        return None
    best = max(score for score, *_ in found)
    if best < LITTLE * float(values.clamp_min(0).sum()):
        return None
    return min((f for f in found if f[0] >= ENOUGH * best), key=lambda f: f[1])[2]


def unit_cell_sum(values: Tensor, lattice: Tensor, bins: int) -> Tensor:
    """Sum of the values over all cells of the lattice (bins, bins)."""
    index = torch.cartesian_prod(*(torch.arange(n).to(values) for n in values.shape))
    place = index @ torch.linalg.inv(lattice)
    row, column = ((place - place.floor()) * bins).long().clamp_max(bins - 1).unbind(1)
    cell = values.new_zeros(bins * bins)
    return cell.index_add_(0, row * bins + column, values.flatten()).view(bins, bins)


def _autocorrelation(values: Tensor) -> Tensor:
    """Mean product of values at each lag (2 n1 - 1, 2 n2 - 1), zero lag in the middle.

    Lags with little overlap are 0.
    """
    values = subtract_mean(values)
    sizes = [2 * n for n in values.shape]
    # Large dark or bright regions repeat nothing: they are taken out first.
    spectrum = torch.fft.rfft2(values - _box_mean(values, min(values.shape) // 4), s=sizes)
    product = torch.fft.irfft2(spectrum.abs().square(), s=sizes)
    rows, columns = ((1 - torch.fft.fftfreq(n, 1 / n).abs() / (n // 2)).to(values) for n in sizes)
    overlap = rows.clamp_min(0)[:, None] * columns.clamp_min(0)
    mean = torch.where(overlap > OVERLAP, product / overlap.clamp_min(1e-6), 0.0)
    shifted: Tensor = torch.fft.fftshift(mean)
    return shifted[1:, 1:]


def subtract_mean(values: Tensor) -> Tensor:
    """Subtract the mean from non-zero values. Zeros mark unknown values and stay."""
    known = (values != 0).to(values)
    return (values - values.sum() / known.sum().clamp_min(1)) * known


def _box_mean(values: Tensor, reach: int) -> Tensor:
    """Mean over the square of cells within ``reach``, as far as it lies in the image."""
    for dim in (0, 1):
        sums = F.pad(values.movedim(dim, 0).cumsum(0), (0, 0, 1, 0))
        index = torch.arange(len(sums) - 1, device=values.device)
        low, high = (index - reach).clamp_min(0), (index + reach + 1).clamp_max(len(sums) - 1)
        values = ((sums[high] - sums[low]) / (high - low)[:, None]).movedim(0, dim)
    return values


def _peaks(correlation: Tensor) -> Tensor:
    """Lags (m, 2) of the nearest high local maxima, one of each pair of opposite ones."""
    smooth = F.avg_pool2d(correlation[None, None], 3, 1, 1)[0, 0]
    middle = torch.tensor([n // 2 for n in smooth.shape], device=smooth.device)
    top = F.max_pool2d(smooth[None, None], 5, 1, 2)[0, 0]
    index = ((smooth == top) & (smooth > 0)).nonzero()
    lags = index - middle
    half = (lags[:, 0] > 0) | ((lags[:, 0] == 0) & (lags[:, 1] > 0))
    half &= lags.abs().amax(1) > 2
    index, lags = index[half], lags[half]
    height = smooth[index[:, 0], index[:, 1]]
    high = height > HIGH * height.max() if len(height) else height > 0
    lags = lags[high].to(correlation)
    lags = lags[lags.norm(dim=1).argsort()]
    if len(lags) < 2:
        return lags
    # Multiples of one short vector may be nearer than any other: some of both.
    across = (lags[:, 0] * lags[0, 1] - lags[:, 1] * lags[0, 0]).abs()
    aside = across > DISTINCT * lags.norm(dim=1) * lags[0].norm()
    return torch.cat([lags[~aside][:2], lags[aside][:PEAKS]])


def _reduced(lattice: Tensor) -> Tensor:
    """Shortest basis of the same lattice (Gauss), rows ordered by direction."""
    first, second = lattice.unbind(0)
    for _ in range(32):
        if first.norm() > second.norm():
            first, second = second, first
        times = torch.round((first @ second) / (first @ first))
        if times == 0:
            break
        second = second - times * first
    rows = [v if (v[0] > 0 or (v[0] == 0 and v[1] > 0)) else -v for v in (first, second)]
    # The vector that is nearer to the direction of the rows comes first.
    rows.sort(key=lambda v: -abs(float(v[0])) / float(v.norm()))
    return torch.stack(rows)


def _refined(lattice: Tensor, correlation: Tensor) -> Tensor:
    """Least squares to the peaks at multiples of the vectors, farther and farther out."""
    middle = torch.tensor([n // 2 for n in correlation.shape]).to(lattice)
    for reach in REPEATS:
        steps = torch.arange(-reach, reach + 1).to(lattice)
        times = torch.cartesian_prod(steps, steps)
        place = times @ lattice + middle
        inside = (torch.minimum(place, 2 * middle - place) >= 3).all(1) & times.any(1)
        times, place = times[inside], place[inside].round().long()
        peak, height = _nearby_peak(correlation, place)
        good = height > 0
        if int(good.sum()) < 4:
            break
        weight = height[good, None].sqrt()
        solved = torch.linalg.lstsq(times[good] * weight, (peak[good] - middle) * weight).solution
        if float(torch.linalg.det(solved).abs()) < 1:
            break
        lattice = solved
    return lattice


def _nearby_peak(correlation: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Sub-pixel centers (m, 2) and heights (m,) of the peaks near places (m, 2)."""
    step = torch.arange(-2, 3, device=place.device)
    window = torch.cartesian_prod(step, step)
    around = place[:, None] + window
    around = around.clamp_min(0).minimum(torch.tensor(correlation.shape, device=place.device) - 1)
    height = correlation[around[..., 0], around[..., 1]]
    above = (height - height.mean(1, keepdim=True)).clamp_min(0).square()
    total = above.sum(1)
    center = (above[..., None] * around).sum(1) / total.clamp_min(1e-30)[:, None]
    return center, torch.where(total > 0, height.amax(1), torch.zeros_like(total))


def rectify(values: Tensor, horizon: Tensor) -> Tensor:
    """Sample values where a plane in perspective shows the cells of a square grid.

    Parameters
    ----------
    values : (n1, n2) tensor
        Their places ``x`` have the middle of the image as origin and half its longest side as
        unit.
    horizon : (2,) tensor
        The place on the plane is ``x / (1 + horizon . x)``.

    Returns
    -------
    (n1, n2) tensor
        Zero where the image ends.
    """
    size = torch.tensor(values.shape).to(values)
    unit = size.max() / 2
    index = torch.cartesian_prod(*(torch.arange(n).to(values) for n in values.shape))
    place = (index - (size - 1) / 2) / unit
    seen = place / (1 - place @ horizon).clamp_min(0.05)[:, None]
    back = (seen * unit + (size - 1) / 2).round().long()
    within = ((back >= 0) & (back < size)).all(1)
    back = back.clamp_min(0).minimum(size.long() - 1)
    return torch.where(within, values[back[:, 0], back[:, 1]], 0.0).view_as(values)


def spectral_contrast(values: Tensor) -> float:
    """Return the share of spectral energy in few peaks, which is high for repeating patterns."""
    window = [torch.hann_window(n + 2, periodic=False)[1:-1].to(values) for n in values.shape]
    energy = torch.fft.rfft2(subtract_mean(values) * window[0][:, None] * window[1])
    power = energy.abs().square()
    power[:2, :2] = 0
    power[-1:, :2] = 0
    return float(power.square().sum() / power.sum().square().clamp_min(1e-30)) * math.sqrt(
        power.numel()
    )
