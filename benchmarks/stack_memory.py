"""Peak memory and time of lazy stacks, for a volume and a sequence.

A moving ball in 200 x 1024 x 1024 voxels is written to zarr plane by plane, and segmented from
strokes on three planes, each kind in a process of its own. Memory is what is added to that of the
process after its imports. Prints Markdown. `python benchmarks/stack_memory.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (200, 1024, 1024)
GOAL = 2.0  # times the input
KINDS = {"zyx": "convex", "tyx": "connected"}


def ball(plane: int, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Row, column and radius of the ball in a plane; the radius is 0 where there is none."""
    depth, rows, columns = shape
    place = (plane + 0.5) / depth
    radius = 0.25 * rows * math.sqrt(max(0.0, 1 - ((place - 0.5) / 0.4) ** 2))
    return rows * (0.45 + 0.1 * place), columns * (0.4 + 0.2 * place), radius


def inside(plane: int, shape: tuple[int, ...]) -> np.ndarray:
    row, column, radius = ball(plane, shape)
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def write_stack(path: Path, shape: tuple[int, ...]) -> None:
    """Write the stack plane by plane."""
    import zarr

    array = zarr.create_array(str(path), shape=shape, chunks=(8, 256, 256), dtype="u1")
    rng = np.random.default_rng(0)
    for start in range(0, shape[0], 8):
        planes = []
        for plane in range(start, min(start + 8, shape[0])):
            gray = np.where(inside(plane, shape), 150.0, 80.0)
            noise = rng.standard_normal(gray.shape, dtype=np.float32)
            planes.append((gray + 12 * noise).clip(0, 255).astype(np.uint8))
        array[start : start + len(planes)] = np.stack(planes)


def strokes_of(shape: tuple[int, ...]) -> Any:
    """Lines in three planes."""
    import napari_isr as isr

    depth, rows, columns = shape
    lines: dict[int, list[Any]] = {1: [], 2: []}
    for place in (0.2, 0.5, 0.8):
        plane = int(place * depth)
        row, column, radius = ball(plane, shape)
        lines[2].append([(plane, row, column - radius / 2), (plane, row, column + radius / 2)])
        for r in (0.1 * rows, 0.9 * rows):
            lines[1].append([(plane, r, 0.1 * columns), (plane, r, 0.9 * columns)])
    for plane in (2, depth - 3):
        lines[1].append([(plane, rows / 2, 0.2 * columns), (plane, rows / 2, 0.8 * columns)])
    return isr.Scribbles.from_lines(shape, lines, max(1.0, rows / 100))


def one(path: Path, axes: str) -> dict[str, Any]:
    """Seconds, megabytes and the IoU of three planes."""
    import torch
    import zarr

    import napari_isr as isr
    from napari_isr.results.result import iou
    from napari_isr.segmentation.segmenter import Segmenter

    torch.set_num_threads(1)
    image = zarr.open(str(path), mode="r")
    start, began = peak(), time.perf_counter()
    segmenter = Segmenter(image, ndim=3, axes=axes, features="rgb,spatial,nearness")
    opened = time.perf_counter() - began
    for update in segmenter.run(strokes_of(image.shape), KINDS[axes]):
        if update.stage == "projection":
            fitted = time.perf_counter() - began
    done, at_fit = time.perf_counter() - began, peak()
    item = segmenter.result.objects[2]
    with tempfile.TemporaryDirectory() as folder:
        isr.write(segmenter.result, Path(folder) / "mask.zarr")
        written = time.perf_counter() - began - done
        mask = zarr.open(str(Path(folder) / "mask.zarr"), mode="r")["0"]
        planes = [image.shape[0] * k // 4 for k in (1, 2, 3)]
        scores = [iou(mask[p] == 2, inside(p, image.shape)) for p in planes]
    return {
        "axes": axes,
        "input": math.prod(image.shape) / 2**20,
        "opened": opened,
        "fitted": fitted,
        "done": done,
        "written": written,
        "memory": at_fit - start,
        "peak": peak() - start,
        "before": start,
        "iou": min(scores),
        "raster": list(item.mask.shape),
        "holds": item.certificate.holds,
    }


def peak() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=list(SHAPE))
    parser.add_argument("--folder", type=Path, help="where the stack is kept, to be used again")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(Path(chosen.one[0]), chosen.one[1])))
        return
    shape = tuple(chosen.shape)
    print(f"{' x '.join(map(str, shape))} bytes as zarr, one thread\n")
    print("| axes | shape | opened (s) | outline (s) | masks (s) | written whole (s) | ", end="")
    print("memory (MB) | times the input | least IoU of 3 planes | certificate |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as temporary:
        path = (chosen.folder or Path(temporary)) / "stack.zarr"
        if not path.exists():
            write_stack(path, shape)
        for axes in chosen.kinds:
            command = [sys.executable, __file__, "--one", str(path), axes]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {axes} | {KINDS[axes]} | {row['opened']:.1f} | {row['fitted']:.1f} | "
                f"{row['done']:.1f} | {row['written']:.1f} | {row['peak']:.0f} | "
                f"{row['peak'] / row['input']:.2f} | {row['iou']:.3f} | "
                f"{'holds' if row['holds'] else 'fails'} |"
            )
    print(f"\ngoal: at most {GOAL:g} times the input")


if __name__ == "__main__":
    main()
