"""Initialization of tubes from the set of one key frame."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.fitting.front_propagation import fit_along_front
from napari_isr.fitting.projection import MAX_LOGIT_SLOPE_PER_CELL
from napari_isr.fitting.sampling import Samples, boundary_samples
from napari_isr.fitting.solvers import sparse_gauss_newton
from napari_isr.shapes.tube import TubeCrossSection

__all__ = ["extrapolate", "fit_key_frame", "motion_autocorrelation", "transfer_to_frame"]

STEPS = 24  # of unfolding
STAGES = 4  # of the family's
FURTHEST = 1.5  # steps like the last one that a set goes on where nothing is known
LARGER = 2.0  # times at most that a set grows or shrinks from frame to frame


def fit_key_frame(
    inner: TubeCrossSection, evidence: Evidence, grid: DenseEvidence, strokes: Samples | None
) -> Iterator[float]:
    """Fit the set of one frame, from where it is to its goal; objective of each step.

    Parameters
    ----------
    inner : TubeCrossSection
        Improved in place.
    evidence : Evidence
        Of the frame.
    grid : DenseEvidence
        The same on some 10,000 cells, that of its strokes included.
    strokes : Samples or None
        Those of the frame.
    """
    yield from fit_along_front(inner, grid, STEPS)
    for stage in inner.stages[:STAGES]:
        limit = MAX_LOGIT_SLOPE_PER_CELL * inner.scale / evidence.cell_size
        inner.sharpness.copy_(torch.clamp(limit, min=2.0, max=stage.sharpness))
        samples = boundary_samples(evidence, inner, inner.sample_budget)
        if strokes is not None:
            samples = samples + strokes
        for step in sparse_gauss_newton(inner, samples, iterations=stage.iterations):
            yield step.objective


@torch.no_grad()
def transfer_to_frame(
    inner: TubeCrossSection,
    key: dict[str, Tensor],
    start: dict[str, Tensor],
    other: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Transfer the set ``key`` from the initial shape ``start`` to another one, ``other``."""
    inner.load_state_dict(key)
    ratio = (other["scale"] / start["scale"]).clamp(1 / LARGER, LARGER)
    inner.move_to(other["anchor"] + (key["anchor"] - start["anchor"]) * ratio, ratio)
    return {name: value.clone() for name, value in inner.state_dict().items()}


@torch.no_grad()
def extrapolate(
    inner: TubeCrossSection, last: dict[str, Tensor], before: dict[str, Tensor], steps: Tensor
) -> None:
    """Extrapolate the last change between frames to the shape ``inner``, in place.

    Parameters
    ----------
    inner : TubeCrossSection
        Moved in place.
    last, before : dict of str to tensor
        Its states in the last frame that is known, and in the one before.
    steps : (2,) tensor
        How many steps like the last one it moves, and grows.
    """
    far, grown = steps.clamp_max(FURTHEST).tolist()
    step = (last["anchor"] - before["anchor"]) * far
    ratio = (last["scale"] / before["scale"]).pow(grown).clamp(1 / LARGER, LARGER)
    limit = 0.98 * inner.border
    inner.move_to(torch.minimum(torch.maximum(last["anchor"] + step, -limit), limit), ratio)


def motion_autocorrelation(values: Tensor, times: Tensor) -> float:
    """Estimate the persistence of motion in [0, 1]: the correlation of consecutive steps.

    The least-squares factor from each velocity to the next.

    Parameters
    ----------
    values : (n, d) tensor
        Where it was.
    times : (n,) tensor
        When, rising.
    """
    speed = values.diff(dim=0) / times.diff()[:, None]
    if len(speed) < 2:
        return 0.5
    alike = float((speed[1:] * speed[:-1]).sum() / speed[:-1].square().sum().clamp_min(1e-30))
    return min(1.0, max(0.0, alike))
