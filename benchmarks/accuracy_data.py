"""The images, strokes and truths that accuracy is measured on.

``$ISR_DATA/manifest.csv`` names them, one row for each object of an image. Where it is absent,
:func:`generated_cases` draws scenes of fruit behind leaves, whose whole outline is known.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthetic import fruit_behind_leaves

__all__ = ["CONVEX", "HALVES", "Case", "Pixels", "generated_cases", "half_of", "iou", "read_cases"]

HALVES = ("settings", "report")
CONVEX = "convex"  # the set of all convex objects of the sets that have robot strokes only
SOLIDITY, STAR_COVERAGE, MIRROR_IOU = 0.95, 0.98, 0.92  # as the manifest calls its shape classes
BIG_HOLES = 0.05  # of the object's area
Mask = NDArray[np.bool_]
Pixels = tuple[NDArray, NDArray, Mask, Mask]  # image, strokes, truth, which pixels count


@dataclass(frozen=True)
class Case:
    """One object of one image, with the strokes of one person; pixels are read when asked for."""

    set: str
    id: str
    who: str
    shape: str  # what a user would choose who knows the object
    read: Callable[[], Pixels]

    @property
    def half(self) -> str:
        return half_of(self.id)


def half_of(identity: str) -> str:
    """Half of the images that this one belongs to, the same in all sets."""
    return HALVES[hashlib.sha256(identity.encode()).digest()[-1] % 2]


def iou(found: Mask, truth: Mask, counted: Mask) -> float:
    """Intersection over union of the counted pixels."""
    union = np.count_nonzero((found | truth) & counted)
    return np.count_nonzero(found & truth & counted) / max(union, 1)


def shape_for(row: dict[str, str]) -> str:
    """Return the strongest shape class of the truth by the measures of the manifest.

    The manifest calls an object connected whatever its holes; the shape `connected` has none.
    """
    holes = float(row["hole_frac"])
    if float(row["solidity"]) >= SOLIDITY:
        return "convex"
    if float(row["star_cov"]) >= STAR_COVERAGE and holes <= BIG_HOLES:
        return "star"
    if float(row["mirror_iou"]) >= MIRROR_IOU:
        return "mirror"
    return "connected" if int(row["n_components"]) == 1 and holes <= BIG_HOLES else "none"


def read_cases(data: Path, sets: Sequence[str], people: Sequence[str]) -> list[Case]:
    """Cases of the manifest, in its order.

    Parameters
    ----------
    data : Path
        Folder of the manifest.
    sets : sequence of str
        Names of sets; ``convex`` is all objects of solidity >= 0.95 of the sets that have robot
        strokes only. None: all sets, each as a whole.
    people : sequence of str
        Whose strokes; ``robot`` is used only for sets that nobody drew on. None: all.
    """
    with (data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    known = dict.fromkeys(row["set"] for row in rows)
    stray = sorted(set(sets) - set(known) - {CONVEX})
    if stray:
        raise SystemExit(f"no set '{stray[0]}' in the manifest: {', '.join([*known, CONVEX])}")
    found = {}
    for name in sets or known:
        for row in rows:
            drawn = [who for who in row["scribbles"].split("|") if who != "robot"]
            convex = name == CONVEX and not drawn and float(row["solidity"]) >= SOLIDITY
            for who in drawn or ["robot"]:
                if (row["set"] == name or convex) and (not people or who in people):
                    case = case_of(data, row, who)
                    found[case.set, case.id, case.who] = case
    return list(found.values())


def case_of(data: Path, row: dict[str, str], who: str) -> Case:
    strokes = data / row["set"] / "scribbles" / who / f"{row['id']}.png"
    read = partial(read_files, data / row["image"], strokes, data / row["gt"])
    return Case(row["set"], row["id"], who, shape_for(row), read)


def read_files(image: Path, strokes: Path, truth: Path) -> Pixels:
    """Read the pixels of one object. Truth values other than 0 and 255 are not counted."""
    values = np.asarray(Image.open(truth))
    counted = (values == 0) | (values == 255)
    return np.asarray(Image.open(image)), np.asarray(Image.open(strokes)), values == 255, counted


def paint(size: tuple[int, int], seed: int) -> Pixels:
    """Paint the red fruit of a generated scene."""
    sample = fruit_behind_leaves(size, seed=seed)
    strokes = np.where(sample.scribbles > 2, 0, sample.scribbles)
    return sample.image, strokes, sample.truth[2], np.ones(size, bool)


def generated_cases(count: int, size: tuple[int, int]) -> list[Case]:
    """Fruit behind leaves; the seeds are those after the ones used in development."""
    return [
        Case("generated", f"fruit{seed}", "robot", "convex", partial(paint, size, seed))
        for seed in range(100, 100 + count)
    ]
