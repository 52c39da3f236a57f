"""Stage that renders the masks of all objects."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import numpy as np
import numpy.typing as npt

from napari_isr._timing import StageTimer
from napari_isr.geometry.image import ImageGeometry
from napari_isr.results.result import ObjectResult
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.shape_stage import ShapeStage
from napari_isr.segmentation.update import Update
from napari_isr.shapes.registry import ShapeSpec

__all__ = ["render_objects"]

RENDER_STEPS = 12  # after which the mask of an object is half done, as far as the bar knows
PROBABILITIES = 0.4  # of what is left for the pixels


def render_objects(
    unaries: ObjectUnaries,
    strokes: Scribbles,
    specs: Mapping[int, ShapeSpec],
    objectives: Mapping[int, float],
    shapes: ShapeStage,
    frames: tuple[ImageGeometry, ImageGeometry],
    start: float,
    clock: StageTimer,
) -> Generator[Update, None, dict[int, ObjectResult]]:
    """Make the pixels of all objects.

    Parameters
    ----------
    unaries, strokes, specs, objectives, shapes
        What was found, what was drawn, what was asked for.
    frames : (ImageGeometry, ImageGeometry)
        That of the image and that of the results.
    start : float
        Progress of the run so far.
    clock : StageTimer

    Yields
    ------
    Update

    Returns
    -------
    dict of int to ObjectResult
    """
    frame, raster = frames
    probabilities = yield from _probabilities(unaries, raster, start, clock)
    start += PROBABILITIES * (1 - start)
    drawn = strokes.resample_to(raster.shape)
    objects = {}
    for index, (label, spec) in enumerate(specs.items()):
        item = ObjectResult.from_fit(
            shapes.shape(label),
            label=label,
            shape_name=str(spec),
            frame=raster,
            image_frame=frame,
            probability=probabilities[label],
            objective=objectives.get(label),
            conflict=shapes.conflicts.get(label),
            drawn=drawn,
        )
        for step, _ in enumerate(clock.time_iterator(f"render {label}", item.iter_render())):
            # How many steps there are depends on the shape; the bar never stands still.
            share = (index + 1 - 1 / (1 + step / RENDER_STEPS)) / len(specs)
            yield Update("render", start + 0.99 * (1 - start) * share, label)
        with clock.measure(f"render {label}"):
            _ = item.certificate
        item.seconds.update(clock.seconds_for(label))
        objects[label] = item
    return objects


def _probabilities(
    unaries: ObjectUnaries, raster: ImageGeometry, start: float, clock: StageTimer
) -> Generator[Update, None, dict[int, npt.NDArray[np.float32]]]:
    """Yield updates, and return the probabilities of all objects at every pixel."""
    for found in clock.time_iterator("predictor", unaries.iter_dense(raster)):
        if not isinstance(found, float):
            return found
        yield Update("render", start + PROBABILITIES * (1 - start) * found)
    raise AssertionError("the probabilities never came")
