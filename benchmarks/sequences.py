"""Sequences: tubes against predictors, frames of noise, and what longer sequences cost.

python benchmarks/sequences.py truth|noise|bound|ball|speed     with $ISR_DATA; one core for speed
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sequences_data import ball, generated, sequence

from napari_isr import project
from napari_isr.features import FeatureCache
from napari_isr.results.result import ObjectResult
from napari_isr.segmentation.segmenter import Segmenter

DATA = Path(os.environ.get("ISR_DATA", "../shared/data"))
NAMES = ("blackswan", "car-shadow", "cars9")
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
DRAWS = 3
Array = npt.NDArray[np.generic]
Mask = npt.NDArray[np.bool_]


def mean_iou(found: Mask, truth: Mask) -> float:
    """Mean over the frames."""
    pairs = zip(found, truth, strict=True)
    return float(np.mean([(a & b).sum() / max(1, (a | b).sum()) for a, b in pairs]))


def run(film: dict[str, Array], strokes: Array, cache: FeatureCache, **how: str) -> ObjectResult:
    """Segment one object. ``features`` and ``mode`` are those of the segmenter."""
    shape = how.pop("shape", "connected")
    segmenter = Segmenter(film["images"], ndim=3, axes="tyx", cache=cache, **how)
    for _ in segmenter.run(strokes, shape):
        pass
    return segmenter.result.objects[2]


def measure_truth() -> None:
    """Strokes on the first and last frame; IoU of what comes of them."""
    columns = "predictor alone | raw (with nearness) | tube | joint | own strokes | certificate"
    print(f"sequence | {columns}")
    for name in NAMES:
        film, cache = sequence(DATA, name), FeatureCache()
        every, ends = film["strokes"], film["strokes"].copy()
        ends[1:-1] = 0
        truth = film["truth"]
        alone = run(film, ends, cache, features="rgb,semantic", shape="none")
        tube = run(film, ends, cache)
        joint = run(film, ends, cache, mode="joint")
        own = run(film, every, cache, shape="connected:over_time=frames")
        masks = (alone.probability > 0.5, tube.probability > 0.5, tube.mask, joint.mask, own.mask)
        values = " | ".join(f"{mean_iou(mask, truth):.3f}" for mask in masks)
        holds = tube.certificate.holds and joint.certificate.holds
        print(f"{name} | {values} | {'holds' if holds else tube.certificate.message}", flush=True)


def noisy(clean: Array, share: float, seed: int) -> npt.NDArray[np.float32]:
    """Replace a share of the frames by uniform random numbers in [0, 1]."""
    draw, result = np.random.default_rng(seed), clean.astype(np.float32)
    chosen = _lost(clean, share, draw)
    result[chosen] = draw.random((len(chosen), *clean.shape[1:]), dtype=np.float32)
    return result


def _lost(clean: Array, share: float, draw: int | np.random.Generator) -> Array:
    """Numbers of the frames that are replaced."""
    count = round(share * len(clean))
    return np.random.default_rng(draw).choice(len(clean), count, replace=False)


def noise_films() -> dict[str, Mask]:
    """Return the masks of the sequences, keyed by name."""
    films = {"ball": ball(DATA) > 0, "generated": generated(10)}
    return films | {name: sequence(DATA, name)["truth"] for name in NAMES}


def measure_noise() -> None:
    """IoU of the tube against the clean unaries, mean of a few draws and the worst one."""
    print("sequence |", " | ".join(f"{share:.0%}" for share in SHARES))
    for name, clean in noise_films().items():
        cells = []
        for share in SHARES:
            found = [
                mean_iou(project(noisy(clean, share, seed), "connected", axes="tyx").mask, clean)
                for seed in range(DRAWS if share else 1)
            ]
            cells.append(f"{statistics.mean(found):.3f} ({min(found):.3f})")
        print(f"{name} |", " | ".join(cells), flush=True)


def measure_bound() -> None:
    """Measure the sequence with true masks in the frames that are left, bridged in the others."""
    print("sequence, true masks |", " | ".join(f"{share:.0%}" for share in SHARES[1:]))
    for name, clean in noise_films().items():
        cells = []
        for share in SHARES[1:]:
            found = [mean_iou(_bridged(clean, _lost(clean, share, k)), clean) for k in range(DRAWS)]
            cells.append(f"{statistics.mean(found):.3f} ({min(found):.3f})")
        print(f"{name} |", " | ".join(cells), flush=True)


def _bridged(clean: Mask, lost: Array) -> Mask:
    """Interpolate the masks of lost frames from the others."""
    from scipy import ndimage

    known = np.setdiff1d(np.arange(len(clean)), lost)
    middles = np.array([ndimage.center_of_mass(mask) for mask in clean[known]])
    sizes = np.log(clean[known].sum((1, 2))) / 2
    result = clean.copy()
    for frame in lost:
        nearest = int(np.abs(known - frame).argmin())
        place = [np.interp(frame, known, column) for column in middles.T]
        ratio = np.exp(np.interp(frame, known, sizes) - sizes[nearest])
        moved = ndimage.affine_transform(
            clean[known[nearest]].astype(np.float32),
            np.eye(2) / ratio,
            middles[nearest] - np.array(place) / ratio,
            order=1,
        )
        result[frame] = moved > 0.5
    return result


def measure_ball() -> None:
    """Measure the ball of the teaser at every resolution in time."""
    item = project(ball(DATA) > 0, "connected", axes="tyx").objects[2]
    print("ball:", item.certificate.message)
    for times in range(1, 7):
        mask = item.upsample_time(times)
        print(times, _pieces(mask), "piece(s);", max(map(_pieces, mask)), "at most in a frame")


def _pieces(mask: Mask) -> int:
    from scipy import ndimage

    return int(ndimage.label(mask)[1])


def measure_speed() -> None:
    """CPU seconds on one core: first outlines, end of the fit, a further stroke, more frames."""
    torch.set_num_threads(1)
    film = sequence(DATA, "blackswan")
    ends = film["strokes"].copy()
    ends[1:-1] = 0
    more = ends.copy()
    more[4][film["strokes"][4] > 0] = film["strokes"][4][film["strokes"][4] > 0]
    longer = {key: np.repeat(value, 10, axis=0) for key, value in film.items()}
    drawn = np.zeros(longer["strokes"].shape, np.uint8)
    drawn[0], drawn[-1] = ends[0], ends[-1]
    print("frames, features | predictor's outline | shape's | fit | after a stroke: shape's | fit")
    for features in ("rgb,nearness,edges", "auto"):
        for images, strokes, again in ((film, ends, more), (longer, drawn, None)):
            segmenter = Segmenter(
                images["images"], ndim=3, axes="tyx", features=features, cache=FeatureCache()
            )
            segmenter.set_view_plane((0, None, None))
            times = [*_times(segmenter, strokes)]
            times += _times(segmenter, again)[1:] if again is not None else []
            values = " | ".join(f"{seconds:.2f}" for seconds in times)
            print(f"{len(strokes)}, {features} | {values}", flush=True)
    truth = film["truth"]
    for frames in (truth, np.repeat(truth, 10, axis=0)):
        start = time.process_time()
        item = project(frames, "connected", axes="tyx").objects[2]
        total = time.process_time() - start
        fit = item.seconds["projection"]
        print(f"{len(frames)} given | fit {fit:.2f} | with pixels {total:.2f}")


def _times(segmenter: Segmenter, strokes: Array) -> tuple[float, float, float]:
    """CPU seconds to the first outline of the predictor and of the shape, and to the last one."""
    start, seen, first, last = time.process_time(), 0.0, 0.0, 0.0
    for update in segmenter.run(strokes, "connected"):
        now = time.process_time() - start
        if update.predictor_contours is not None:
            seen = seen or now
        if update.contours is not None:
            first, last = first or now, now
        if update.stage == "render":
            break
    return seen, first, last


if __name__ == "__main__":
    parts = {"truth": measure_truth, "noise": measure_noise, "ball": measure_ball}
    parts |= {"bound": measure_bound, "speed": measure_speed}
    for chosen in sys.argv[1:] or parts:
        parts[chosen]()
