"""Stage that fits the shapes of all objects."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from napari_isr._timing import StageTimer
from napari_isr.errors import InputError
from napari_isr.evidence import LazyEvidence
from napari_isr.fitting.sampling import Samples, stroke_samples, violated_scribbles
from napari_isr.fitting.sequence import SequenceEvidence, iter_fit
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering.rasterize import ShapeLogit
from napari_isr.rendering.slice_contours import Plane, slice_contours
from napari_isr.scribble_conflicts import ScribbleConflict, find_conflict
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.update import Contours, Update
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec
from napari_isr.shapes.time_varying import TimeVaryingShape

__all__ = ["PREVIEW_CELLS", "FittedShape", "ShapeStage"]

PREVIEW_CELLS = 72  # of the grid that finds an outline while the user draws
SCRIBBLE_BOOST = 20.0  # times, if strokes that the shape could honour are not honoured


@dataclass(frozen=True)
class FittedShape:
    """A shape that was fitted, if one was asked for, and its outline if that is known."""

    shape: Shape | None
    outline: Contours | None


class ShapeStage:
    """Keeps the objects' shapes, so that the next fit of each starts from the last one.

    Parameters
    ----------
    frame : ImageGeometry
        The image.
    device : torch.device
        Where the shapes live.

    Attributes
    ----------
    plane : tuple or None
        Where the outlines of the updates lie, see
        :func:`napari_isr.rendering.slice_contours.validate_slice`; None: the updates hold none.
    """

    def __init__(self, frame: ImageGeometry, device: torch.device) -> None:
        self.frame, self.device = frame, device
        self.plane: Plane | None = (None, None) if frame.ndim == 2 else None
        self.conflicts: dict[int, ScribbleConflict | None] = {}
        self._shapes: dict[int, tuple[ShapeSpec, Shape | None]] = {}
        self._fitted: set[int] = set()
        self._outlines: dict[int, Contours] = {}  # of shapes as they are now

    def to(self, device: torch.device) -> ShapeStage:
        """Return a copy on another device."""
        moved = ShapeStage(self.frame, device)
        moved.plane = self.plane
        for label in self._fitted:
            moved.warm_start(label, *self._shapes[label])
        return moved

    @property
    def is_unfitted(self) -> bool:
        """Whether no shape was fitted yet."""
        return not self._fitted

    def shape(self, label: int) -> Shape | None:
        """Return the shape of an object of the last run, or None without one."""
        return self._shapes[label][1]

    def fitted(self, specs: Mapping[int, ShapeSpec]) -> dict[int, FittedShape]:
        """Return the fitted shapes if all of them have these specifications, else an empty dict."""
        found = {}
        for label, spec in specs.items():
            known, shape = self._shapes.get(label, (None, None))
            if known != spec or (shape is not None and label not in self._fitted):
                return {}
            found[label] = FittedShape(shape, self._outlines.get(label))
        return found

    def warm_start(self, label: int, spec: ShapeSpec, shape: Shape | None) -> None:
        """Start the object's next fit from a copy of a fitted shape."""
        fitted = copy.deepcopy(shape).to(self.device) if shape is not None else None
        self._shapes[label] = spec, fitted
        self._fitted.add(label)
        self._outlines.pop(label, None)

    def probabilities_at(
        self, points: npt.NDArray[np.float64], specs: Mapping[int, ShapeSpec]
    ) -> list[torch.Tensor | None]:
        """Return probabilities (n,) by the shape of each object at pixel coordinates (n, d)."""
        where = torch.from_numpy(self.frame.to_normalized(points)).float().to(self.device)
        with torch.no_grad():
            shapes = [self.shape(label) for label in specs]
            return [None if shape is None else torch.sigmoid(shape(where)) for shape in shapes]

    def run(
        self,
        unaries: ObjectUnaries,
        strokes: Scribbles,
        specs: Mapping[int, ShapeSpec],
        span: tuple[float, float],
        clock: StageTimer,
    ) -> Generator[Update, None, dict[int, float]]:
        """Fit every object's shape; return the objectives.

        Parameters
        ----------
        unaries : PredictedUnaries
            Of all objects.
        strokes : Scribbles
            All strokes.
        specs : mapping of int to ShapeSpec
            The shape of each object.
        span : (float, float)
            Where this lies on the progress of the whole run.
        clock : StageTimer
            Gets the times.
        """
        objectives = {}
        for label in specs:
            self.conflicts.pop(label, None)
        for index, (label, spec) in enumerate(specs.items()):
            with _prefix_error_with_label(label, len(specs) > 1):
                shape, warm = self._shape_for(label, spec)
            if shape is None:
                continue
            start, end = (span[0] + (span[1] - span[0]) * (index + x) / len(specs) for x in (0, 1))
            name = f"projection {label}"
            evidence = unaries.evidence(label, shape.fills_occlusions)
            self._outlines.pop(label, None)
            fit = self._fit(shape, warm, evidence, strokes, label, len(specs) > 1)
            # A moving one shows its start, for it takes longer; a warm one starts as it was.
            seen = warm or not isinstance(shape, TimeVaryingShape)
            for objectives[label], progress in clock.time_iterator(name, fit):
                if not seen and self.plane is not None:
                    seen = True
                    with clock.measure(name):
                        logit = ShapeLogit(shape, self.frame, keep=False)
                        outline = slice_contours(logit, self.frame, self.plane, PREVIEW_CELLS)
                    yield Update("projection", start, label, contours=outline)
                yield Update("projection", start + 0.9 * progress * (end - start), label)
            self._fitted.add(label)
            if self.plane is not None:
                with clock.measure(name):
                    logit = ShapeLogit(shape, self.frame, keep=False)
                    outline = slice_contours(logit, self.frame, self.plane, PREVIEW_CELLS)
                if self.frame.ndim == 2:
                    self._outlines[label] = outline
                yield Update("projection", end, label, contours=outline)
        return objectives

    def _fit(
        self,
        shape: Shape,
        warm: bool,
        evidence: LazyEvidence | SequenceEvidence,
        strokes: Scribbles,
        label: int,
        several: bool,
    ) -> Iterator[tuple[float, float]]:
        """Objective and progress of one object's fit, and of another where strokes are missed."""
        samples = stroke_samples(strokes, label, self.frame).to(self.device)
        objective = float("nan")
        with _prefix_error_with_label(label, several):
            for state in iter_fit(shape, evidence, strokes=samples, warm=warm):
                objective = state.objective
                yield objective, state.progress
        wrong = violated_scribbles(shape, strokes, label, self.frame)
        if wrong is None:
            return
        known, held = shape.describe(self.frame), getattr(shape.options, "center", None)
        tests = shape.description.conflict_tests
        conflict = find_conflict(
            strokes, label, shape.name, known, center=held, frame=self.frame, tests=tests
        )
        self.conflicts[label] = conflict
        if conflict is None:
            for _ in self._fit_louder(shape, evidence, strokes, label, samples, wrong):
                yield objective, 1.0

    def _fit_louder(
        self,
        shape: Shape,
        evidence: LazyEvidence | SequenceEvidence,
        strokes: Scribbles,
        label: int,
        samples: Samples,
        wrong: Samples,
    ) -> Iterator[None]:
        """Fit with louder strokes until all are honoured: from here, then from nothing.

        A shape may be caught where it is, with a part that only a stroke cuts off. Of the fits
        that miss strokes, the one that misses fewest stays.
        """
        best, least = copy.deepcopy(shape.state_dict()), len(wrong.target)
        # To fit a sequence from nothing takes as long as many steps from here.
        from_here = 3 if isinstance(shape, TimeVaryingShape) else 1
        for warm in (*[True] * from_here, False):
            louder = (samples + wrong.to(self.device)).with_weight_factor(SCRIBBLE_BOOST)
            for _ in iter_fit(shape, evidence, strokes=louder, warm=warm):
                yield
            missed = violated_scribbles(shape, strokes, label, self.frame)
            if missed is None:
                return
            wrong = missed
            if len(missed.target) < least:
                best, least = copy.deepcopy(shape.state_dict()), len(missed.target)
        shape.load_state_dict(best)

    def _shape_for(self, label: int, spec: ShapeSpec) -> tuple[Shape | None, bool]:
        """Return the shape of an object, and True if it has been fitted before."""
        if label not in self._shapes or self._shapes[label][0] != spec:
            shape = spec.build(self.frame.n_coordinates, self.frame)
            self._shapes[label] = (spec, shape.to(self.device) if shape is not None else None)
            self._fitted.discard(label)
        return self._shapes[label][1], label in self._fitted


@contextmanager
def _prefix_error_with_label(label: int, several: bool) -> Iterator[None]:
    """Prefix an error of a shape with the label of its object."""
    try:
        yield
    except InputError as error:
        raise InputError(f"object {label}: {error}" if several else str(error)) from error
