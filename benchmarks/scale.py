"""Cost of the image size: latency, memory and error of the outline.

The same scene is generated from 512 x 512 to 16,384 x 16,384 pixels, written to zarr chunk by
chunk, and segmented from the same strokes, each size in a process of its own. The outlines are
compared with the true ones. Times are CPU time, torch on one thread. Prints Markdown, and draws
`docs/images/scale.png` with `--plot`.
`python benchmarks/scale.py`, or for one size `python benchmarks/scale.py --sizes 16384`.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (512, 1024, 2048, 4096, 8192, 16_384)
CHUNK = 1024
GOAL_RATIO, GOAL_MB, GOAL_PX = 1.5, 1500, 1.0
SHAPES = {2: "convex:pieces=32", 3: "star:harmonics=12"}
PLOT = Path(__file__).parents[1] / "docs" / "images" / "scale.png"
# Lines of the strokes, in parts of the image's side; then strokes that are added one by one.
FIRST = {
    1: [
        [(0.06, 0.06), (0.06, 0.94)],
        [(0.94, 0.06), (0.94, 0.94)],
        [(0.12, 0.9), (0.4, 0.66), (0.62, 0.55), (0.9, 0.44)],
    ],
    2: [[(0.3, 0.22), (0.42, 0.45)]],
    3: [[(0.7, 0.68), (0.72, 0.8)]],
}
MORE = (
    (2, [(0.36, 0.24), (0.3, 0.4)]),
    (1, [(0.6, 0.06), (0.9, 0.1)]),
    (3, [(0.66, 0.72), (0.78, 0.73)]),
    (1, [(0.06, 0.7), (0.3, 0.7)]),
    (2, [(0.42, 0.3), (0.36, 0.5)]),
)


def truth(count: int = 4000) -> dict[int, np.ndarray]:
    """Return true contours (n, 2) of an ellipse and a flower, relative to the side."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    tilt = np.deg2rad(25)
    a, b = 0.27 * np.cos(turn), 0.16 * np.sin(turn)
    ellipse = np.stack(
        [0.36 + a * np.sin(tilt) + b * np.cos(tilt), 0.34 + a * np.cos(tilt) - b * np.sin(tilt)], 1
    )
    radius = 0.16 * (1 + 0.15 * np.cos(5 * turn))
    flower = np.stack([0.72 + radius * np.sin(turn), 0.74 + radius * np.cos(turn)], 1)
    return {2: ellipse, 3: flower}


