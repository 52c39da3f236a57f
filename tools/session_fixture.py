"""Write the kept session of the present schema version, which later versions must read.

    python tools/session_fixture.py

Run once for each new version of the schema; what was kept before stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import napari_isr as isr
from napari_isr.io.session.schema import SessionRecord

KEPT = Path(__file__).resolve().parents[1] / "tests" / "fixtures"


def main() -> None:
    """Write the file and what has to be found in it."""
    version = SessionRecord.model_fields["version"].default
    path = KEPT / f"session-v{version}.isr"
    if path.exists():
        sys.exit(f"{path} is there already: a kept session is never written again")
    row, column = np.mgrid[:40, :48]
    image = (60 + 120 * (np.hypot(row - 18, column - 16) < 10)).astype(np.uint8)
    image[np.hypot(row - 20, column - 34) < 8] = 240
    strokes = np.zeros(image.shape, np.uint8)
    strokes[2, 3:45] = strokes[37, 3:45] = 1
    strokes[17:19, 9:24], strokes[19:21, 29:39] = 2, 3
    segmenter = isr.Segmenter(image, features="rgb", predictor="linear")
    for _ in segmenter.run(strokes, {2: "convex", 3: "connected"}):
        pass
    isr.save_session(
        path,
        segmenter,
        scribbles=strokes,
        names={2: "apple", 3: "leaf"},
        unit="um",
        trained=segmenter.export_predictor(),
        embed=True,
    )
    items = segmenter.result.objects.items()
    expected = {f"mask{label}": item.mask for label, item in items}
    expected |= {f"twice{label}": item.render(2) for label, item in items}
    np.savez_compressed(path.with_suffix(".npz"), strokes=strokes, **expected)


if __name__ == "__main__":
    main()
