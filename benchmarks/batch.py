"""Thousands of images through `napari-isr batch`, with workers and the whole program killed.

    python benchmarks/batch.py                       # a cluster of this machine
    python benchmarks/batch.py --separate            # dask scheduler and dask worker, on loopback
    python benchmarks/batch.py --throughput 60       # one worker beside two; on a quiet machine

Pictures of one disc each are generated, whose masks are known. Workers are killed (SIGKILL) at five
moments, the program itself once, after which the same command goes on. Then every mask is compared
with the truth, some bit by bit with what `isr.segment` gives in this process, and it is told how
often each record was written. The exit status says whether all is right.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

import napari_isr as isr
from napari_isr.results.result import iou

SIZE = (64, 80)
PORT = 18786
COMMAND = "from napari_isr.cli.app import main; main()"


def disc(index: int) -> np.ndarray:
    """Return the mask of a picture."""
    rng = np.random.default_rng(index)
    row, column = rng.uniform(22, 42), rng.uniform(25, 55)
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    return np.hypot(rows - row, columns - column) < rng.uniform(9, 16)


def picture(index: int) -> np.ndarray:
    rng = np.random.default_rng((1, index))
    image = np.full((*SIZE, 3), 90.0)
    image[disc(index)] = (200, 60, 50)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def prepare(folder: Path, count: int, features: str) -> isr.TrainedPredictor:
    """Write the pictures, and a session that learned from strokes on the first one."""
    (folder / "images").mkdir(parents=True)
    for index in range(count):
        Image.fromarray(picture(index)).save(folder / "images" / f"{index:05d}.png")
    inside = np.argwhere(disc(0))
    middle = inside.mean(0).astype(int)
    strokes = np.zeros(SIZE, np.uint8)
    strokes[:3] = strokes[-3:] = 1
    strokes[middle[0] - 2 : middle[0] + 2, middle[1] - 6 : middle[1] + 6] = 2
    segmenter = isr.Segmenter(picture(0), features=features)
    for _ in segmenter.run(strokes, "convex"):
        pass
    trained = segmenter.export_predictor()
    isr.save_session(folder / "model.isr", segmenter, scribbles=strokes, trained=trained)
    return trained


class Watch:
    """Counts in a thread how often each record was written, by its inode and time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, {}
        self.written: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.look()

    def look(self) -> None:
        if not self.folder.is_dir():
            return
        for entry in os.scandir(self.folder):
            about = entry.stat()
            now = about.st_ino, about.st_mtime_ns
            if entry.name.endswith(".json") and self.seen.get(entry.name) != now:
                self.seen[entry.name] = now
                self.written[entry.name] += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.look()


def workers_below(*pids: int) -> list[psutil.Process]:
    """Worker processes of a cluster, which are children of these."""
    found = []
    for pid in pids:
        try:
            children = psutil.Process(pid).children(recursive=True)
            found += [c for c in children if any("spawn_main" in part for part in c.cmdline())]
        except psutil.NoSuchProcess:
            continue
    return found


