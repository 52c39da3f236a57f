"""Accuracy of transferred predictors on other images, without and with strokes.

Of each group of like images one after the other is segmented, by the defaults and the shape that
the truth has. Columns, mean IoU with the truth of all images but the first of each group:

* ``fresh``: the image's own strokes only, as if there were no other image.
* ``first``: no strokes; the predictor learned from the first image of the group.
* ``before``: no strokes; the predictor learned from the strokes of all images before.
* ``+1``, ``+2``: as ``before``, and one or two strokes that correct the mask.
* ``both``: as ``before``, and the image's own strokes.

    python benchmarks/transfer.py [--data FOLDER] [--groups wbc,drions]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from accuracy_data import Case, generated_cases, iou, read_cases
from numpy.typing import NDArray
from simulated_user import next_stroke

from napari_isr import InputError, Segmenter, TrainedPredictor

GROUPS = {
    "wbc": ("wbc_cellavision", ""),
    "drions": ("drions_disc19", ""),
    "nuclei, fluorescent": ("dsb2018_nuclei", "fluo"),
    "nuclei, stained": ("dsb2018_nuclei", "stain"),
    "cars9": ("bms26_cars", ""),
    "blackswan": ("davis_4seq", "blackswan"),
    "car-shadow": ("davis_4seq", "car-shadow"),
}
GENERATED = "fruit, generated"
COLUMNS = ("fresh", "first", "before", "+1", "+2", "both")
OBJECT = 2


def cases_of(group: str, data: Path) -> list[Case]:
    if group == GENERATED:
        return generated_cases(7, (256, 256))
    name, part = GROUPS[group]
    return sorted((c for c in read_cases(data, [name], []) if part in c.id), key=lambda c: c.id)


def mask_of(segmenter: Segmenter, strokes: NDArray, shape: str) -> NDArray[np.bool_]:
    """Return the mask of the object, empty without a detection."""
    try:
        for _ in segmenter.run(strokes, shape):
            pass
    except InputError:
        return np.zeros(strokes.shape, bool)
    return segmenter.result.objects[OBJECT].mask


def measure(cases: list[Case]) -> Iterator[dict[str, float]]:
    """IoU of each image but the first."""
    first: TrainedPredictor | None = None
    before: TrainedPredictor | None = None
    for case in cases:
        image, strokes, truth, counted = case.read()
        own = Segmenter(image)
        scores = {"fresh": iou(mask_of(own, strokes, case.shape), truth, counted)}
        if first is not None and before is not None:
            nothing = np.zeros_like(strokes)
            bare = mask_of(Segmenter(image, trained=first), nothing, case.shape)
            scores["first"] = iou(bare, truth, counted)
            carried, drawn = Segmenter(image, trained=before), nothing
            for column in ("before", "+1", "+2"):
                mask = mask_of(carried, drawn, case.shape)
                scores[column] = iou(mask, truth, counted)
                drawn = next_stroke(mask, truth, counted, drawn)
            own = Segmenter(image, trained=before)
            scores["both"] = iou(mask_of(own, strokes, case.shape), truth, counted)
            yield scores
        before = own.export_predictor()
        first = first or before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("ISR_DATA"))
    parser.add_argument("--groups", default="", help="names of groups, separated by commas")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    groups = [GENERATED, *(GROUPS if chosen.data else ())]
    wanted = [name for name in chosen.groups.split(",") if name]
    groups = [g for g in groups if not wanted or any(g.startswith(name) for name in wanted)]
    print(f"| group | images | {' | '.join(COLUMNS)} |\n|---|---|{'---|' * len(COLUMNS)}")
    for group in groups:
        rows = list(measure(cases_of(group, chosen.data)))
        means = (f"{np.mean([row[column] for row in rows]):.3f}" for column in COLUMNS)
        print(f"| {group} | {len(rows)} | {' | '.join(means)} |", flush=True)


if __name__ == "__main__":
    main()
