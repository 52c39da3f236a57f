"""Accuracy and speed of shapes on a generated volume with known truth.

Segments :func:`napari_isr.data.phantom.phantom` from strokes on three slices, prints IoU and
certificate of each object, and the time of a convex refit after the first fit: the median of
several, on one core. Prints Markdown. `python benchmarks/volumes.py --side 256`.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from napari_isr.data.phantom import phantom
from napari_isr.results.result import iou
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.segmenter import Segmenter

GOAL_MS, GOAL_IOU = 300, 0.9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="pixels of a slice along each axis")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    made = phantom(arguments.side)
    print(f"volume {made.image.shape}, spacing {made.spacing}, strokes on 3 slices\n")
    segmenter = Segmenter(made.image, ndim=3, spacing=made.spacing)
    for _ in segmenter.run(made.scribbles, made.shapes):
        pass
    print("| object | shape | IoU | predictor | certificate |")
    print("|---|---|---|---|---|")
    for label, item in segmenter.result.objects.items():
        truth = made.truth[label]
        holds = "holds" if item.certificate.holds else item.certificate.message
        found = f"{iou(item.mask, truth):.3f} | {iou(item.probability > 0.5, truth):.3f}"
        print(f"| {label} | {item.shape_name} | {found} | {holds} |")
    print(f"\ngoal: IoU {GOAL_IOU}\n")
    one = Scribbles.from_label_image(made.scribbles).select((1, 2))
    for _ in Segmenter.run(segmenter, one, "convex"):
        pass
    times = [refit(segmenter, one) for _ in range(arguments.repeats)]
    shape, every = (statistics.median(values) for values in zip(*times, strict=True))
    print(f"convex refit: {shape:.0f} ms, with the predictor {every:.0f} ms (goal {GOAL_MS} ms)")


def refit(segmenter: Segmenter, strokes: Scribbles) -> tuple[float, float]:
    """Milliseconds of CPU of a refit: of the shape alone, and until the shape is fitted."""
    began, learned = time.process_time(), 0.0
    for update in segmenter.run(strokes, "convex"):
        now = time.process_time()
        if update.stage == "predictor":
            learned = now
        if update.stage == "render":
            return (now - learned) * 1e3, (now - began) * 1e3
    raise AssertionError("nothing was drawn")


if __name__ == "__main__":
    main()