def scene(rows: np.ndarray, columns: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pixels (h, w, 3) of a window, given relative to the side."""
    y, x = rows[:, None], columns[None]
    tilt = np.deg2rad(25)
    u = (y - 0.36) * np.sin(tilt) + (x - 0.34) * np.cos(tilt)
    v = (y - 0.36) * np.cos(tilt) - (x - 0.34) * np.sin(tilt)
    ellipse = (u / 0.27) ** 2 + (v / 0.16) ** 2 < 1
    turn = np.arctan2(y - 0.72, x - 0.74)
    flower = np.hypot(y - 0.72, x - 0.74) < 0.16 * (1 + 0.15 * np.cos(5 * turn))
    uneven = 14 * np.sin(9 * y + 3 * x) * np.cos(7 * x)
    image = np.empty((len(rows), len(columns), 3), np.float32)
    colors = ((92, 104, 88), (168, 118, 74), (128, 86, 140))
    for channel in range(3):
        ground, first, second = (color[channel] for color in colors)
        image[..., channel] = np.where(ellipse, first, np.where(flower, second, ground)) + uneven
    image += 12 * rng.standard_normal(image.shape, dtype=np.float32)
    return image.clip(0, 255).astype(np.uint8)


def write_image(path: Path, size: int, *, levels: bool) -> None:
    """Write the scene chunk by chunk; with levels, as a pyramid of means."""
    import zarr

    group = zarr.open_group(str(path), mode="w")
    side = min(CHUNK, size)
    array = group.create_array("0", shape=(size, size, 3), chunks=(side, side, 3), dtype="u1")
    places = (np.arange(size) + 0.5) / size
    for row in range(0, size, side):
        for column in range(0, size, side):
            here = slice(row, row + side), slice(column, column + side)
            rng = np.random.default_rng((size, row, column))
            array[here] = scene(places[here[0]], places[here[1]], rng)
    number = 0
    while levels and size > CHUNK:
        size, number, finer = size // 2, number + 1, array
        array = group.create_array(
            str(number), shape=(size, size, 3), chunks=(side, side, 3), dtype="u1"
        )
        for row in range(0, size, side):
            for column in range(0, size, side):
                part = finer[2 * row : 2 * (row + side), 2 * column : 2 * (column + side)]
                means = part.reshape(len(part) // 2, 2, -1, 2, 3).mean((1, 3))
                array[row : row + side, column : column + side] = means.astype(np.uint8)


def one_size(path: Path, size: int, levels: bool) -> dict[str, Any]:
    """Times in ms, memory in MB, errors in pixels of a 512 x 512 grid."""
    import torch
    import zarr

    import napari_isr as isr

    torch.set_num_threads(1)
    group = zarr.open_group(str(path), mode="r")
    image: Any = group["0"]
    if levels:
        image = [group[str(k)] for k in range(len(list(group.array_keys())))]
    start = peak()
    began = time.process_time()
    segmenter = isr.Segmenter(image, features="auto")
    opened = time.process_time() - began
    lines = {label: [np.array(x) * size for x in drawn] for label, drawn in FIRST.items()}
    first = outlined(segmenter, strokes_of(lines, size))
    warm = []
    for label, line in MORE:
        lines[label].append(np.array(line) * size)
        warm.append(outlined(segmenter, strokes_of(lines, size)))
    fitted = peak()
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        isr.write(segmenter.result, Path(folder) / "mask.tif")
        written = time.process_time() - began
    errors = {
        label: distances(item.contours(), truth()[label], size)
        for label, item in segmenter.result.objects.items()
    }
    every = np.concatenate(list(errors.values()))
    return {
        "size": size,
        "levels": levels,
        "opened": 1e3 * opened,
        "first": 1e3 * first,
        "warm": 1e3 * statistics.median(warm),
        "written": 1e3 * written,
        "before": start,
        "fitted": fitted,
        "peak": peak(),
        "median": float(np.median(every)),
        "high": float(np.percentile(every, 95)),
        "worst": float(every.max()),
        "holds": all(item.certificate.holds for item in segmenter.result.objects.values()),
    }


def strokes_of(lines: dict[int, Any], size: int) -> Any:
    import napari_isr as isr

    return isr.Scribbles.from_lines((size, size), lines, size / 64)


def outlined(segmenter: Any, strokes: Any) -> float:
    """CPU seconds from strokes to the last outline; the run goes on to its end."""
    began, last = time.process_time(), 0.0
    for update in segmenter.run(strokes, SHAPES):
        if update.stage == "projection":
            last = time.process_time() - began
    for item in segmenter.result.objects.values():
        item.contours()
    return last


def distances(rings: list[np.ndarray], true: np.ndarray, size: int) -> np.ndarray:
    """Distances both ways between outlines, in pixels of a 512 x 512 grid."""
    from scipy.spatial import cKDTree

    found = np.concatenate([dense((ring + 0.5) / size) for ring in rings])
    there = cKDTree(found).query(true)[0]
    back = cKDTree(dense(np.concatenate([true, true[:1]]))).query(found)[0]
    return 512 * np.concatenate([there, back])


def dense(ring: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Sample points along a ring densely enough for distances to it."""
    far = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    places = np.arange(0, far[-1], step)
    return np.stack([np.interp(places, far, x) for x in ring.T], 1)


def peak() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_its_own_process(size: int, levels: bool, folder: Path) -> dict[str, Any]:
    path = folder / f"{size}{'-levels' if levels else ''}.zarr"
    if not path.exists():
        write_image(path, size, levels=levels)
    command = [sys.executable, __file__, "--one", str(path), "--sizes", str(size)]
    command += ["--levels"] if levels else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(rows: list[dict[str, Any]]) -> None:
    print(
        "| size | opened (ms) | first outline (ms) | next stroke (ms) | whole mask as TIFF (s) | ",
        end="",
    )
    print("peak memory (MB) | error: median (px of 512) | 95 % | worst | certificates |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    for row in rows:
        print(
            f"| {row['size']}{' in levels' if row['levels'] else ''} | {row['opened']:.0f} | "
            f"{row['first']:.0f} | {row['warm']:.0f} | {row['written'] / 1e3:.1f} | "
            f"{row['peak']:.0f} | {row['median']:.2f} | {row['high']:.2f} | {row['worst']:.2f} | "
            f"{'hold' if row['holds'] else 'fail'} |"
        )
    small, large = rows[0], rows[-1]
    print(f"\nFrom {small['size']} to {large['size']}: ", end="")
    print(f"first outline {large['first'] / small['first']:.2f} times, ", end="")
    print(f"next stroke {large['warm'] / small['warm']:.2f} times (goal {GOAL_RATIO}); ", end="")
    print(f"peak {max(r['peak'] for r in rows):.0f} MB (goal {GOAL_MB}); ", end="")
    print(f"worst error {max(r['worst'] for r in rows):.2f} px (goal {GOAL_PX}).")


def plot(rows: list[dict[str, Any]]) -> None:
    """Draw the three goals over the size."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    sizes = [row["size"] for row in rows]
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), dpi=110)
    panels = (
        (
            "from stroke to outline (s of CPU)",
            (("first", "first outline"), ("warm", "next stroke")),
            1e3,
        ),
        ("peak memory (GB)", (("peak", "process"),), 1024),
        ("error (pixels of 512)", (("worst", "worst"), ("median", "median")), 1),
    )
    for ax, (title, lines, unit) in zip(axes, panels, strict=True):
        for (name, label), color in zip(lines, ("#d55e00", "#0072b2"), strict=False):
            ax.plot(sizes, [row[name] / unit for row in rows], "o-", color=color, label=label)
        ax.set(title=title, xlabel="side of the image (pixels)")
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [str(size) for size in sizes], rotation=45)
        ax.grid(alpha=0.3)
    for ax, goal in ((axes[1], GOAL_MB / 1024), (axes[2], GOAL_PX)):
        ax.axhline(goal, color="grey", linestyle="--", linewidth=1, label="goal")
    for ax in axes:
        ax.set_ylim(0, 1.45 * ax.get_ylim()[1])  # with space for the legend
        ax.legend(frameon=False, loc="upper left", ncols=2, fontsize="small")
    figure.tight_layout()
    figure.savefig(PLOT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--levels", action="store_true", help="a pyramid instead of one array")
    parser.add_argument("--plot", action="store_true", help="draw the plot of the docs")
    parser.add_argument("--folder", type=Path, help="where images are kept, to be used again")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one is not None:
        print(json.dumps(one_size(chosen.one, chosen.sizes[0], chosen.levels)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        rows = [in_its_own_process(size, chosen.levels, folder) for size in chosen.sizes]
    report(rows)
    if chosen.plot:
        plot(rows)


if __name__ == "__main__":
    main()
