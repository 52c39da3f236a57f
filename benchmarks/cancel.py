"""Time between a cancellation at a random moment and the end of the fit.

A generated picture with two objects is fitted in a thread, which is told to stop at a random
moment; the time until it has stopped is noted under the stage that was reported last, and the
longest time that the thread computed till then, which a busy machine does not change. Prints
Markdown. `python benchmarks/cancel.py --size 2048 --shapes convex,star`. With `--beside` another
picture is fitted over and over meanwhile, as in the dock of a second window.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NamedTuple

import numpy as np

from napari_isr.cancellation import Cancelled, cancellable
from napari_isr.segmentation.segmenter import Segmenter

GOAL_MS = 100
SHAPES = "convex,star,mirror,rotational,periodic,connected,convex+mirror,none"


def picture(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy discs in rows, one of another colour, and strokes for two objects."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[:size, :size]
    image = np.empty((size, size, 3), np.float32)
    image[...] = (70, 90, 60)
    strokes = np.zeros((size, size), np.uint8)
    step, width = size // 4, max(3, size // 128)
    for i in range(4):
        for k in range(4):
            y, x = (i + 0.5) * step, (k + 0.5) * step
            other = (i, k) == (3, 3)
            inside = np.hypot(rows - y, columns - x) < 0.33 * step
            image[inside] = (60, 70, 190) if other else (190, 60, 50)
            if other or k < 3:
                reach = slice(int(x - 0.2 * step), int(x + 0.2 * step))
                strokes[int(y) : int(y) + width, reach] = 3 if other else 2
    strokes[step - width // 2 : step + width // 2, width : size - width] = 1
    strokes[3 * step : 3 * step + width // 2, width : size - width] = 1
    image += rng.normal(0, 12, (size, size, 1)).astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), strokes


class Stop(NamedTuple):
    """The stage it was in, and milliseconds from the call to the end, by the clock and computed."""

    stage: str
    clock: float
    computed: float


class Run:
    """One fit in a thread."""

    def __init__(self, updates: Iterator[Any]) -> None:
        self.stage, self.stop = "start", threading.Event()
        self.thread = threading.Thread(target=self._work, args=(updates,))
        self.began = time.perf_counter()
        self.thread.start()

    def _work(self, updates: Iterator[Any]) -> None:
        while not self.stop.is_set():
            try:
                with cancellable(self.stop.is_set):
                    self.stage = next(updates).stage
            except (Cancelled, StopIteration):
                break
        self.ended, self.computed = time.perf_counter(), time.thread_time()

    def whole(self) -> float:
        """Seconds that it takes if nobody stops it."""
        self.thread.join()
        return self.ended - self.began

    def stopped_after(self, seconds: float) -> Stop | None:
        """Cancel after some seconds and return the delay, or None if the run had ended."""
        time.sleep(seconds)
        if not self.thread.is_alive():
            return None
        clock = time.pthread_getcpuclockid(self.thread.ident or 0)
        stage, asked, computed = self.stage, time.perf_counter(), time.clock_gettime(clock)
        self.stop.set()
        self.thread.join()
        if self.ended < asked:
            return None
        return Stop(stage, 1000 * (self.ended - asked), 1000 * (self.computed - computed))


def moments(fit: Callable[[], Iterator[Any]], trials: int, rng: Any) -> Iterator[Stop]:
    """Stops spread over the whole fit."""
    whole = Run(fit()).whole()
    for trial in range(trials):
        found = Run(fit()).stopped_after(whole * (trial + rng.random()) / trials)
        if found is not None:
            yield found


@contextmanager
def fitted_beside(size: int, mode: str) -> Iterator[None]:
    """Another picture is fitted again and again, in a thread of its own."""
    image, strokes = picture(size)
    over = threading.Event()

    def work() -> None:
        other = Segmenter(image[::-1].copy(), mode=mode)
        with suppress(Cancelled), cancellable(over.is_set):
            while True:
                for _ in other.run(strokes[::-1].copy(), {2: "convex", 3: "convex"}):
                    pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(size: int, shapes: list[str], trials: int, mode: str) -> None:
    import torch

    torch.set_num_threads(1)  # as in the dock
    image, strokes = picture(size)
    rng = np.random.default_rng(0)
    found: dict[str, list[Stop]] = defaultdict(list)
    by_shape: dict[str, list[Stop]] = defaultdict(list)
    for shape in shapes:
        kept = Segmenter(image, mode=mode)
        # Nothing repeats in the other object.
        chosen = {2: shape, 3: "convex" if shape == "periodic" else shape}

        def cold(chosen: dict[int, str] = chosen) -> Iterator[Any]:
            return Segmenter(image, mode=mode).run(strokes, chosen)

        def warm(chosen: dict[int, str] = chosen, kept: Segmenter = kept) -> Iterator[Any]:
            return kept.run(strokes, chosen)

        for _ in warm():
            pass
        for fit in (cold, warm):
            for stop in moments(fit, trials, rng):
                found[stop.stage].append(stop)
                by_shape[shape].append(stop)
    print(
        f"{size} x {size}, mode {mode}, load {os.getloadavg()[0]:.1f}, {trials} x 2 stops a shape\n"
    )
    table("stage", found)
    print()
    table("shape", by_shape)


def table(name: str, found: dict[str, list[Stop]]) -> None:
    print(f"| {name} | stops | median (ms) | 95th percentile | longest | longest, computed |")
    print("|---|---:|---:|---:|---:|---:|")
    for key, stops in found.items():
        times = [stop.clock for stop in stops]
        middle, high = np.percentile(times, [50, 95])
        computed = max(stop.computed for stop in stops)
        print(
            f"| {key} | {len(stops)} | {middle:.0f} | {high:.0f} | {max(times):.0f} "
            f"| {computed:.0f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--shapes", default=SHAPES)
    parser.add_argument("--mode", default="sequential", choices=("sequential", "joint"))
    parser.add_argument("--trials", type=int, default=12, help="stops of a cold and of a warm fit")
    parser.add_argument("--beside", action="store_true", help="fit another picture meanwhile")
    chosen = parser.parse_args()
    with fitted_beside(chosen.size, chosen.mode) if chosen.beside else nullcontext():
        measure(chosen.size, chosen.shapes.split(","), chosen.trials, chosen.mode)
