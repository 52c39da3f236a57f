"""Time of one segmentation with defaults: on the command line, and after a stroke.

    python benchmarks/segment.py [--size 512] [--runs 7]

The command line is timed as a whole process, imports included, with nothing kept from earlier
runs (``--no-cache``), next to a process that only imports torch. The refit is timed in a process
that goes on: fit, then one more stroke, until its outline is there and until its pixels are. All
on a generated scene; medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.io import imsave

from napari_isr.cli.app import limit_torch_threads
from napari_isr.segmentation.segmenter import Segmenter
from synthetic import fruit_behind_leaves

CALL = "from napari_isr.cli.app import main; main()"  # as the installed command does


def wall(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def command_line(folder: Path, size: int, runs: int) -> tuple[float, float]:
    """Median wall seconds of the command, and of importing torch alone."""
    sample = fruit_behind_leaves((size, size), seed=0)
    files = [str(folder / name) for name in ("image.png", "strokes.png", "mask.png")]
    imsave(files[0], sample.image, check_contrast=False)
    imsave(files[1], np.where(sample.scribbles > 2, 0, sample.scribbles), check_contrast=False)
    command = ["-c", CALL, "segment", *files[:2], "-o", files[2], "--no-cache"]
    pairs = [(wall(command), wall(["-c", "import torch"])) for _ in range(runs)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def refits(size: int, runs: int) -> dict[str, tuple[float, float]]:
    """Median wall seconds of a first fit and of a refit: until the outline, until the pixels."""
    found: dict[str, list[tuple[float, float]]] = {"first": [], "refit": []}
    for seed in range(runs):
        sample = fruit_behind_leaves((size, size), seed=seed)
        strokes = np.where(sample.scribbles > 2, 0, sample.scribbles)
        segmenter = Segmenter(sample.image)
        found["first"].append(timed(lambda s=segmenter, d=strokes: s.run(d)))
        more = strokes.copy()
        rows, columns = np.nonzero(sample.truth[2])
        middle = len(rows) // 3
        more[rows[middle] : rows[middle] + 4, columns[middle] : columns[middle] + 12] = 2
        found["refit"].append(timed(lambda s=segmenter, d=more: s.run(d)))
    return {
        name: (statistics.median(t[0] for t in times), statistics.median(t[1] for t in times))
        for name, times in found.items()
    }


def timed(run: Callable) -> tuple[float, float]:
    start = time.perf_counter()
    outline = 0.0
    for update in run():
        if update.contours is not None:
            outline = time.perf_counter() - start
    return outline, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    limit_torch_threads()  # as the dock does
    with tempfile.TemporaryDirectory() as folder:
        command, imports = command_line(Path(folder), options.size, options.runs)
    print(
        f"Command line, {options.size} x {options.size}: {command:.2f} s wall, "
        f"of which importing torch alone takes {imports:.2f} s\n"
    )
    print("| in one process | outline, ms | pixels, ms |\n|---|---|---|")
    for name, (outline, pixels) in refits(options.size, options.runs).items():
        print(f"| {name} | {1000 * outline:.0f} | {1000 * pixels:.0f} |")


if __name__ == "__main__":
    main()
