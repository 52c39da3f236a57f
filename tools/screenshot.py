"""Take the pictures of docs/images from the real window.

    python tools/screenshot.py [NAME ...] [--out FOLDER]

Needs a display: `xvfb-run -a -s "-screen 0 1600x1000x24" python tools/screenshot.py`; `make
pictures` does that.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _napari_window import IMAGES, on_stage
from shape_scenes import SCENES

from napari_isr.results import object_result

LAST_STROKE = ((188.0, 338.0), (190.0, 350.0))  # on the tomato, above the leaves
AXIS = (108.0, 158.9)  # on the butterfly's back


def dock(path: Path, theme: str = "dark") -> None:
    """Show the dock during work on strokes."""
    with on_stage("fruit", theme=theme) as stage:
        stage.fit()
        stage.viewer.reset_view()
        stage.fit(lambda: stage.stroke(2, *LAST_STROKE))
        stage.save(path)


def light(path: Path) -> None:
    """Show the dock in the light theme."""
    dock(path, theme="light")


def hint(path: Path) -> None:
    """Show the empty dock."""
    with on_stage(size=(1200, 900)) as stage:
        stage.save(path)


def narrow(path: Path) -> None:
    """Show the dock alone, 300 pixels wide, with two objects."""
    with on_stage("coins") as stage:
        data = np.array(stage.dock.scribble_layer.data)
        data[data > 3] = 0
        stage.dock.scribble_layer.data = data
        stage.narrow(300)
        stage.fit()
        stage.save(path, only_dock=True)


def objects(path: Path) -> None:
    """Several objects, one of them with a shape of its own."""
    with on_stage("coins") as stage:
        stage.fit()
        settings = stage.dock.controller.settings
        stage.fit(lambda: setattr(settings, "own_shapes", {3: "star"}))
        stage.save(path)


def conflict(path: Path) -> None:
    """Show a background stroke inside a convex object."""
    with on_stage("fruit") as stage:
        stage.fit()
        rows, columns = np.nonzero(stage.dock.scribble_layer.data == 2)
        middle = float(np.mean(rows)), float(np.mean(columns))
        stage.fit(lambda: stage.stroke(1, (middle[0], middle[1] - 9), (middle[0], middle[1] + 9)))
        stage.save(path)


def certificate(path: Path) -> None:
    """Show a failed check of a mask with a hole."""
    honest = object_result.certify

    def damaged(name: str, promise: Any, mask: Any, *rest: Any) -> Any:
        mask = mask.copy()
        middle = np.argwhere(mask).mean(axis=0).astype(int)
        mask[tuple(slice(m - 4, m + 4) for m in middle)] = False
        return honest(name, promise, mask, *rest)

    object_result.certify = damaged
    try:
        with on_stage("fruit") as stage:
            stage.fit()
            stage.save(path)
    finally:
        object_result.certify = honest


def handles(path: Path) -> None:
    """Show the axis of a mirror shape, dragged on the canvas and fixed."""
    scene = SCENES["mirror"]()
    with on_stage() as stage:
        stage.add(scene.image, "butterfly")
        stage.dock.shape = "mirror"
        stage.fit(lambda: setattr(stage.dock.scribble_layer, "data", np.array(scene.scribbles)))
        grips = stage.dock.controller.presenter.views._handles._handle.control_points
        stage.fit(lambda: stage.hand.draw(grips["middle"], AXIS))
        stage.save(path)


PICTURES: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (dock, light, hint, narrow, objects, conflict, certificate, handles)
}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(PICTURES), help="which pictures")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.names:
        PICTURES[name](chosen.out / f"{name}.webp")


if __name__ == "__main__":
    main()
