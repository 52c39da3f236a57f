"""Projection on convex shapes: ours beside the published settings, in one run.

    python benchmarks/projection.py [--seeds 20] [--wall 60]

Prints a Markdown table for the tomato of ``$ISR_DATA/icml_teaser`` (if it is there) and for the
bundled scene 'fruit': CPU seconds on one thread, the objective on the full grid (0.4 foreground
mean + 0.6 background mean of the squared error of the sigmoid, as published), the IoU to the
unaries, and the pixels that the mask lacks of its hull.

Ours runs on the same objective (its foreground weight is set to the published balance), from
scratch, once for each seed: the image is shifted by a random sub-block offset, for a fit draws
nothing at random and would give the same figures 20 times.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paper_comparison as published
import torch

from napari_isr.certificates import convexity_defects
from napari_isr.data import load_sample
from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.fitting import iter_project_shape
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit
from napari_isr.segmentation.segmenter import Segmenter
from napari_isr.shapes import Convex

FOREGROUND = 0.4


@dataclass
class Row:
    name: str
    cpu: float
    objective: float
    iou: float
    missing: float
    note: str = ""


def unaries() -> dict[str, np.ndarray]:
    """Unaries by name; thresholded, as the published code fits them."""
    found = {}
    data = Path(os.environ.get("ISR_DATA", "../shared/data"))
    if (data / "icml_teaser").is_dir():
        found["tomato, 640 x 480"] = published.tomato_unaries(data)
    sample = load_sample("fruit")
    segmenter = Segmenter(sample.image)
    for _ in segmenter.run(sample.scribbles, "none"):
        pass
    probability = segmenter.result.objects[2].probability
    found["fruit, object 2, 512 x 512"] = (probability > 0.5).astype(np.float64)
    return found


def measure(target: np.ndarray, logit, cpu: float, name: str, note: str = "") -> Row:
    """Figures on the full grid for a logit at (row, column) pixels."""
    pixels = np.stack(np.mgrid[: target.shape[0], : target.shape[1]], -1).reshape(-1, 2)
    values = np.asarray(logit(pixels.astype(np.float64))).reshape(target.shape)
    inside = 1 / (1 + np.exp(-np.clip(values, -60, 60)))
    objective = float(published.objective(inside, target, FOREGROUND))
    mask = values > 0
    iou = float(published.iou(mask, target > 0.5))
    return Row(name, cpu, objective, iou, float(convexity_defects(mask).sum()), note)


def fit_ours(target: np.ndarray) -> tuple[ShapeLogit, float]:
    """Fit from scratch; return the logit and the CPU seconds."""
    start = time.process_time()
    frame = ImageGeometry(target.shape)
    values = torch.from_numpy(target.astype(np.float32))
    share = float(values.mean())
    # What makes every pixel's weight that of the published class means, up to a factor.
    weight = (FOREGROUND / share) / ((1 - FOREGROUND) / (1 - share))
    evidence = signed_evidence(values, weight)
    grid = DenseEvidence(evidence / evidence.abs().sum(), frame.normalized_axes(values))
    shape = Convex(2)
    for _ in iter_project_shape(shape, grid):
        pass
    return ShapeLogit(shape, frame), time.process_time() - start


def ours(target: np.ndarray, seeds: int) -> list[Row]:
    """Return one row for each seed, which shifts the image by a few pixels."""
    fit_ours(target)  # the first call loads parts of torch
    rows = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shift = rng.integers(-16, 17, size=2)
        moved = np.roll(target, shift, axis=(0, 1))
        logit, cpu = fit_ours(moved)
        rows.append(measure(moved, logit, cpu, f"seed {seed}"))
    return rows


def summary(rows: list[Row]) -> list[Row]:
    """Median and worst of ours."""
    values = {k: np.array([getattr(r, k) for r in rows]) for k in ("cpu", "objective", "iou")}
    missing = max(r.missing for r in rows)
    middle = {k: float(np.median(v)) for k, v in values.items()}
    name = f"**ours**, {len(rows)} seeds"
    return [
        Row(f"{name}, median", **middle, missing=missing),
        Row(
            f"{name}, worst",
            float(values["cpu"].max()),
            float(values["objective"].max()),
            float(values["iou"].min()),
            missing,
        ),
    ]


def baselines(target: np.ndarray, wall: float, seeds: int) -> list[Row]:
    """Return rows of the published settings, on 4,096 points and on the full grid."""
    rows = []
    for seed in range(seeds):
        start = time.process_time()
        fit = published.fit_points(target, seed=seed, points=4096, epochs=2000)
        cpu = time.process_time() - start
        rows.append(measure(target, fit.logit, cpu, f"published, 4,096 points, seed {seed}"))
    for chunk, label in ((None, "full grid"), (4096, "full grid in chunks of 4,096")):
        fit = published.fit_grid(target, seed=0, wall_seconds=wall, chunk=chunk)
        epochs = fit.history[-1][0]
        note = f"measured for {epochs} epochs, time extrapolated to 2,000"
        rows.append(measure(target, fit.logit, fit.full_seconds, f"published, {label}", note))
    return rows


def table(rows: list[Row]) -> str:
    """Format as Markdown."""
    lines = [
        "| | CPU seconds | objective | IoU to unaries | hull difference, px | |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        cpu = f"{r.cpu:.3f}" if r.cpu < 1 else f"{r.cpu:,.0f}"
        lines.append(
            f"| {r.name} | {cpu} | {r.objective:.5f} | {r.iou:.3f} | {r.missing:.0f} | {r.note} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="runs of ours")
    parser.add_argument("--baseline-seeds", type=int, default=2, help="runs on 4,096 points")
    parser.add_argument("--wall", type=float, default=60, help="seconds for each full-grid run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, target in unaries().items():
        rows = summary(ours(target, options.seeds))
        rows += baselines(target, options.wall, options.baseline_seeds)
        print(f"\n### {name}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
