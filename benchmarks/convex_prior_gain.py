"""Gain of the convex shape over the predictor: mean IoU with and without it.

    python benchmarks/convex_prior_gain.py [--scenes 20]

Segments, with all defaults and one shape for every image, the rows of ``$ISR_DATA`` whose ground
truth is convex (solidity of at least 0.95) in grabcut50 (strokes by people) and all of
dsb2018_nuclei (robot strokes), and generated scenes of fruit behind leaves, whose whole outline
is known. Prints a Markdown table. Pixels that the ground truth leaves open are not counted.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import napari_isr as isr
from synthetic import fruit_behind_leaves

SHAPES = ("none", "convex")
SOLIDITY = 0.95


def from_manifest(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, dict, np.ndarray]]:
    """Rows with a convex ground truth: (set, image, strokes, truth, counted)."""
    with (data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["set"] not in ("grabcut50", "dsb2018_nuclei"):
            continue
        if row["set"] == "grabcut50" and float(row["solidity"]) < SOLIDITY:
            continue
        people = ("human1", "human2") if row["set"] == "grabcut50" else ("robot",)
        image = np.asarray(Image.open(data / row["image"]))
        truth = np.asarray(Image.open(data / row["gt"]))
        for who in people:
            strokes = np.asarray(
                Image.open(data / row["set"] / "scribbles" / who / f"{row['id']}.png")
            )
            counted = (truth == 0) | (truth == 255)
            yield f"{row['set']}, {who}", image, strokes, {2: truth == 255}, counted


def from_generator(scenes: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, dict, np.ndarray]]:
    """Fruit behind leaves; the seeds are those after the ones used in development."""
    for seed in range(100, 100 + scenes):
        sample = fruit_behind_leaves(seed=seed)
        everywhere = np.ones(sample.scribbles.shape, bool)
        yield "fruit behind leaves", sample.image, sample.scribbles, sample.truth, everywhere


def iou(found: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> float:
    union = np.count_nonzero((found | truth) & counted)
    return np.count_nonzero(found & truth & counted) / max(union, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20, help="generated scenes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ.get("ISR_DATA", "../shared/data"))
    cases = list(from_generator(options.scenes))
    if (data / "manifest.csv").is_file():
        cases = list(from_manifest(data)) + cases
    figures: dict[str, dict[str, list[float]]] = {}
    certified = objects = 0
    start = time.process_time()
    for name, image, strokes, truth, counted in cases:
        for shape in SHAPES:
            result = isr.segment(image, strokes, shape)
            for label, item in result.objects.items():
                score = iou(item.mask, truth[label], counted)
                figures.setdefault(name, {}).setdefault(shape, []).append(score)
                if shape == "convex":
                    objects += 1
                    certified += item.certificate.holds
    print("| set | objects | none | convex | better in |\n|---|---|---|---|---|")
    for name, by_shape in figures.items():
        none, convex = (np.array(by_shape[shape]) for shape in SHAPES)
        print(
            f"| {name} | {len(none)} | {none.mean():.3f} | {convex.mean():.3f} "
            f"| {np.count_nonzero(convex > none)} |"
        )
    print(f"\n{certified} of {objects} certificates hold.")
    print(f"{(time.process_time() - start) / (2 * len(cases)):.2f} CPU seconds for one image.")


if __name__ == "__main__":
    main()
