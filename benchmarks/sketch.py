"""CPU time from a stroke to the outlines of two objects: of the sketch, and as they stay.

    python benchmarks/sketch.py [--strokes 12] [--reach 0.03125] [shape ...]

The sample `fruit`, 512 x 512, on one thread and without a window. A stroke begins on an earlier one
of its label and goes straight on; longer ones (`--reach 0.125`, of the image) run out of the fruit
or into it. *Agree*: intersection over union of the sketch's outlines, and of those before the
stroke, with those that stay; means over objects and strokes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from skimage.draw import polygon

from napari_isr.segmentation.segmenter import Segmenter
from synthetic import fruit_behind_leaves

OBJECTS = {2, 3}


def add_stroke(strokes: np.ndarray, label: int, rng: np.random.Generator, reach: float) -> None:
    """Draw one, five pixels wide."""
    rows, columns = np.nonzero(strokes == label)
    pick = rng.integers(len(rows))
    start, turn = np.array([rows[pick], columns[pick]]), rng.uniform(0, 2 * np.pi)
    stop = start + reach * len(strokes) * np.array([np.sin(turn), np.cos(turn)])
    for part in np.linspace(0, 1, 80):
        y, x = np.clip(np.rint(start + part * (stop - start)), 2, len(strokes) - 3).astype(int)
        strokes[y - 2 : y + 3, x - 2 : x + 3] = label


def filled(contours: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for line in contours:
        mask[polygon(*line.T, shape)] ^= True
    return mask


def agreement(one: dict[int, list], other: dict[int, list], shape: tuple[int, ...]) -> float:
    pairs = [(filled(one[k], shape), filled(other[k], shape)) for k in OBJECTS]
    return float(np.mean([(a & b).sum() / max(1, (a | b).sum()) for a, b in pairs]))


def measure(shape: str, count: int, reach: float) -> tuple[list[float], ...]:
    """Seconds to the sketch and to the outlines that stay, and how both agree with the latter."""
    sample = fruit_behind_leaves()
    strokes, rng = sample.scribbles.copy(), np.random.default_rng(0)
    segmenter, before = Segmenter(sample.image), {}
    sketched, stayed, agree, agreed = [], [], [], []
    for number in range(count + 1):
        add_stroke(strokes, 1 + number % 3, rng, reach)
        first, last = {}, {}
        start = time.thread_time()
        for update in segmenter.run(strokes, shape, sketch=True):
            if update.contours is None:
                continue
            into = first if update.stage == "features" else last
            into[update.label] = update.contours
            if into.keys() == OBJECTS:
                (sketched if into is first else stayed).append(time.thread_time() - start)
        if first:
            agree.append(agreement(first, last, strokes.shape))
            agreed.append(agreement(before, last, strokes.shape))
        before = last
    return sketched, stayed[1:], agree, agreed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=["convex", "star", "connected"])
    parser.add_argument("--strokes", type=int, default=12)
    parser.add_argument("--reach", type=float, default=1 / 32)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Strokes of {chosen.reach:.3f} of the image, medians.\n")
    print("| shape | sketch (ms) | stays (ms) | sketch agrees | before agrees |")
    print("|---|---:|---:|---:|---:|")
    for name in chosen.shapes:
        first, last, agree, agreed = measure(name, chosen.strokes, chosen.reach)
        times = f"{1000 * np.median(first):.0f} | {1000 * np.median(last):.0f}"
        print(f"| {name} | {times} | {np.mean(agree):.3f} | {np.mean(agreed):.3f} |", flush=True)