def start(folder: Path, out: Path, more: list[str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", COMMAND, "batch", str(folder / "images"), "--out", str(out)]
    words += ["--session", str(folder / "model.isr"), "-f", "png", *more]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def wait_for(watch: Watch, count: int, process: subprocess.Popen[bytes]) -> None:
    while len(watch.seen) < count and process.poll() is None:
        time.sleep(0.05)


@contextmanager
def cluster(workers: int) -> Iterator[tuple[list[str], list[int]]]:
    """`dask scheduler` and `dask worker` as processes of their own."""
    dask = [sys.executable, "-m", "dask"]
    address = f"tcp://127.0.0.1:{PORT}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    place = ["--host", "127.0.0.1", "--port", str(PORT), "--dashboard-address", "127.0.0.1:0"]
    running = [subprocess.Popen([*dask, "scheduler", *place], **quiet)]
    try:
        for _ in range(workers):
            words = [*dask, "worker", address, "--nworkers", "1", "--nthreads", "1"]
            running.append(
                subprocess.Popen([*words, "--dashboard-address", "127.0.0.1:0"], **quiet)
            )
        yield ["--scheduler", address], [one.pid for one in running[1:]]
        assert all(one.poll() is None for one in running), "the cluster was not left as it was"
    finally:
        for one in reversed(running):
            one.terminate()
        for one in reversed(running):
            one.wait(30)


def killing(
    folder: Path, out: Path, count: int, kills: int, more: list[str], pids: list[int]
) -> Watch:
    """Run with kills at even parts of the work, the program's own in the middle; then go on."""
    watch, rng = Watch(out / "records"), np.random.default_rng(0)
    process = start(folder, out, more)
    steps = np.linspace(0, count, kills + 3)[1:-1].astype(int)
    for step, where in enumerate(steps):
        wait_for(watch, int(where), process)
        if step == len(steps) // 2:
            process.send_signal(signal.SIGKILL)
            process.wait()
            print(f"the program was killed after {len(watch.seen)} images", flush=True)
            process = start(folder, out, more)
            continue
        while not (found := workers_below(*(pids or [process.pid]))) and process.poll() is None:
            time.sleep(0.05)
        victim = found[int(rng.integers(len(found)))]
        victim.kill()
        print(f"a worker was killed after {len(watch.seen)} images", flush=True)
    status = process.wait()
    watch.close()
    print(f"exit status {status}")
    return watch


def verdict(
    out: Path, count: int, trained: isr.TrainedPredictor, watch: Watch, some: int
) -> list[str]:
    """Return the faults of a batch, an empty list without any."""
    wrong = []
    records = {p.stem: json.loads(p.read_text()) for p in (out / "records").glob("*.json")}
    done = [name for name, record in records.items() if record["status"] == "done"]
    masks = {p.stem: np.array(Image.open(p)) for p in out.glob("*.png")}
    if len(done) != count or len(masks) != count:
        wrong.append(f"{len(done)} records and {len(masks)} masks of {count}")
    apart = [iou(mask == 2, disc(int(name))) for name, mask in masks.items()]
    if min(apart) < 0.9:
        wrong.append(f"{sum(a < 0.9 for a in apart)} masks are not the truth")
    chosen = np.random.default_rng(0).choice(count, min(some, count), replace=False)
    for index in chosen:
        alone = isr.segment(picture(index), shape="convex", trained=trained)
        if not np.array_equal(alone.labels(), masks[f"{index:05d}"]):
            wrong.append(f"{index:05d} is another mask than in this process")
    often = {name: n for name, n in watch.written.items() if n != 1}
    if often or len(watch.written) != count:
        wrong.append(f"records written not once: {often}")
    left = [p.name for p in out.iterdir() if p.name.startswith(".")]
    if left:
        wrong.append(f"left behind: {left}")
    print(
        f"{len(done)} of {count} done, IoU to the truth {min(apart):.3f} or more (median "
        f"{statistics.median(apart):.3f}), {len(chosen)} compared bit by bit, "
        f"{len(watch.written)} records, each written {max(watch.written.values())} time(s)"
    )
    return wrong


def throughput(folder: Path, count: int) -> None:
    """Images a second of one worker and of two, from the time when all workers have begun.

    One, two, two, one: what slows the machine down in between slows both.
    """
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn, workers in enumerate((1, 2, 2, 1)):
        out = folder / f"out{turn}"
        began = time.perf_counter()
        process = start(folder, out, ["--workers", str(workers)])
        about = psutil.Process(process.pid)
        busy = 0.0
        while process.poll() is None:
            with suppress(psutil.Error):
                busy = sum(about.cpu_times()[:2])  # without its children
            time.sleep(0.5)
        whole = time.perf_counter() - began
        times = sorted(p.stat().st_mtime for p in (out / "records").glob("*.json"))
        first = count // 5  # by then every worker has loaded what it needs
        rates[workers].append((len(times) - first - 1) / (times[-1] - times[first]))
        print(
            f"{workers} worker(s): {rates[workers][-1]:.2f} images a second; {whole:.1f} s in all, "
            f"of the program itself {busy:.1f} s of CPU",
            flush=True,
        )
    one, two = (statistics.mean(rates[workers]) for workers in (1, 2))
    print(f"two workers do {two / one:.2f} times the work of one")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--separate", action="store_true", help="dask scheduler and dask worker")
    parser.add_argument("--throughput", type=int, default=0, metavar="IMAGES")
    parser.add_argument("--features", default="rgb,texture")
    parser.add_argument("--compared", type=int, default=50, help="bit by bit")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = prepare(folder, args.throughput or args.images, args.features)
        if args.throughput:
            throughput(folder, args.throughput)
            return 0
        out, began = folder / "out", time.perf_counter()
        if args.separate:
            with cluster(2) as (more, pids):
                watch = killing(folder, out, args.images, args.kills, more, pids)
        else:
            watch = killing(folder, out, args.images, args.kills, ["--workers", "2"], [])
        print(f"{time.perf_counter() - began:.0f} s in all")
        wrong = verdict(out, args.images, trained, watch, args.compared)
    print("\n".join(wrong) or "all is right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
