"""Accuracy and calibration of predictors without proximity and shapes.

    python benchmarks/predictors.py [--predictors fcn,linear] [--features rgb,semantic]
        [--limit 12] [--half settings]

Every predictor is trained on the strokes of one person on images of ``$ISR_DATA`` (where it is
absent, on generated scenes), by default on the half of the images on which settings are chosen.
Prints a Markdown table: the mean IoU at 0.5; over pixels without a stroke, the expected
calibration error (10 bins) and the Brier score of the object's probability; CPU seconds of the
first training, and of a second one that starts from there, each with the map of the probabilities
at the points that the shapes' fit begins with. The features are computed before.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accuracy_data import HALVES, Case, Pixels, generated_cases, iou, read_cases
from numpy.typing import NDArray

from napari_isr.evidence import coarse_axes
from napari_isr.features import ImageFeatures, SourceImage
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.predictors import FeatureView, Predictor, make_predictor, predictor_names
from napari_isr.scribbles import Scribbles

SETS = ("grabcut50", "medscribble56")
BINS = 10
FIGURES = ("IoU", "ECE", "Brier", "CPU s", "CPU s again")


def cases_of(options: argparse.Namespace) -> Iterator[Case]:
    """Yield at most ``--limit`` cases of each set."""
    data = Path(os.environ.get("ISR_DATA", "../shared/data"))
    if (data / "manifest.csv").is_file():
        cases = read_cases(data, SETS, [options.person])
    else:
        cases = generated_cases(options.limit, (256, 256))
    counts: dict[str, int] = {}
    for case in cases:
        if options.half in ("all", case.half):
            counts[case.set] = counts.get(case.set, 0) + 1
            if counts[case.set] <= options.limit:
                yield case


def calibration_error(probability: NDArray, truth: NDArray) -> float:
    """Mean distance of what is said and what is so, over bins of equal width, by their pixels."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    said = np.bincount(bins, probability, BINS)
    so = np.bincount(bins, truth, BINS)
    return float(np.abs(said - so).sum() / len(bins))


def trained(model: Predictor, scene: FeatureView, strokes: Scribbles) -> float:
    """CPU seconds of a training and of a first look all over the image."""
    points, labels = strokes.sample(0)
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels - 1), 2).float()
    start = time.process_time()
    for _ in model.fit(scene, points.astype(float), targets, targets.sum(1)):
        pass
    model.log_probabilities(scene, meshgrid_points(coarse_axes(scene.frame)))
    return time.process_time() - start


def figures_of(name: str, scene: FeatureView, pixels: Pixels) -> list[float]:
    """Return the figures of one predictor on one image."""
    _, scribbles, truth, counted = pixels
    model = make_predictor(name, scene.width, 2)
    strokes = Scribbles.from_label_image(scribbles)
    seconds = trained(model, scene, strokes)
    every = meshgrid_points(scene.frame.axis_positions())
    probability = model.log_probabilities(scene, every)[:, 1].exp().double().numpy()
    again = trained(model, scene, strokes)
    said = probability.reshape(truth.shape)
    free = counted & (scribbles == 0)
    return [
        iou(said > 0.5, truth, counted),
        calibration_error(said[free], truth[free]),
        float(np.square(said[free] - truth[free]).mean()),
        seconds,
        again,
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--predictors", default=",".join(predictor_names()))
    parser.add_argument("--features", default="rgb,semantic")
    parser.add_argument("--person", default="human1", help="whose strokes")
    parser.add_argument("--limit", type=int, default=12, help="images of each set")
    parser.add_argument(
        "--half", choices=(*HALVES, "all"), default="settings", help="of the images"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[tuple[str, str], list[list[float]]] = {}
    for case in cases_of(options):
        pixels = case.read()
        frame = ImageGeometry(pixels[1].shape)
        scene = FeatureView(
            ImageFeatures(SourceImage(pixels[0], 2), frame, options.features), frame
        )
        _ = scene.feature_grid
        for name in options.predictors.split(","):
            found.setdefault((case.set, name), []).append(figures_of(name, scene, pixels))
    print(f"| set | images | predictor | {' | '.join(FIGURES)} |")
    print("|---" * (len(FIGURES) + 3) + "|")
    for (where, name), rows in found.items():
        cells = [f"{value:.3f}" for value in np.mean(rows, axis=0)]
        print(f"| {where} | {len(rows)} | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
