"""Calls of the public interface whose results version 0.1 (commit 90e4b3d) has stored.

``tools/compatibility_fixtures.py`` ran them with that version, and ``test_version_0_1.py`` runs
them with the present one. Both read the same input arrays, which are stored beside the results.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"

# Every shape name of version 0.1, and some with options in the spelling of that version.
SHAPES = (
    "none",
    "convex",
    "star",
    "mirror",
    "rotational",
    "periodic",
    "connected",
    "convex+mirror",
    "convex+rotational",
    "star+mirror",
    "star+rotational",
)
SHAPES_WITH_OPTIONS = (
    "convex:pieces=24",
    "convex:depth=2,width=8",
    "star:centre=30/42,harmonics=12",
    "mirror:axis=30/42/90",
    "rotational:order=3",
    "rotational:order=4,centre=30/42,rings=6",
    "periodic:perspective=true",
    "periodic:lattice=0/16/16/0",
    "connected:levels=6",
    "convex+mirror:axis=30/42/90",
    "convex+rotational:order=4,centre=30/42",
    "star+mirror:axis=30/42/90,harmonics=12",
    "star+rotational:order=5",
    "star+rotational:order=5,centre=30/42",
)
QUICK = {"features": "rgb", "predictor": "linear"}
SCALE = 3
COPIES = {
    "plain": {},
    "objects": {
        "shape": "none",
        "own_shapes": {2: "convex:pieces=24", 3: "star:centre=32/60"},
        "features": "rgb",
        "predictor": "linear",
        "mode": "sequential",
    },
    "joint": {"shape": "mirror", "features": "rgb", "mode": "joint", "spacing": (0.5, 0.25)},
    "given": {
        "given": {4: "mask.png"},
        "shape": "convex",
        "own_shapes": {4: "star"},
        "features": "rgb",
        "notes": ["Copied from the dock."],
    },
    "given-shape": {
        "given": {4: "mask.png"},
        "shape": "star",
        "own_shapes": {4: "convex"},
        "features": "rgb",
    },
    "coordinates": {"coordinates": {"depth": "depth.npy"}, "features": "rgb"},
    "trained": {"trained": "trained.safetensors", "device": "cpu", "shape": "convex"},
    "sequence": {
        "axes": "tyx",
        "per_frame": True,
        "spacing": (None, 1.0, 1.0),
        "features": "rgb",
        "predictor": "linear",
    },
}


def shape_pattern(spec):
    """The name of the stored unaries that suit a shape."""
    return "pegs" if spec.startswith("periodic") else "probability"


def projections(isr, inputs):
    """Yield the names and the calls of ``isr.project``, each of which gives a result."""
    for spec in (*SHAPES, *SHAPES_WITH_OPTIONS):
        yield f"project/{spec}", lambda spec=spec: isr.project(inputs[shape_pattern(spec)], spec)
    for spec in ("convex", "star", "mirror", "connected:levels=4"):
        yield (
            f"project-zyx/{spec}",
            lambda spec=spec: isr.project(inputs["ball"], spec, axes="zyx", spacing=(2, 1, 1)),
        )
    for spec in ("convex", "star", "mirror", "connected:levels=4", "convex:over_time=frames"):
        yield (
            f"project-tyx/{spec}",
            lambda spec=spec: isr.project(inputs["moving"], spec, axes="tyx"),
        )
    yield (
        "project-depth/convex",
        lambda: isr.project(
            inputs["probability"], "convex", coordinates={"depth": inputs["depth"]}
        ),
    )


def segmentations(isr, inputs):
    """Yield the names and the calls of ``isr.segment``, each of which gives a result."""

    def call(image, scribbles, shape, **options):
        return lambda: isr.segment(inputs[image], inputs[scribbles], shape, seed=0, **options)

    for spec in (*SHAPES, "star+rotational:order=5", "mirror:axis=30/25/90", "rotational:order=3"):
        pair = ("peg_image", "peg_scribbles") if spec == "periodic" else ("image", "one_object")
        for mode in ("sequential", "joint"):
            yield f"segment-{mode}/{spec}", call(*pair, spec, mode=mode, **QUICK)
        yield f"segment-auto/{spec}", call(*pair, spec)
    for spec in ("convex", "connected"):
        yield f"segment-auto-joint/{spec}", call("image", "one_object", spec, mode="joint")
    several = {2: "convex", 3: "star+rotational:order=5"}
    yield "segment-objects/several", call("image", "scribbles", several, **QUICK)
    for predictor in ("fcn", "cnn", "unet"):
        yield (
            f"segment-{predictor}/convex",
            call("image", "one_object", "convex", predictor=predictor, features="rgb"),
        )
    yield (
        "segment-zyx/convex",
        call("volume", "volume_scribbles", "convex", axes="zyx", spacing=(2, 1, 1), **QUICK),
    )
    for spec, per_frame in (("convex", True), ("connected:levels=4", False)):
        yield (
            f"segment-tyx/{spec}",
            call("film", "film_scribbles", spec, axes="tyx", per_frame=per_frame, **QUICK),
        )


def masks_of(name, result):
    """Return every mask that is stored of a result, keyed by name."""
    found = {}
    for label, item in result.objects.items():
        found[f"{name}#{label}"] = item.mask
        if name.startswith(("project/", "project-depth/")):
            found[f"{name}#{label}@{SCALE}"] = item.render(scale=SCALE)
        if name.startswith("project-tyx/"):
            found[f"{name}#{label}@frames"] = item.super_resolve(2)
    return found


def digest(mask):
    """Return the SHA-256 of a mask's size and packed bits."""
    head = repr(mask.shape).encode()
    return hashlib.sha256(head + np.packbits(mask).tobytes()).hexdigest()


def environment():
    """Return the libraries and the processor's instructions that last digits depend on."""
    import scipy
    import skimage
    import torch

    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-image": skimage.__version__,
        "machine": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
