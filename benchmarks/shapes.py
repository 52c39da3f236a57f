"""Speed of every shape on noisy unaries, beside the published settings, in one run.

    OMP_NUM_THREADS=1 python benchmarks/shapes.py [--seeds 20] [--shapes star,connected]

The truths are generated, one kind for each shape, in a random pose for each seed, 512 x 512
pixels; of the unaries (0 and 1) 20 % of the pixels are replaced by 0 or 1 at random. *Cold* is a
fit from nothing, *warm* one from the last fit after the truth has moved by up to 4 pixels along
each axis, with new noise; both are CPU seconds of the projection on one thread, the making of the
evidence included, medians over the seeds. *First outline* is the CPU time to the first state of
the fit with its outline traced. The certificate is checked on the exported pixels, cold and warm.

The published settings see the same unaries of seed 0. They are shortened: their seconds are
extrapolated, and their IoU is that of the shortened run unless ``--published 10000`` is given.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import paper_comparison as published
import paper_comparison_connected as published_connected
import paper_comparison_shapes as published_shapes
import torch
from numpy.typing import NDArray
from shape_truths import SHAPES, scenes

from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.fitting import iter_project_shape
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit, trace_contours
from napari_isr.results.result import ObjectResult
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec

QUICK = "50 / 15 ms"
GOALS = {
    **dict.fromkeys(("convex", "star", "mirror", "rotational"), QUICK),
    "periodic": "300 / 50 ms",
    "connected": "first outline 150 ms, 2 s / 250 ms",
}


@dataclass
class Figures:
    """Of one shape: a list with a value for each fit."""

    cpu: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)
    holds: list[bool] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def fit_ours(shape: Shape, unaries: NDArray[np.float32], warm: bool) -> tuple[float, float]:
    """CPU seconds of a fit, and until the first outline is traced (0 if warm)."""
    frame = ImageGeometry(unaries.shape)
    start, first, drawn = time.process_time(), 0.0, 0.0
    values = torch.from_numpy(unaries)
    evidence = signed_evidence(values, 1.0) / values.numel()
    for _ in iter_project_shape(
        shape, DenseEvidence(evidence, frame.normalized_axes(values)), warm=warm
    ):
        if not first and not warm:
            paused = time.process_time()
            if trace_contours(ShapeLogit(shape, frame), frame):
                first = time.process_time() - start - drawn
            drawn += time.process_time() - paused
    return time.process_time() - start - drawn, first


def ours(name: str, seeds: int) -> tuple[Figures, Figures]:
    """Cold and warm figures of one shape."""
    both = Figures(), Figures()
    fit_ours(build(name), next(scenes(name, 0))[0], warm=False)  # the first call loads code
    for seed in range(seeds):
        shape = build(name)
        for figures, warm, (unaries, mask) in zip(
            both, (False, True), scenes(name, seed), strict=True
        ):
            cpu, first = fit_ours(shape, unaries, warm)
            frame = ImageGeometry(unaries.shape)
            item = ObjectResult.from_fit(
                shape, label=2, shape_name=name, frame=frame, probability=unaries
            )
            figures.cpu.append(cpu)
            figures.first.append(first)
            figures.iou.append(published.iou(item.mask, mask))
            figures.holds.append(item.certificate.holds)
            if not item.certificate.holds:
                figures.failures.append(f"seed {seed}: {item.certificate.message}")
    return both


def build(name: str) -> Shape:
    shape = ShapeSpec.parse(name).build(2)
    assert shape is not None
    return shape


def baselines(name: str, iterations: int) -> list[tuple[str, published_shapes.PublishedFit]]:
    """Return the published settings of a shape on the unaries of seed 0, none for sums."""
    unaries = next(scenes(name, 0))[0]
    if name in published_shapes.SETTINGS:
        return [("", published_shapes.fit(name, unaries, iterations=iterations))]
    if name == "connected":
        fit = published_connected.fit_connected
        epochs = min(iterations, published_connected.EPOCHS)
        return [
            (", 4,096 points", fit(unaries, points=4096, epochs=epochs)),
            (", full grid", fit(unaries, epochs=2)),
        ]
    if name != "convex":
        return []
    epochs = min(iterations, published.EPOCHS)
    points = published.fit_points(unaries, points=4096, epochs=epochs)
    half = unaries.reshape(unaries.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    grid = published.fit_grid(half, wall_seconds=4)
    found = []
    for label, fit, scale in ((", 4,096 points", points, 1), (", full grid at half size", grid, 2)):
        epochs, seconds, *_ = fit.history[-1]

        def logit(pixels: NDArray[np.floating], fit=fit, scale=scale) -> NDArray[np.float32]:
            return fit.logit((pixels + 0.5) / scale - 0.5)

        args = logit, epochs, published.EPOCHS, seconds, fit.full_seconds
        found.append((label, published_shapes.PublishedFit(*args)))
    return found


def ours_rows(name: str, seeds: int) -> list[str]:
    """Table row of ours, and what failed."""
    cold, warm = ours(name, seeds)
    milliseconds = [1000 * float(np.median(f.cpu)) for f in (cold, warm)]
    first = f"{1000 * np.median(cold.first):,.0f} ms"
    held = sum(cold.holds) + sum(warm.holds)
    row = (
        f"| {name}, **ours** | {milliseconds[0]:,.0f} ms | {milliseconds[1]:,.0f} ms | {first} "
        f"| {np.median(cold.iou):.3f} / {min(cold.iou):.3f} "
        f"| {np.median(warm.iou):.3f} / {min(warm.iou):.3f} "
        f"| {held} of {2 * seeds} | {GOALS.get(name, '')} |"
    )
    for kind, figures in (("cold", cold), ("warm", warm)):
        for failure in figures.failures:
            print(f"{name}, {kind}, {failure}", file=sys.stderr)
    return [row]


def published_rows(name: str, iterations: int) -> list[str]:
    """Table rows of the published settings."""
    mask = next(scenes(name, 0))[1]
    pixels = np.argwhere(np.ones_like(mask)).astype(np.float32)
    rows = []
    for label, fit in baselines(name, iterations):
        iou = published.iou((fit.logit(pixels) > 0).reshape(mask.shape), mask)
        short = fit.iterations < fit.of
        seconds = f"{fit.full_seconds:,.0f} s" + (" (extrapolated)" if short else "")
        reached = f"{iou:.3f} after {fit.iterations:,} of {fit.of:,}"
        rows.append(f"| {name}, published{label} | {seconds} | | | {reached} | | | |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="poses")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="names, joined by commas")
    parser.add_argument(
        "--published", type=int, default=200, help="iterations of the published settings; 0: none"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| shape | cold, CPU | warm, CPU | first outline | IoU to the truth, median / worst "
        "| warm, median / worst | certificate holds | goal, cold / warm |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.shapes.split(","):
        rows = ours_rows(name, options.seeds)
        if options.published:
            rows += published_rows(name, options.published)
        print("\n".join(rows), flush=True)


if __name__ == "__main__":
    main()
