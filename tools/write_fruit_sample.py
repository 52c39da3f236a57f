"""Paint the sample ``fruit`` and write its files into the package.

python tools/write_fruit_sample.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from napari_isr.data.fruit import FILES  # noqa: E402  # sorted after its neighbor
from synthetic import fruit_behind_leaves  # noqa: E402  # found by the line above

SEED = 1


def main() -> None:
    """Write the picture, its scribbles and the true mask of each object as PNG."""
    sample = fruit_behind_leaves(seed=SEED)
    FILES.mkdir(exist_ok=True)
    arrays = {"fruit": sample.image, "fruit-scribbles": sample.scribbles}
    arrays |= {f"fruit-truth-{n}": 255 * mask.astype(np.uint8) for n, mask in sample.truth.items()}
    for name, array in arrays.items():
        Image.fromarray(array).save(FILES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
