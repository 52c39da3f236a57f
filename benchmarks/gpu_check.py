"""Speed of a GPU, and agreement of its results with the CPU: ``make gpu-check``.

For squares of several sizes, the projection of a mask on a shape, a predictor trained on strokes
and read at every pixel, and joint training are run on the CPU and on the accelerator of torch.
Prints the device, how far the masks agree (intersection over union), and how many times as fast it
is. Without an accelerator it says so and gives the times of the CPU.

    python benchmarks/gpu_check.py [--sizes 512,2048,8192] [--repeats 3]

The exit status is 1 if a mask differs or a certificate does not hold.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import napari_isr as isr
from napari_isr.device import resolve_device
from napari_isr.results.result import Result, iou

LEAST = 0.98  # intersection over union of the masks of two devices


@dataclass
class Task:
    """One thing that is measured: its name, and how it is done on a device."""

    name: str
    run: Callable[[str], Result]
    repeats: int


def picture(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a noisy disc with a bite, strokes on it and beside it, and its mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[:size, :size]
    mask = np.hypot(rows - 0.5 * size, columns - 0.45 * size) < 0.25 * size
    seen = mask & ~((rows > 0.55 * size) & (columns < 0.35 * size))
    image = np.where(seen[..., None], np.uint8((190, 60, 50)), np.uint8((70, 90, 60)))
    noise = rng.integers(-20, 21, (size, size, 1), dtype=np.int16)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    strokes = np.zeros((size, size), np.uint8)
    width = max(2, size // 128)
    strokes[size // 2 : size // 2 + width, int(0.4 * size) : int(0.6 * size)] = 2
    strokes[size // 16 : size // 16 + width, size // 16 : -size // 16] = 1
    strokes[-size // 16 : -size // 16 + width, size // 16 : -size // 16] = 1
    return image, strokes, seen


def tasks(size: int, repeats: int) -> list[Task]:
    image, strokes, seen = picture(size)
    repeats = repeats if size <= 2048 else 1

    def segment(device: str, **options: str) -> Result:
        return isr.segment(image, strokes, device=device, features="rgb,texture", **options)

    return [
        Task("projection", lambda d: isr.project(seen, "convex", device=d), repeats),
        Task("predictor", lambda d: segment(d, shape="none", predictor="fcn"), repeats),
        Task("joint", lambda d: segment(d, shape="convex", mode="joint"), repeats),
    ]


def measure(task: Task, device: str) -> tuple[float, Result]:
    """Median of the seconds, and the last result; an accelerator's first run is left out."""
    seconds, result = [], None
    for count in range(task.repeats + (device != "cpu")):
        began = time.perf_counter()
        result = task.run(device)  # whose masks are on the CPU: it has been waited for
        if count or device == "cpu":
            seconds.append(time.perf_counter() - began)
    assert result is not None
    return statistics.median(seconds), result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="512,2048,8192")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(arguments)
    device = resolve_device("auto")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    if device.type == "cpu":
        print("There is no accelerator that torch can use here: these are times of the CPU alone.")
        print("Nothing is said of a GPU by this run.\n")
    else:
        module = torch.get_device_module(device)
        name = getattr(module, "get_device_name", lambda: device.type)()
        print(f"accelerator: {device.type} ({name})\n")
    print("| size | what | CPU (s) | accelerator (s) | times as fast | agreement | certificates |")
    print("|---:|---|---:|---:|---:|---:|---|")
    wrong = 0
    for size in map(int, args.sizes.split(",")):
        for task in tasks(size, args.repeats):
            slow, here = measure(task, "cpu")
            fast, there = measure(task, device.type) if device.type != "cpu" else (None, None)
            shown = here if there is None else there
            holds = all(item.certificate.holds for item in shown.objects.values())
            cells = "– | – | –"
            if fast is not None and there is not None:
                same = min(iou(here.objects[k].mask, there.objects[k].mask) for k in here.objects)
                cells = f"{fast:.2f} | {slow / fast:.2f} | {same:.4f}"
                wrong += same < LEAST
            wrong += not holds
            told = "hold" if holds else "DO NOT HOLD"
            print(f"| {size} | {task.name} | {slow:.2f} | {cells} | {told} |", flush=True)
    print("\nall agree" if device.type != "cpu" and not wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
