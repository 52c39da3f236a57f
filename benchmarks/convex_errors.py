"""Errors of masks of convex objects: missing and excess pixels for each set.

    python benchmarks/convex_errors.py [--csv records.csv]

All defaults with the convex shape on the convex objects of ``$ISR_DATA`` (one robot stroke in the
object, one in the background); where it is absent, on generated fruit. Missed and extra pixels are
medians, in parts of the object's area; too small or too large are objects with an IoU below 0.80 of
which over 0.30 are missing, or to which over 0.25 were added. With the records of ``accuracy.py
--csv`` (``--kinds mask``, all configurations), the last column is the mean of the best mask of any
of our configurations, chosen object by object by whoever knows the truth.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np
import torch
from accuracy_data import CONVEX, Case, generated_cases, iou, read_cases
from accuracy_ours import Configuration, Ours
from tqdm import tqdm

RIGHT, WRONG = 0.9, 0.8  # IoU
MISSED, EXTRA = 0.3, 0.25  # parts of the object's area: above, an object is too small or large


def errors_of(case: Case) -> tuple[float, float, float]:
    """IoU, missed and extra pixels over the object's area."""
    image, strokes, truth, counted = case.read()
    ours = Ours(Configuration(), case.shape)
    ours.start(image)
    found, truth = ours.update(strokes) & counted, truth & counted
    area = np.count_nonzero(truth)
    missed, extra = np.count_nonzero(truth & ~found), np.count_nonzero(found & ~truth)
    return iou(found, truth, counted), missed / area, extra / area


def best_of_all(path: Path | None) -> dict[tuple[str, str], float]:
    """Highest IoU of our configurations for each object."""
    best: dict[tuple[str, str], float] = {}
    if path is not None:
        with path.open() as file:
            for row in csv.DictReader(file):
                if row["kind"] == "mask" and row["method"].startswith(("defaults", "fcn", "cnn")):
                    key = row["set"], row["id"]
                    best[key] = max(best.get(key, 0), float(row["iou"]))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, help="records of accuracy.py")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ.get("ISR_DATA", "../shared/data"))
    if (data / "manifest.csv").is_file():
        cases = read_cases(data, [CONVEX], ["robot"])
    else:
        cases = generated_cases(2, (128, 128))
    found = {(case.set, case.id): errors_of(case) for case in tqdm(cases)}
    best = best_of_all(options.csv)
    print("| set | objects | IoU | IoU >= 0.90 | missed | extra | too small | too large | best |")
    print("|" + "---|" * 9)
    for name in (*dict.fromkeys(case.set for case in cases), "all"):
        keys = [key for key in found if name in (key[0], "all")]
        score, missed, extra = np.array([found[key] for key in keys]).T
        small = np.count_nonzero((score < WRONG) & (missed > MISSED))
        large = np.count_nonzero((score < WRONG) & (extra > EXTRA))
        chosen = f"{np.mean([best[key] for key in keys]):.3f}" if best else ""
        print(
            f"| {name} | {len(keys)} | {score.mean():.3f} | {np.count_nonzero(score >= RIGHT)} "
            f"| {np.median(missed):.2f} | {np.median(extra):.2f} | {small} | {large} | {chosen} |"
        )


if __name__ == "__main__":
    main()
